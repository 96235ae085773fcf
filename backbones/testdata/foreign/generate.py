"""Small networks with the heads of known detectors, and what they find in a picture.

    python3 backbones/testdata/foreign/generate.py

writes beside this script an ONNX file a head, with random weights and the metadata that the
detector's own exporter leaves, and reference.json: the detections of each in picture.png, worked
out here in PyTorch from the pixels to the boxes by the detectors' own conventions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torchvision.io import read_image
from torchvision.ops import batched_nms

HERE = Path(__file__).parent
CLASSES = 3
REG_MAX = 7
Decoded = tuple[Tensor, Tensor]  # boxes [A,4] as x1,y1,x2,y2, scores [A,C]


class Body(nn.Module):
    """One convolution a feature map, [N,channels,H/stride,W/stride]."""

    def __init__(self, strides: tuple[int, ...], channels: int) -> None:
        super().__init__()
        self.maps = nn.ModuleList(
            nn.Sequential(nn.AvgPool2d(s // 2), nn.Conv2d(3, channels, 2, stride=2))
            for s in strides
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        return [layer(x) for layer in self.maps]


def rows(x: Tensor) -> Tensor:
    """[N,C,H,W] to [N,H*W,C]."""
    return x.flatten(2).transpose(1, 2)


def cells(strides: tuple[int, ...], height: int, width: int) -> tuple[Tensor, Tensor]:
    """Column and row of every cell [A,2], and strides [A,1]."""
    places, sizes = [], []
    for stride in strides:
        shape = (-(-height // stride), -(-width // stride))
        y, x = torch.meshgrid(*(torch.arange(n) for n in shape), indexing="ij")
        places.append(torch.stack((x, y), 2).reshape(-1, 2).float())
        sizes.append(torch.full((shape[0] * shape[1], 1), float(stride)))
    return torch.cat(places), torch.cat(sizes)


def corners(centre: Tensor, size: Tensor) -> Tensor:
    return torch.cat([centre - size / 2, centre + size / 2], 1)


class YOLOX(nn.Module):
    strides = (8, 16, 32)

    def __init__(self) -> None:
        super().__init__()
        self.body = Body(self.strides, 5 + CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        maps = [torch.cat([m[:, :4], m[:, 4:].sigmoid()], 1) for m in self.body(x)]
        return torch.cat([rows(m) for m in maps], 1)

    def decode(self, raw: Tensor, height: int, width: int) -> Decoded:
        place, stride = cells(self.strides, height, width)
        boxes = corners((raw[:, :2] + place) * stride, raw[:, 2:4].exp() * stride)
        return boxes, raw[:, 4:5] * raw[:, 5:]


class YOLOv5(nn.Module):
    """Three anchors a cell; also gives the raw maps, as its exporter does."""

    strides = (8, 16, 32)

    def __init__(self) -> None:
        super().__init__()
        self.body = Body(self.strides, 3 * (5 + CLASSES))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        decoded, raw = [], []
        for m, stride in zip(self.body(x), self.strides):
            n, _, h, w = m.shape
            m = m.view(n, 3, 5 + CLASSES, h, w).permute(0, 1, 3, 4, 2)
            raw.append(m)
            y, x_ = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
            grid = torch.stack((x_, y), 2)
            s = m.sigmoid()
            centre = (2 * s[..., :2] - 0.5 + grid) * stride
            size = (2 * s[..., 2:4]) ** 2 * (2 * stride)
            decoded.append(torch.cat([centre, size, s[..., 4:]], 4).reshape(n, -1, 5 + CLASSES))
        return torch.cat(decoded, 1), *raw

    def decode(self, raw: Tensor, height: int, width: int) -> Decoded:
        return corners(raw[:, :2], raw[:, 2:4]), raw[:, 4:5] * raw[:, 5:]


class YOLOv8(nn.Module):
    strides = (8, 16, 32)

    def __init__(self) -> None:
        super().__init__()
        self.body = Body(self.strides, 4 + CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        maps = torch.cat([rows(m) for m in self.body(x)], 1)
        place, stride = cells(self.strides, x.shape[2], x.shape[3])
        sides = 3 * maps[..., :4].sigmoid()
        low, high = place + 0.5 - sides[..., :2], place + 0.5 + sides[..., 2:]
        boxes = torch.cat([(low + high) / 2, high - low], 2) * stride
        return torch.cat([boxes, maps[..., 4:].sigmoid()], 2).transpose(1, 2)

    def decode(self, raw: Tensor, height: int, width: int) -> Decoded:
        return corners(raw[:2].T, raw[2:4].T), raw[4:].T


class NanoDet(nn.Module):
    strides = (8, 16, 32, 64)

    def __init__(self) -> None:
        super().__init__()
        self.body = Body(self.strides, CLASSES + 4 * (REG_MAX + 1))

    def forward(self, x: Tensor) -> Tensor:
        maps = torch.cat([rows(m) for m in self.body(x)], 1)
        return torch.cat([maps[..., :CLASSES].sigmoid(), maps[..., CLASSES:]], 2)

    def decode(self, raw: Tensor, height: int, width: int) -> Decoded:
        place, stride = cells(self.strides, height, width)
        bins = raw[:, CLASSES:].reshape(-1, 4, REG_MAX + 1).softmax(2)
        sides = bins @ torch.arange(REG_MAX + 1.0) * stride
        point = place * stride
        return torch.cat([point - sides[:, :2], point + sides[:, 2:]], 1), raw[:, :CLASSES]


class EndToEnd(nn.Module):
    """YOLOv8's predictions, of which the graph gives the best, as YOLOv10 and YOLO26 do."""

    chosen = 20

    def __init__(self) -> None:
        super().__init__()
        self.all = YOLOv8()
        self.body = self.all.body

    def forward(self, x: Tensor) -> Tensor:
        predictions = self.all(x).transpose(1, 2)
        centre, size, scores = predictions.split((2, 2, CLASSES), 2)
        boxes = torch.cat([centre - size / 2, centre + size / 2], 2)
        best, place = scores.flatten(1).topk(self.chosen)
        anchor = torch.div(place, CLASSES, rounding_mode="floor")
        boxes = boxes.gather(1, anchor[..., None].expand(-1, -1, 4))
        label = (place - anchor * CLASSES).to(x.dtype)
        return torch.cat([boxes, best[..., None], label[..., None]], 2)

    def decode(self, raw: Tensor, height: int, width: int) -> Decoded:
        scores = torch.zeros(len(raw), CLASSES)
        return raw[:, :4], scores.scatter(1, raw[:, 5:].long(), raw[:, 4:5])


