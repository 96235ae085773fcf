"""Write what follows the predictors as few operators: an exporter writes it as hundreds.

What PyTorch says of the cells' centres in terms of shapes takes ten operators a coordinate, and each
costs a GPU as much to start as a convolution. Here the three maps are decoded as one, and what
depends on nothing but the picture's height and width becomes a constant where those are known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper

from training.graph import add


class Tail:
    """Adds operators to a graph, each under the name of what it gives."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.graph = graph

    def node(self, kind: str, inputs: Sequence[str], *outputs: str, **attributes: object) -> str:
        made = helper.make_node(kind, list(inputs), outputs, name=outputs[0], **attributes)
        self.graph.node.append(made)
        return outputs[0]

    def constant(self, name: str, numbers: Sequence[int] | int) -> str:
        return add(self.graph, f"{name}/constant", np.array(numbers, np.int64))


def decode(
    graph: onnx.GraphProto,
    maps: Sequence[tuple[str, str]],
    strides: Sequence[int],
    boxes: str,
    scores: str,
) -> None:
    """Put boxes and scores, as training.detector decodes them, in the place of the maps.

    `maps` are the logits' and the distances', [N,H,W,C] and [N,H,W,4], of each stride.
    """
    classes = graph.output[0].type.tensor_type.shape.dim[3].dim_value
    tail = Tail(graph)
    tail.node("Sigmoid", [_joined(tail, [one for one, _ in maps], classes, "logits")], scores)
    distances = _joined(tail, [one for _, one in maps], 4, "distances")
    reach = tail.node("Softplus", [distances], "tail/softplus")
    centres, steps = _cells(tail, [one for _, one in maps], strides)
    reach = tail.node("Mul", [reach, steps], "tail/reach")
    tail.node("Add", [reach, centres], boxes)
    del graph.output[:]
    for name, width in ((boxes, 4), (scores, classes)):
        graph.output.append(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", "A", width])
        )


def _joined(tail: Tail, maps: Sequence[str], channels: int, name: str) -> str:
    """The maps' cells one after the other: [N,A,channels]."""
    shape = tail.constant(f"tail/{name}/shape", [0, -1, channels])
    rows = [tail.node("Reshape", [one, shape], f"tail/{name}/{i}") for i, one in enumerate(maps)]
    return tail.node("Concat", rows, f"tail/{name}", axis=1)


def _cells(tail: Tail, maps: Sequence[str], strides: Sequence[int]) -> tuple[str, str]:
    """Of every cell, [A,4]: its centre, twice, and the stride, negative for the sides before it."""
    # Of one picture of the coarsest map: a shape with an open size of the batch is no constant.
    first = tail.node("Gather", [maps[-1], tail.constant("tail/picture", 0)], "tail/first")
    coarse = tail.node("Shape", [first], "tail/coarse", end=2)
    sides = tail.node("Mul", [coarse, tail.constant("tail/stride", strides[-1])], "tail/sides")
    ends = [
        tail.node("Gather", [sides, tail.constant(f"tail/{name}/axis", axis)], f"tail/{name}")
        for axis, name in enumerate(("height", "width"))
    ]
    rows = [_grid(tail, ends, stride) for stride in strides]
    whole = tail.node("Concat", rows, "tail/whole", axis=0)
    cells = tail.node("Cast", [whole], "tail/cells", to=TensorProto.FLOAT)
    centres, steps = "tail/centres", "tail/steps"
    tail.node("Split", [cells, tail.constant("tail/halves", [4, 4])], centres, steps, axis=1)
    return centres, steps


def _grid(tail: Tail, ends: Sequence[str], stride: int) -> str:
    """The cells of one stride, [A,8]."""
    at = f"tail/{stride}"
    range_of = [
        tail.constant(f"{at}/{n}", v) for n, v in (("first", stride // 2), ("step", stride))
    ]
    lines = []
    for end, name, axes, places in (
        (ends[0], "y", [1, 2], [0, 1, 0, 1, 0, 0, 0, 0]),
        (ends[1], "x", [-1], [1, 0, 1, 0, 0, 0, 0, 0]),
    ):
        line = tail.node("Range", [range_of[0], end, range_of[1]], f"{at}/{name}")
        axis = tail.constant(f"{at}/{name}/axes", axes)
        line = tail.node("Unsqueeze", [line, axis], f"{at}/{name}/line")
        mask = tail.constant(f"{at}/{name}/places", places)
        lines.append(tail.node("Mul", [line, mask], f"{at}/{name}/placed"))
    steps = tail.constant(f"{at}/steps", [0, 0, 0, 0, -stride, -stride, stride, stride])
    lines[1] = tail.node("Add", [lines[1], steps], f"{at}/row")
    grid = tail.node("Add", lines, f"{at}/grid")
    return tail.node("Reshape", [grid, tail.constant(f"{at}/shape", [-1, 8])], f"{at}/cells")
