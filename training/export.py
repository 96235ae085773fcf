"""Write a trained detector as ONNX in the project's own contract, with its manifest.

    python3 -m training.export mobilenetv2 --size 320 --licence "..." --out models

`images`, uint8 [N,H,W,3] in BGR, gives `boxes`, float32 [N,A,4] in input pixels, and `scores`,
float32 [N,A,C]; N, H and W are free, the sides multiples of 32. The file is kept only if ONNX
Runtime agrees with torch on pictures of the validation set.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import inspect
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from training import checkpoint, evaluate, paths
from training.augment import letterbox_views, render
from training.backbones import STRIDES, member
from training.data import CLASSES, Store
from training.detector import Detector
from training.resnest import LightAttention, SplitAttention
from training.tail import decode

OPSET = 17
TOLERANCE = 1e-3  # of scores, and of boxes as a share of the input's side
INPUT, BOXES, SCORES = "images", "boxes", "scores"
CHECKED = 8  # pictures compared
MULTIPLE = 32  # pixels that an input's sides are multiples of
NMS_IOU = 0.5  # what the program uses where its user does not say


class Predictors(nn.Module):
    """The detector as the program runs it, up to its last convolutions: bytes in, maps out."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = lighten(copy.deepcopy(detector).eval())

    def forward(self, images: Tensor) -> list[Tensor]:
        """The logits and distances of each stride, [N,H,W,C] and [N,H,W,4]."""
        maps = self.detector.features(images.permute(0, 3, 1, 2).float())
        return [
            x.permute(0, 2, 3, 1)
            for head, features in zip(self.detector.heads, maps)
            for x in head(features)
        ]


def lighten(module: nn.Module) -> nn.Module:
    """Swap what has a form of fewer operators, in place."""
    for name, child in module.named_children():
        split = isinstance(child, SplitAttention)
        setattr(module, name, LightAttention(child) if split else lighten(child))
    return module


def write(detector: Detector, size: int, metadata: dict[str, str], path: Path) -> None:
    """Trace the network into an ONNX file, and have the tail decode what it gives."""
    free = {0: "N", 1: "H", 2: "W"}
    maps = [(f"logits{stride}", f"distances{stride}") for stride in STRIDES]
    names = [name for pair in maps for name in pair]
    # Newer versions of torch trace another way unless told not to.
    old = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    torch.onnx.export(
        Predictors(detector),
        (torch.zeros(1, size, size, 3, dtype=torch.uint8),),
        str(path),
        input_names=[INPUT],
        output_names=names,
        dynamic_axes={INPUT: free, **{name: free for name in names}},
        opset_version=OPSET,
        **old,
    )
    model = onnx.load(str(path))
    decode(model.graph, maps, STRIDES, BOXES, SCORES)
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def largest_difference(detector: Detector, path: Path, pictures: Tensor) -> float:
    """Between torch and ONNX Runtime: of scores, or of boxes as a share of the input's side."""
    pictures = pictures.round()
    with torch.no_grad():
        want = evaluate.of_detector(detector)(pictures)
    got = evaluate.of_onnx(path, threads=1)(pictures)
    boxes, scores = ((a - b).abs().max() for a, b in zip(want, got))
    return max(float(boxes) / pictures.shape[-1], float(scores))


def describe(
    name: str,
    state: dict[str, Any],
    licence: str,
    size: int,
    result: dict[str, Any],
    sources: Sequence[str],
) -> dict[str, str]:
    """What the model file says about itself; `sources` has one entry a training picture."""
    settings = checkpoint.settings_of(state)
    person = result["classes"]["person"]["ap50"]
    pictures = state["progress"]["step"] * settings.batch
    return {
        "name": name,
        "backbone": member(settings.backbone).family,
        "labels": json.dumps(CLASSES),
        "input_size": f"{size}x{size}",
        "start": state["start"],
        "training_data": f"{len(sources)} pictures of {', '.join(sorted(set(sources)))}; "
        f"{pictures} seen in training, from {state['start']}",
        "accuracy": f"AP50 {100 * result['ap50']:.1f}, person AP50 {100 * person:.1f} "
        f"on the validation split at {size}x{size}",
        "licence": licence,
    }


def accuracy(result: dict[str, Any], size: int) -> dict[str, Any]:
    """What evaluate.score found, as a manifest says it."""
    return {
        "ap50": round(result["ap50"], 4),
        "person_ap50": round(result["classes"]["person"]["ap50"], 4),
        "data": f"validation split at {size}x{size}",
    }


def manifest(
    metadata: dict[str, str], path: Path, size: int, result: dict[str, Any]
) -> dict[str, Any]:
    """The JSON that stands beside the model; backbones/manifest.go reads it."""
    return {
        "schema": 1,
        "name": metadata["name"],
        "backbone": metadata["backbone"],
        "description": f"anchor-free detector on {metadata['backbone']}, {len(CLASSES)} classes",
        "file": path.name,
        "sha256": digest(path),
        "precision": "fp32",
        "input": {
            "name": INPUT,
            "type": "uint8",
            "layout": "NHWC",
            "color": "BGR",
            "width": size,
            "height": size,
            "multiple": MULTIPLE,
            "resize": "letterbox",
        },
        "head": {"format": "boxes", "boxes": BOXES, "scores": SCORES},
        "labels": list(CLASSES),
        "conf": round(result["conf"], 2),
        "nms_iou": NMS_IOU,
        "accuracy": accuracy(result, size),
        "licence": metadata["licence"],
        "source": f"trained by this project (training/), from {metadata['start']}",
        "trained_by": "this project",
        "training_data": metadata["training_data"],
    }


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="name of a run, or a checkpoint")
    parser.add_argument("--name", help="of the model (default: the run's)")
    parser.add_argument("--size", type=int, default=320, help="pixels a side, a multiple of 32")
    parser.add_argument("--licence", required=True, help="of the weights, for the manifest")
    parser.add_argument("--out", type=Path, required=True, help="folder of the model and manifest")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    name = args.name or Path(args.run).stem
    state = checkpoint.read(checkpoint.find(args.run))
    detector = checkpoint.load_detector(args.run)
    store = Store.load(paths.cache() / "val")
    result = evaluate.score(evaluate.of_detector(detector), store, args.size)
    sources = Store.load(paths.cache() / "train").sources
    metadata = describe(name, state, args.licence, args.size, result, sources)

    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f"{name}.onnx"
    partial = path.with_suffix(".partial")
    write(detector, args.size, metadata, partial)
    views = letterbox_views(store, torch.arange(CHECKED), args.size)
    difference = largest_difference(detector, partial, render(store, views))
    if difference > TOLERANCE:
        raise SystemExit(f"{partial}: differs from torch by {difference:.1e}, over {TOLERANCE}")
    os.replace(partial, path)
    text = json.dumps(manifest(metadata, path, args.size, result), indent=2) + "\n"
    path.with_suffix(".json").write_text(text, encoding="utf-8")
    print(f"{path}: {path.stat().st_size >> 10} KiB, within {difference:.1e} of torch")
    print(evaluate.table(result))


if __name__ == "__main__":
    main()
