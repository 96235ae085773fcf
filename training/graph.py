"""What the rewriting of ONNX graphs needs: who makes and reads a tensor, and constants."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper


def readers(graph: onnx.GraphProto) -> dict[str, list[onnx.NodeProto]]:
    """The nodes that read each tensor."""
    found: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            found.setdefault(name, []).append(node)
    return found


def makers(graph: onnx.GraphProto) -> dict[str, onnx.NodeProto]:
    """The node that makes each tensor."""
    return {name: node for node in graph.node for name in node.output}


def constants(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """The tensors that never change, whichever way they are written; nodes are in running order."""
    found = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            found[node.output[0]] = node.attribute[0].t
        elif node.op_type == "Identity" and node.input[0] in found:  # an equal one, exported once
            found[node.output[0]] = found[node.input[0]]
    return found


def value(graph: onnx.GraphProto, name: str) -> np.ndarray:
    return numpy_helper.to_array(constants(graph)[name])


def add(graph: onnx.GraphProto, name: str, array: np.ndarray) -> str:
    """Add a constant; its name."""
    graph.initializer.append(numpy_helper.from_array(array, name))
    return name


def give(graph: onnx.GraphProto, node: onnx.NodeProto, index: int, array: np.ndarray) -> None:
    """Put a constant in the place of another for this node alone: exporters share equal ones."""
    old, node.input[index] = node.input[index], f"{node.name or node.output[0]}/input{index}"
    if all(old not in other.input for other in graph.node) or old == node.input[index]:
        for tensor in [t for t in graph.initializer if t.name == old]:
            graph.initializer.remove(tensor)
    add(graph, node.input[index], array)


def attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    for found in node.attribute:
        if found.name == name:
            return onnx.helper.get_attribute_value(found)
    return default


def set_attribute(node: onnx.NodeProto, name: str, new: Any) -> None:
    for found in [a for a in node.attribute if a.name == name]:
        node.attribute.remove(found)
    node.attribute.append(onnx.helper.make_attribute(name, new))


def prune(graph: onnx.GraphProto) -> None:
    """Drop the nodes and constants that lead to no output; nodes are listed in the order they run."""
    needed = {output.name for output in graph.output}
    for node in reversed(list(graph.node)):
        if needed.intersection(node.output):
            needed.update(node.input)
        else:
            graph.node.remove(node)
    for tensor in [t for t in graph.initializer if t.name not in needed]:
        graph.initializer.remove(tensor)
