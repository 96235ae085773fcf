"""Make a float16 model of an exported one: half the size, and what tensor cores compute in.

    python3 -m training.half out/resnet18.onnx --out models

Inputs and outputs stay as they are, and so do the predictors and the decoding of boxes: float16 has
steps of a quarter pixel from 256 pixels on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from training import evaluate, paths
from training.data import Store
from training.quantise import left_in_float, manifest

KEPT = 0.99  # of AP50, at least
SUFFIX = "-fp16"


def halve(source: Path, target: Path) -> None:
    """Write the float16 form of `source`."""
    model = onnx.load(str(source))
    made = convert_float_to_float16(
        model, keep_io_types=True, node_block_list=left_in_float(model)
    )
    OnnxModel(made).topological_sort()  # its casts come last
    onnx.checker.check_model(made)
    onnx.save(made, str(target))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="an exported .onnx with its manifest beside it")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()

    described = json.loads(args.model.with_suffix(".json").read_text(encoding="utf-8"))
    size, before = described["input"]["width"], described["accuracy"]["ap50"]
    target = args.out / f"{args.model.stem}{SUFFIX}.onnx"
    halve(args.model, target)
    val = Store.load(paths.cache() / "val")
    result = evaluate.score(evaluate.of_onnx(target, args.threads), val, size)
    print(f"{target}: {target.stat().st_size >> 10} KiB, AP50 {100 * result['ap50']:.1f}")
    text = json.dumps(manifest(args.model, target, "fp16", result), indent=2) + "\n"
    target.with_suffix(".json").write_text(text, encoding="utf-8")
    if result["ap50"] < KEPT * before:
        raise SystemExit(f"{target}: AP50 was {100 * before:.1f}; keeps less than {KEPT:.0%}")


if __name__ == "__main__":
    main()