class DETR(nn.Module):
    """A query a cell: boxes as fractions of the input, as RT-DETR gives them."""

    strides = (8, 32)

    def __init__(self) -> None:
        super().__init__()
        self.body = Body(self.strides, 4 + CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([rows(m) for m in self.body(x)], 1).sigmoid()

    def decode(self, raw: Tensor, height: int, width: int) -> Decoded:
        size = torch.tensor([width, height])
        return corners(raw[:, :2] * size, raw[:, 2:4] * size), raw[:, 4:]


class Half(nn.Module):
    """A network whose input and output are float16; what is between is not looked at here."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.body = network.body

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x.float()).half()

    def decode(self, raw: Tensor, height: int, width: int) -> Decoded:
        return self.network.decode(raw.float(), height, width)


@dataclass
class Kind:
    """A detector and how its users feed it."""

    network: Callable[[], nn.Module]
    width: int
    height: int
    left: int  # of the 64x64 picture in the input, at its own scale; the rest is grey
    rgb: bool
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    conf: float
    nms_iou: float
    metadata: dict[str, str] = field(default_factory=dict)
    dynamic: bool = False
    dtype: torch.dtype = torch.float32


ULTRALYTICS = {
    "task": "detect",
    "stride": "32",
    "imgsz": "[64, 96]",
    "names": "{0: 'person', 1: \"driver's car\", 2: 'dog'}",
    "license": "AGPL-3.0 License",
}
UNIT = ((0.0,) * 3, (255.0,) * 3)
IMAGENET = ((103.53, 116.28, 123.675), (57.375, 57.12, 58.395))
KINDS = {
    "yolox": Kind(YOLOX, 96, 64, 0, False, (0.0,) * 3, (1.0,) * 3, 0.3, 0.45),
    "yolov5": Kind(YOLOv5, 96, 64, 16, True, *UNIT, 0.25, 0.45, ULTRALYTICS, dynamic=True),
    "yolov8": Kind(YOLOv8, 96, 64, 16, True, *UNIT, 0.25, 0.7, ULTRALYTICS),
    "nanodet": Kind(NanoDet, 64, 64, 0, False, *IMAGENET, 0.35, 0.6),
    "end2end": Kind(EndToEnd, 96, 64, 16, True, *UNIT, 0.25, 1, ULTRALYTICS),
    "detr": Kind(DETR, 64, 64, 0, True, *UNIT, 0.25, 1, ULTRALYTICS),
    "yolov8-half": Kind(
        lambda: Half(YOLOv8()), 96, 64, 16, True, *UNIT, 0.25, 0.7, ULTRALYTICS, dtype=torch.half
    ),
    "end2end-half": Kind(
        lambda: Half(EndToEnd()),
        *(96, 64, 16, True, *UNIT, 0.25, 1, ULTRALYTICS),
        dynamic=True,
        dtype=torch.half,
    ),
}


def tensor_of(picture: np.ndarray, kind: Kind) -> Tensor:
    """The BGR picture as the network takes it."""
    canvas = np.full((kind.height, kind.width, 3), 114, np.uint8)
    canvas[:, kind.left : kind.left + picture.shape[1]] = picture
    if kind.rgb:
        canvas = canvas[..., ::-1]
    values = (canvas.astype(np.float64) - kind.mean) / kind.std
    return torch.from_numpy(values.astype(np.float32)).to(kind.dtype).permute(2, 0, 1)[None]


@torch.no_grad()
def find(network: nn.Module, kind: Kind, picture: np.ndarray) -> list[list[float]]:
    """[x1, y1, x2, y2, score, class] in the picture's pixels, best first."""
    raw = network(tensor_of(picture, kind))
    raw = raw[0] if isinstance(raw, tuple) else raw
    boxes, scores = network.decode(raw[0], kind.height, kind.width)
    best, label = scores.max(1)
    keep = best >= kind.conf
    boxes, best, label = boxes[keep], best[keep], label[keep]
    keep = batched_nms(boxes, best, label, kind.nms_iou)
    boxes[:, 0::2] -= kind.left
    side = picture.shape[0]
    found = []
    for i in keep:
        box = boxes[i].clamp(0, side)
        if box[2] > box[0] and box[3] > box[1]:
            found.append([*box.tolist(), float(best[i]), float(label[i])])
    return found


def scaled(network: nn.Module, kind: Kind, picture: np.ndarray) -> None:
    """Shrink random weights that meet raw pixels, so that scores spread and do not saturate."""
    with torch.no_grad():
        x = tensor_of(picture, kind).float()
        for layer in network.body.maps:
            layer[1].weight *= 2 / layer(x).std()
            layer[1].bias -= layer(x).mean((0, 2, 3))
            layer[1].bias[-CLASSES:] -= 1


def write(network: nn.Module, kind: Kind, path: Path) -> None:
    outputs = ["output0", "raw1", "raw2", "raw3"] if isinstance(network, YOLOv5) else ["output0"]
    axes: dict[str, Any] = {"images": {2: "height", 3: "width"}, "output0": {1: "anchors"}}
    torch.onnx.export(
        network,
        (torch.zeros(1, 3, kind.height, kind.width, dtype=kind.dtype),),
        str(path),
        input_names=["images"],
        output_names=outputs,
        dynamic_axes=axes if kind.dynamic else None,
        opset_version=17,
    )
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, kind.metadata)
    onnx.save(model, str(path))


def main() -> None:
    picture = read_image(str(HERE / "picture.png")).permute(1, 2, 0).numpy()[..., ::-1]  # BGR
    reference = {}
    for name, kind in KINDS.items():
        torch.manual_seed(1)
        network = kind.network().eval()
        scaled(network, kind, picture)
        write(network, kind, HERE / f"{name}.onnx")
        found = find(network, kind, picture)
        reference[name] = {
            "width": kind.width,
            "height": kind.height,
            "detections": [[float(f"{v:.9g}") for v in row] for row in found],
        }
    text = json.dumps(reference, indent=1)
    (HERE / "reference.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
