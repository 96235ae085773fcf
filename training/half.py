"""Make a float16 model of an exported one: half the size, and what tensor cores compute in.

    python3 -m training.half out/resnet18.onnx --out models

Inputs and outputs stay as they are, and so do the predictors and the decoding of boxes: float16 has
steps of a quarter pixel from 256 pixels on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from training import evaluate, paths
from training.data import Store
from training.fold import fold_scale
from training.graph import add, attribute, constants, prune, set_attribute
from training.quantise import left_in_float, manifest, partial, require

KEPT = 0.98  # of AP50, at least; one object of a rare class moves it by a hundredth
SUFFIX = "-fp16"


def halve(source: Path, target: Path) -> None:
    """Write the float16 form of `source`."""
    model = onnx.load(str(source))
    fold_scale(model)
    _Halving(model).run()
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


class _Halving:
    """Puts one cast where a tensor leaves float16, and none elsewhere: each costs a GPU as a layer does."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.graph = model.graph
        self.kept = set(left_in_float(model))
        self.fixed = constants(model.graph)
        inferred = onnx.shape_inference.infer_shapes(model).graph.value_info
        self.types = {one.name: one.type.tensor_type.elem_type for one in inferred}
        self.narrow: set[str] = set()  # tensors that are float16 now
        self.made: set[str] = set()  # what was added
        self.nodes: list[onnx.NodeProto] = []

    def run(self) -> None:
        for node in self.graph.node:
            if node.name in self.kept:
                self._widen(node)
            elif node.output[0] not in self.fixed:
                self._narrow(node)
            self.nodes.append(node)
        del self.graph.node[:]
        self.graph.node.extend(self.nodes)
        prune(self.graph)

    def _widen(self, node: onnx.NodeProto) -> None:
        """Have a node read float32."""
        for i, name in enumerate(node.input):
            if name not in self.narrow:
                continue
            node.input[i] = wide = f"{name}/float"
            if wide not in self.made:
                self.made.add(wide)
                self.nodes.append(
                    helper.make_node("Cast", [name], [wide], name=wide, to=TensorProto.FLOAT)
                )

    def _narrow(self, node: onnx.NodeProto) -> None:
        """Have a node compute in float16."""
        for i, name in enumerate(node.input):
            constant = self.fixed.get(name)
            if constant is None or constant.data_type != TensorProto.FLOAT:
                continue
            if node.op_type == "Resize" and i > 0:  # scales
                continue
            node.input[i] = half = f"{name}/half"
            if half not in self.made:
                self.made.add(half)
                add(self.graph, half, numpy_helper.to_array(constant).astype(np.float16))
        if node.op_type == "Cast" and attribute(node, "to", 0) == TensorProto.FLOAT:
            set_attribute(node, "to", TensorProto.FLOAT16)
        self.narrow.update(o for o in node.output if self.types.get(o) == TensorProto.FLOAT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="an exported .onnx with its manifest beside it")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()

    described = json.loads(args.model.with_suffix(".json").read_text(encoding="utf-8"))
    size, before = described["input"]["width"], described["accuracy"]["ap50"]
    args.out.mkdir(parents=True, exist_ok=True)
    target = args.out / f"{args.model.stem}{SUFFIX}.onnx"
    halved = partial(target)
    halve(args.model, halved)
    val = Store.load(paths.cache() / "val")
    result = evaluate.score(evaluate.of_onnx(halved, args.threads), val, size)
    print(f"{halved.stem}: {halved.stat().st_size >> 10} KiB, AP50 {100 * result['ap50']:.1f}")
    require(halved, result["ap50"], before, KEPT)
    halved.replace(target)
    text = json.dumps(manifest(args.model, target, "fp16", result), indent=2) + "\n"
    target.with_suffix(".json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
