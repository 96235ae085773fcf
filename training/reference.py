"""What shipped models find in a picture, for the test that the program finds the same.

    python3 -m training.reference models/*.onnx

writes backbones/testdata/reference/NAME.json: the detections in street.png of that folder at the
picture's own size, so that no resizing comes between. The network runs in ONNX Runtime's Python,
the rest in PyTorch; a box counts for its best class.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchvision.io import read_image
from torchvision.ops import batched_nms

from training import evaluate
from training.export import digest

FOLDER = Path(__file__).resolve().parent.parent / "backbones" / "testdata" / "reference"
CONF, NMS_IOU = 0.1, 0.5


def detections(boxes: Tensor, scores: Tensor, width: int, height: int) -> list[list[float]]:
    """[x1, y1, x2, y2, score, class] of boxes [A,4] with scores [A,C], best first."""
    best, label = scores.max(1)
    kept = best >= CONF
    boxes, best, label = boxes[kept], best[kept], label[kept]
    kept = batched_nms(boxes, best, label, NMS_IOU)
    edges = torch.tensor([width, height, width, height])
    boxes = boxes[kept].clamp(min=0).minimum(edges)
    rows = torch.cat([boxes, best[kept, None], label[kept, None].float()], 1)
    return [[float(f"{v:.9g}") for v in row] for row in rows.tolist()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, nargs="+", help=".onnx files in models/")
    args = parser.parse_args()

    picture = read_image(str(FOLDER / "street.png")).flip(0)[None].float()  # BGR
    height, width = picture.shape[2:]
    for path in args.models:
        boxes, scores = evaluate.of_onnx(path, threads=1)(picture)
        found: dict[str, Any] = {
            "sha256": digest(path),
            "conf": CONF,
            "nms_iou": NMS_IOU,
            "detections": detections(boxes[0], scores[0], width, height),
        }
        text = json.dumps(found, indent=1) + "\n"
        (FOLDER / f"{path.stem}.json").write_text(text, encoding="utf-8")
        print(f"{path.stem}: {len(found['detections'])} detections")


if __name__ == "__main__":
    main()
