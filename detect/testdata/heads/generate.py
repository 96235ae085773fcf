"""Raw outputs of detector heads and what they mean, for the decoders' tests.

    python3 detect/testdata/heads/generate.py

writes one JSON file a head beside this script: random outputs for an input of 96x64 pixels and
three classes, and the detections that the head's own formulas, here in PyTorch over whole tensors,
make of them: [x1, y1, x2, y2, score, class] in the order of the anchors, scores of at least `conf`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

WIDTH, HEIGHT, CLASSES, CONF = 96, 64, 3, 0.3
REG_MAX = 7
HERE = Path(__file__).parent


def grid(strides: list[int]) -> tuple[Tensor, Tensor]:
    """Column and row of every cell [A,2], and strides [A,1]."""
    places, sizes = [], []
    for stride in strides:
        rows, columns = -(-HEIGHT // stride), -(-WIDTH // stride)
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        places.append(torch.stack((x, y), 2).reshape(-1, 2).float())
        sizes.append(torch.full((rows * columns, 1), float(stride)))
    return torch.cat(places), torch.cat(sizes)


def corners(centre: Tensor, size: Tensor) -> Tensor:
    return torch.cat([centre - size / 2, centre + size / 2], 1)


def yolox(rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    cells, strides = grid([8, 16, 32])
    raw = torch.randn(len(cells), 5 + CLASSES, generator=rng)
    raw[:, 4:] = raw[:, 4:].sigmoid()
    boxes = corners((raw[:, :2] + cells) * strides, raw[:, 2:4].exp() * strides)
    return raw, boxes, raw[:, 4:5] * raw[:, 5:]


def yolov5(rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    raw = torch.rand(3 * 126, 5 + CLASSES, generator=rng)
    raw[:, :4] *= torch.tensor([WIDTH, HEIGHT, WIDTH, HEIGHT])
    return raw, corners(raw[:, :2], raw[:, 2:4]), raw[:, 4:5] * raw[:, 5:]


def yolov8(rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    raw = torch.rand(126, 4 + CLASSES, generator=rng) ** 2
    raw[:, :4] *= torch.tensor([WIDTH, HEIGHT, WIDTH, HEIGHT])
    return raw.T.contiguous(), corners(raw[:, :2], raw[:, 2:4]), raw[:, 4:]


def nanodet(rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    cells, strides = grid([8, 16, 32, 64])
    raw = 2 * torch.randn(len(cells), CLASSES + 4 * (REG_MAX + 1), generator=rng)
    raw[:, :CLASSES] = raw[:, :CLASSES].sigmoid()
    bins = raw[:, CLASSES:].reshape(-1, 4, REG_MAX + 1).softmax(2)
    sides = bins @ torch.arange(REG_MAX + 1.0) * strides
    points = cells * strides
    return raw, torch.cat([points - sides[:, :2], points + sides[:, 2:]], 1), raw[:, :CLASSES]


def end2end(rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes that the network has chosen, best first, and rows of zeros that were not needed."""
    chosen, unused = 60, 20
    size = torch.tensor([WIDTH, HEIGHT], dtype=torch.float32)
    corner, extent = torch.rand(2, chosen, 2, generator=rng) * size / 2
    boxes = torch.cat([corner, corner + extent], 1)
    best = torch.rand(chosen, generator=rng).sort(descending=True).values
    label = torch.randint(CLASSES, (chosen,), generator=rng)
    raw = torch.cat([boxes, best[:, None], label[:, None].float()], 1)
    scores = torch.zeros(chosen, CLASSES).scatter(1, label[:, None], best[:, None])
    return torch.cat([raw, torch.zeros(unused, 6)]), boxes, scores


def detr(rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    raw = torch.rand(100, 4 + CLASSES, generator=rng) ** 2
    size = torch.tensor([WIDTH, HEIGHT], dtype=torch.float32)
    return raw, corners(raw[:, :2] * size, raw[:, 2:4] * size), raw[:, 4:]


def fixture(raw: Tensor, boxes: Tensor, scores: Tensor) -> dict[str, Any]:
    best, label = scores.max(1)
    keep = best >= CONF
    rows = torch.cat([boxes, best[:, None], label[:, None].float()], 1)[keep]
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "classes": CLASSES,
        "conf": CONF,
        "shape": list(raw.shape),
        "output": short(raw.flatten()),
        "detections": [short(row) for row in rows],
    }


def short(values: Tensor) -> list[float]:
    """The values with the nine digits that a float32 has."""
    return [float(f"{v:.9g}") for v in values.tolist()]


def main() -> None:
    for head in (yolox, yolov5, yolov8, nanodet, end2end, detr):
        made = fixture(*head(torch.Generator().manual_seed(1)))
        text = json.dumps(made, separators=(",", ":"))
        (HERE / f"{head.__name__}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
