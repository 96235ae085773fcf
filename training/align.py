"""Fill the channels of depthwise convolutions up to what the fast 8-bit kernels take.

ONNX Runtime's kernel for depthwise convolutions in 8 bits goes 16 channels at a time and leaves
other counts, such as the 72 and 120 of MnasNet and MobileNetV3, to one that takes twice as
long. Channels of zeros, which whatever reads them weighs with zeros, change no result.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx

from training.graph import attribute, constants, give, makers, readers, set_attribute, value

CHANNELS = 16
# What maps channels to themselves, one by one.
BY_CHANNEL = {"Add", "Clip", "GlobalAveragePool", "HardSigmoid", "HardSwish", "Mul", "Relu"}
WRITES, READS, BETWEEN = "writes", "reads", "between"


def align_channels(model: onnx.ModelProto) -> None:
    """Pad to multiples of CHANNELS, in place; exact.

    Channels that leave through anything but convolutions (a Concat, an output) stay as they are.
    """
    graph = model.graph
    for node in list(graph.node):
        if _depthwise(node) and (missing := -attribute(node, "group", 1) % CHANNELS):
            convolutions = _around(graph, node)
            for conv, place in convolutions:
                _pad(graph, conv, place, missing)
    del graph.value_info[:]  # the shapes of before


def _depthwise(node: onnx.NodeProto) -> bool:
    return node.op_type == "Conv" and attribute(node, "group", 1) > 1


def _around(graph: onnx.GraphProto, start: onnx.NodeProto) -> list[tuple[onnx.NodeProto, str]]:
    """The convolutions that write or read these channels, or lie between; none if others do, too."""
    made, read, fixed = makers(graph), readers(graph), constants(graph)
    found: dict[tuple[str, str], onnx.NodeProto] = {}
    todo, seen = [start.input[0]], set()
    while todo:
        tensor = todo.pop()
        if tensor in seen:
            continue
        seen.add(tensor)
        if tensor not in made:  # an input of the network
            return []
        for node in [made[tensor], *read.get(tensor, [])]:
            place = _place(node, tensor)
            if not place:
                return []
            if node.op_type == "Conv":
                found[node.name, place] = node
            if place is BETWEEN:
                todo += _through(node, fixed)
    return [(node, place) for (_, place), node in found.items()]


def _place(node: onnx.NodeProto, tensor: str) -> str:
    """What a node does to the channels of one of its tensors; empty if that cannot be told."""
    if _depthwise(node) or node.op_type in BY_CHANNEL:
        return BETWEEN
    if node.op_type != "Conv":
        return ""
    return WRITES if tensor in node.output else READS


def _through(node: onnx.NodeProto, fixed: dict[str, onnx.TensorProto]) -> Iterator[str]:
    """The tensors of a node that have the same channels."""
    for name in (*node.input, *node.output):
        if name and name not in fixed:
            yield name


def _pad(graph: onnx.GraphProto, conv: onnx.NodeProto, place: str, missing: int) -> None:
    weights = value(graph, conv.input[1])
    along = 1 if place is READS else 0
    widths = [(0, missing if axis == along else 0) for axis in range(weights.ndim)]
    give(graph, conv, 1, np.pad(weights, widths))
    if place is not READS:
        give(graph, conv, 2, np.pad(value(graph, conv.input[2]), (0, missing)))
    if place is BETWEEN:
        set_attribute(conv, "group", len(weights) + missing)
