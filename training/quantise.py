"""Make an INT8 model of an exported one, and say what that costs and gains.

    python3 -m training.quantise models/mobilenetv2.onnx --out models

Static quantisation in QDQ form: convolutions and what lies between them compute in 8 bits, with one
scale a channel for weights and ranges of activations seen on training pictures. The predictors and
the decoding of boxes stay in float32, where 8 bits would move boxes by whole pixels.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from training import evaluate, paths
from training.align import align_channels
from training.augment import letterbox_views, render
from training.data import Store
from training.equalise import equalise
from training.export import INPUT, accuracy, digest
from training.fold import GREY, fold_hard_sigmoid, fold_hard_swish, fold_normalisation
from training.stem import read_bytes

QUANTISED = [
    "Conv", "Add", "Mul", "Concat", "Resize", "MaxPool", "GlobalAveragePool", "Relu", "Clip"
]  # fmt: skip
EQUALISED = 32  # pictures that show how large channels get
KEPT = 0.97  # of AP50, at least
SUFFIX = "-int8"
WARM, TIMED = 5, 50  # runs


class Pictures(CalibrationDataReader):
    """Letterboxed pictures of a set, one at a time."""

    def __init__(self, store: Store, size: int, count: int) -> None:
        self._pictures = self._read(store, size, count)

    def _read(self, store: Store, size: int, count: int) -> Iterator[dict[str, np.ndarray]]:
        rng = torch.Generator().manual_seed(0)
        for index in torch.randperm(len(store), generator=rng)[:count]:
            view = render(store, letterbox_views(store, index[None], size))
            yield {INPUT: view.to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()}

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._pictures, None)


def left_in_float(model: onnx.ModelProto) -> list[str]:
    """The nodes from which no convolution follows: predictors and decoding; and what precedes any.

    Walks the graph backwards; nodes are listed in the order they run.
    """
    needed: set[str] = set()  # tensors that lead to a convolution
    kept = []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            continue
        kept.append(node.name)
        if node.op_type == "Conv":
            needed.update(node.input)
    return kept


def quantise(source: Path, target: Path, store: Store, size: int, count: int) -> None:
    """Write the INT8 form of `source`, calibrated on `count` pictures."""
    onnxruntime.set_default_logger_severity(3)  # errors; each folded constant is a warning
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        model = onnx.load(str(prepared))
        for rewrite in (fold_normalisation, fold_hard_sigmoid, fold_hard_swish):
            rewrite(model)
        equalise(model, Pictures(store, size, EQUALISED))
        align_channels(model)
        onnx.save(model, str(prepared))
        quantize_static(
            str(prepared),
            str(target),
            Pictures(store, size, count),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=QUANTISED,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=left_in_float(model),
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"CalibMovingAverage": True, "TensorQuantOverrides": pixels(model)},
        )
    made = onnx.load(str(target))
    read_bytes(made)
    onnx.checker.check_model(made)
    onnx.save(made, str(target))


def pixels(model: onnx.ModelProto) -> dict[str, list[dict[str, np.ndarray]]]:
    """The scale and zero point with which pixels less GREY are the picture's bytes."""
    sub = next(node for node in model.graph.node if node.op_type == "Sub")
    return {
        sub.output[0]: [{"scale": np.array(1, np.float32), "zero_point": np.array(GREY, np.uint8)}]
    }


def milliseconds(path: Path, size: int, threads: int) -> float:
    """The median time of one picture in the network alone."""
    session = evaluate.session_of(path, threads)
    picture = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), np.uint8)
    times = []
    for _ in range(WARM + TIMED):
        began = time.perf_counter()
        session.run(None, {INPUT: picture})
        times.append(time.perf_counter() - began)
    return 1e3 * float(np.median(times[WARM:]))


def manifest(
    source: Path,
    target: Path,
    precision: str,
    result: dict[str, Any],
    speed: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The float model's manifest, told of the smaller file; that stands for its backbone."""
    made: dict[str, Any] = json.loads(source.with_suffix(".json").read_text(encoding="utf-8"))
    made["name"] = target.stem
    made["file"] = target.name
    made["sha256"] = digest(target)
    made["precision"] = precision
    made["recommended"] = True
    made["conf"] = round(result["conf"], 2)
    made["accuracy"] = accuracy(result, made["input"]["width"])
    if speed:
        made["speed"] = speed
    return made


def partial(target: Path) -> Path:
    """Where a model stays until it has shown how accurate it is: no tool takes it for one."""
    return target.with_suffix(".partial")


def require(made: Path, ap50: float, before: float, share: float) -> None:
    """Give up, and leave no file, where a smaller model lost more of AP50 than it may."""
    if ap50 < share * before:
        made.unlink()
        raise SystemExit(
            f"{made.stem}: AP50 is {100 * ap50:.1f}, was {100 * before:.1f}: keeps less than {share:.0%}"
        )


def processor() -> str:
    """The CPU's name, as Linux knows it."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="an exported .onnx with its manifest beside it")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=256, help="to calibrate on")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()

    size = json.loads(args.model.with_suffix(".json").read_text(encoding="utf-8"))["input"]["width"]
    target = args.out / f"{args.model.stem}{SUFFIX}.onnx"
    quantised = partial(target)
    quantise(args.model, quantised, Store.load(paths.cache() / "train"), size, args.pictures)
    val = Store.load(paths.cache() / "val")
    results, times = [], []
    for path in (args.model, quantised):
        results.append(evaluate.score(evaluate.of_onnx(path, args.threads), val, size))
        times.append(milliseconds(path, size, args.threads))
        kib = path.stat().st_size >> 10
        print(f"{path}: {kib} KiB, AP50 {100 * results[-1]['ap50']:.1f}, {times[-1]:.1f} ms")
    speed = {
        "milliseconds": round(times[1], 1),
        "threads": args.threads,
        "machine": processor(),
    }
    require(quantised, results[1]["ap50"], results[0]["ap50"], KEPT)
    quantised.replace(target)
    text = json.dumps(manifest(args.model, target, "int8", results[1], speed), indent=2) + "\n"
    target.with_suffix(".json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
