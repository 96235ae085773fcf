"""Fold arithmetic that has no 8-bit kernel into convolutions, or write it with operators that have.

In float32, subtracting means and multiplying by scales costs next to nothing. In an 8-bit network
these two are the only work done in float32 on every pixel, a fifth of the whole time. Folded, a
pixel less one grey level is what the first convolution reads, and that fits 8 bits as it is.
MobileNetV3's hard sigmoid and hard swish (Howard et al., ICCV 2019) would likewise stay in float32,
with a conversion before and after each.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import onnx
from onnx import helper

from training.graph import add, attribute, give, makers, prune, readers, value

GREY = 114  # near every channel's mean, and what letterboxes are filled with


def fold_normalisation(model: onnx.ModelProto) -> None:
    """Turn Conv((x - mean) * scale) into Conv'(x - GREY), in place.

    Exact but for the frame of zeros around the picture, which now means grey and not the mean
    colour: up to 11 levels at the outermost pixels.
    """
    graph = model.graph
    sub, mul, conv = _beginning(graph)
    mean = value(graph, sub.input[1]).reshape(3)
    scale = value(graph, mul.input[1]).reshape(3)
    folded = value(graph, conv.input[1]) * scale[None, :, None, None]
    shift = (folded * (GREY - mean)[None, :, None, None]).sum((1, 2, 3))
    bias = value(graph, conv.input[2]) + shift
    give(graph, conv, 1, folded.astype(np.float32))
    give(graph, conv, 2, bias.astype(np.float32))
    give(graph, sub, 1, np.array(GREY, np.float32))
    conv.input[0] = sub.output[0]
    prune(graph)


def fold_scale(model: onnx.ModelProto) -> None:
    """Turn Conv((x - mean) * scale) into Conv'(x - mean), in place; exact."""
    graph = model.graph
    sub, mul, conv = _beginning(graph)
    scale = value(graph, mul.input[1]).reshape(1, 3, 1, 1)
    give(graph, conv, 1, (value(graph, conv.input[1]) * scale).astype(np.float32))
    conv.input[0] = sub.output[0]
    prune(graph)


def _beginning(graph: onnx.GraphProto) -> tuple[onnx.NodeProto, onnx.NodeProto, onnx.NodeProto]:
    """The subtraction, multiplication and convolution that begin the network."""
    users = {name: nodes[-1] for name, nodes in readers(graph).items()}
    sub = next(node for node in graph.node if node.op_type == "Sub")
    mul = users[sub.output[0]]
    conv = users[mul.output[0]]
    kinds = [node.op_type for node in (sub, mul, conv)]
    if kinds != ["Sub", "Mul", "Conv"]:
        raise ValueError(f"the network begins with {kinds}, want Sub, Mul, Conv")
    return sub, mul, conv


def fold_hard_sigmoid(model: onnx.ModelProto) -> None:
    """Turn clip(a * Conv(x) + b, 0, 1) into Clip(Conv'(x)), in place; the clip is left to the 8 bits."""
    _rewrite(model.graph, "HardSigmoid", _hard_sigmoid)


def fold_hard_swish(model: onnx.ModelProto) -> None:
    """Turn y * clip(y + 3, 0, 6) / 6 of y = Conv(x) into an Add, a Clip and a Mul, in place.

    With u = y / sqrt(6), which the convolution gives as cheaply, it is u * clip(u + 3 / sqrt(6), 0,
    sqrt(6)): the division is gone, and with the clip left to the 8 bits, two operators remain.
    """
    _rewrite(model.graph, "HardSwish", _hard_swish)


Rewritten = Callable[[onnx.GraphProto, onnx.NodeProto, onnx.NodeProto], list[onnx.NodeProto]]


def _rewrite(graph: onnx.GraphProto, kind: str, rewritten: Rewritten) -> None:
    """Replace every node of a kind, each the only one that reads a convolution."""
    made, read = makers(graph), readers(graph)
    nodes = []
    for node in graph.node:
        if node.op_type != kind:
            nodes.append(node)
            continue
        conv = made.get(node.input[0])
        if conv is None or conv.op_type != "Conv" or len(read[node.input[0]]) != 1:
            raise ValueError(f"{node.name}: a {kind} that does not follow a convolution of its own")
        nodes += rewritten(graph, conv, node)
    del graph.node[:]
    graph.node.extend(nodes)


def _hard_sigmoid(
    graph: onnx.GraphProto, conv: onnx.NodeProto, node: onnx.NodeProto
) -> list[onnx.NodeProto]:
    _scale(graph, conv, attribute(node, "alpha", 0.2), attribute(node, "beta", 0.5))
    return [_clip(graph, node.name, node.input[0], 1.0, node.output[0])]


def _hard_swish(
    graph: onnx.GraphProto, conv: onnx.NodeProto, node: onnx.NodeProto
) -> list[onnx.NodeProto]:
    root, name, u = math.sqrt(6), node.name, node.input[0]
    _scale(graph, conv, 1 / root, 0.0)
    shift = add(graph, f"{name}/shift", np.array(3 / root, np.float32))
    return [
        helper.make_node("Add", [u, shift], [f"{name}/shifted"], name=f"{name}/Add"),
        _clip(graph, name, f"{name}/shifted", root, f"{name}/gate"),
        helper.make_node("Mul", [u, f"{name}/gate"], [node.output[0]], name=f"{name}/Mul"),
    ]


def _scale(graph: onnx.GraphProto, conv: onnx.NodeProto, factor: float, shift: float) -> None:
    """Have a convolution give y * factor + shift for y."""
    weights, bias = (value(graph, name) for name in conv.input[1:])
    give(graph, conv, 1, (weights * factor).astype(np.float32))
    give(graph, conv, 2, (bias * factor + shift).astype(np.float32))


def _clip(graph: onnx.GraphProto, name: str, x: str, top: float, y: str) -> onnx.NodeProto:
    """Clip(x, 0, top)."""
    ends = [("bottom", 0.0), ("top", top)]
    names = [add(graph, f"{name}/{end}", np.array(number, np.float32)) for end, number in ends]
    return helper.make_node("Clip", [x, *names], [y], name=f"{name}/Clip")
