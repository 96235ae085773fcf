"""Have the first convolution of an 8-bit network read the picture's bytes as they are.

A byte is a pixel less a grey level already, at scale 1 and with that level for its zero point. And
three channels are too few for the kernels of ONNX Runtime, which take multiples of four: a seventh
of the whole time is spent on gathering them. As [N,H,W,3] lies in memory, four pixels of a row are
twelve channels of one; a convolution of stride 2 over those gives two cells of its output at once,
as twice the channels, which lie in memory just as the cells of [N,H/2,W/2,C] do.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from training.graph import add, attribute, give, makers, prune, readers, set_attribute, value

PIXELS = 4  # of a row, that become one
STRIDE = 2
COLOURS = 3
TO_CHANNELS_FIRST, TO_CHANNELS_LAST = [0, 3, 1, 2], [0, 2, 3, 1]


def read_bytes(model: onnx.ModelProto) -> None:
    """Turn the beginning of a model in QDQ form, in place; the integers stay what they were.

    The model begins with Transpose, Cast, Sub, QuantizeLinear (scale 1), DequantizeLinear, Conv,
    and what QuantizeLinear that one's activation ends in.
    """
    graph = model.graph
    read = readers(graph)
    picture = graph.input[0].name
    sub = next(node for node in graph.node if node.op_type == "Sub")
    chain = [sub]
    for kind in ("QuantizeLinear", "DequantizeLinear", "Conv"):
        chain.append(_only(read, chain[-1].output[0]))
        if chain[-1].op_type != kind:
            raise ValueError(f"the network begins with {chain[-1].op_type}, want {kind}")
    _, quantise, dequantise, conv = chain
    if value(graph, quantise.input[1]) != 1:
        raise ValueError(f"pixels have the scale {value(graph, quantise.input[1])}, want 1")

    pixels = add(graph, "stem/pixels", np.array([0, 0, -1, PIXELS * COLOURS]))
    before = [
        helper.make_node("Reshape", [picture, pixels], ["stem/packed"], name="stem/Reshape"),
        helper.make_node(
            "Transpose", ["stem/packed"], ["stem/input"], name="stem/T", perm=TO_CHANNELS_FIRST
        ),
    ]
    dequantise.input[0] = "stem/input"
    channels = _widen(graph, conv)
    _split(graph, _quantised(read, conv), channels)
    for node in reversed(before):
        graph.node.insert(0, node)
    del graph.value_info[:]  # the shapes of before
    prune(graph)


def _only(read: dict[str, list[onnx.NodeProto]], tensor: str) -> onnx.NodeProto:
    nodes = read[tensor]
    if len(nodes) != 1:
        raise ValueError(f"{tensor} is read by {[n.op_type for n in nodes]}, want one node")
    return nodes[0]


def _quantised(read: dict[str, list[onnx.NodeProto]], conv: onnx.NodeProto) -> onnx.NodeProto:
    """The first QuantizeLinear after a convolution."""
    node = conv
    while node.op_type != "QuantizeLinear":
        node = _only(read, node.output[0])
    return node


def _widen(graph: onnx.GraphProto, conv: onnx.NodeProto) -> int:
    """Have the convolution take PIXELS at once and give PIXELS / STRIDE cells; the channels of one."""
    made = makers(graph)
    weights, bias = (made[name] for name in conv.input[1:])
    narrow = value(graph, weights.input[0])
    channels, _, height, width = narrow.shape
    top, left, bottom, _ = attribute(conv, "pads", [0] * 4)
    if attribute(conv, "strides", [1, 1]) != [STRIDE] * 2:
        raise ValueError(f"the first convolution has strides {attribute(conv, 'strides', None)}")
    cells = PIXELS // STRIDE
    first, last = -left // PIXELS, (STRIDE * (cells - 1) - left + width - 1) // PIXELS

    wide = np.zeros((cells, channels, PIXELS, COLOURS, height, last - first + 1), narrow.dtype)
    for cell in range(cells):
        for column in range(width):
            block, pixel = divmod(STRIDE * cell - left + column, PIXELS)
            wide[cell, :, pixel, :, :, block - first] = narrow[:, :, :, column]
    give(graph, weights, 0, wide.reshape(cells * channels, PIXELS * COLOURS, *wide.shape[4:]))
    for node, indices in ((weights, (1, 2)), (bias, (0, 1, 2))):
        for index in indices:
            give(graph, node, index, np.tile(value(graph, node.input[index]), cells))
    set_attribute(conv, "kernel_shape", wide.shape[4:])
    set_attribute(conv, "strides", [STRIDE, 1])
    set_attribute(conv, "pads", [top, -first, bottom, last])
    return channels


def _split(graph: onnx.GraphProto, quantise: onnx.NodeProto, channels: int) -> None:
    """Put the cells that a convolution gives as one side by side."""
    wide = quantise.output[0]
    cells = add(graph, "stem/cells", np.array([0, 0, -1, channels]))
    for node in graph.node:
        for i, name in enumerate(node.input):
            if name == wide:
                node.input[i] = "stem/output"
    steps = [
        ("Transpose", [wide], "stem/rows", {"perm": TO_CHANNELS_LAST}),
        ("Reshape", ["stem/rows", cells], "stem/split", {}),
        ("Transpose", ["stem/split"], "stem/output", {"perm": TO_CHANNELS_FIRST}),
    ]
    at = list(graph.node).index(quantise) + 1
    for kind, inputs, output, attributes in reversed(steps):
        node = helper.make_node(kind, inputs, [output], name=f"{output}/{kind}", **attributes)
        graph.node.insert(at, node)
