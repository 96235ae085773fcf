"""Give every channel between two convolutions its share of the 8 bits.

Activations have one scale a tensor, so that a channel of small values is left with few of the 256 steps. A ReLU
passes a positive factor on: what the convolution before it gives less of, the one behind it can take
more of, and the network computes the same (cross-layer equalisation: Nagel et al., ICCV 2019). Weights
have a scale for each channel that they make, so before a depthwise convolution every channel gets the same range
for nothing; before a pointwise one, activations and weights meet halfway (SmoothQuant: Xiao et al., ICML 2023).
A bound, as in ReLU6, and a hard swish pass nothing on: there it finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import onnx
import onnxruntime
from onnx import helper

from training.graph import attribute, give, makers, readers, value

LEAST = 1 / 64  # of the greatest range: a smaller one is as good as none


def equalise(model: onnx.ModelProto, pictures: Iterable[dict[str, np.ndarray]]) -> int:
    """Scale the channels of every ReLU between two convolutions, in place; says of how many.

    Exact, but for rounding; `pictures` are inputs of the model, which show how large the channels get.
    """
    graph = model.graph
    between = list(pairs(graph))
    for (_, before, behind), most in zip(between, ranges(model, between, pictures)):
        weights, bias = (value(graph, name) for name in before.input[1:])
        reads = value(graph, behind.input[1])
        depthwise = attribute(behind, "group", 1) > 1
        factor = shares(most, None if depthwise else np.abs(reads).max((0, 2, 3)))
        give(graph, before, 1, (weights / factor[:, None, None, None]).astype(np.float32))
        give(graph, before, 2, (bias / factor).astype(np.float32))
        along = (-1, 1, 1, 1) if depthwise else (1, -1, 1, 1)
        give(graph, behind, 1, (reads * factor.reshape(along)).astype(np.float32))
    return len(between)


Between = tuple[onnx.NodeProto, onnx.NodeProto, onnx.NodeProto]  # ReLU, convolutions before, behind


def pairs(graph: onnx.GraphProto) -> Iterator[Between]:
    """Every ReLU that is alone between two convolutions."""
    made, read = makers(graph), readers(graph)
    ends = {output.name for output in graph.output}
    for relu in graph.node:
        if relu.op_type != "Relu" or relu.output[0] in ends:
            continue
        before, behind = made.get(relu.input[0]), read[relu.output[0]]
        if len(behind) > 1 or len(read[relu.input[0]]) > 1 or not divisible(graph, behind[0]):
            continue
        if before and before.op_type == "Conv" and len(before.input) > 2:
            yield relu, before, behind[0]


def divisible(graph: onnx.GraphProto, node: onnx.NodeProto) -> bool:
    """Whether it is a convolution that makes each channel of all that it reads, or of one."""
    if node.op_type != "Conv":
        return False
    made, read = value(graph, node.input[1]).shape[:2]
    groups = attribute(node, "group", 1)
    return groups == 1 or (groups == made and read == 1)


def ranges(
    model: onnx.ModelProto,
    between: list[Between],
    pictures: Iterable[dict[str, np.ndarray]],
) -> list[np.ndarray]:
    """The mean over the pictures of the greatest value of each channel, [C] for each ReLU."""
    names = [relu.output[0] for relu, _, _ in between]
    if not names:
        return []
    seen = onnx.ModelProto()
    seen.CopyFrom(model)
    seen.graph.output.extend(
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        seen.SerializeToString(), options, ["CPUExecutionProvider"]
    )
    most = [[x.max((0, 2, 3)) for x in session.run(names, picture)] for picture in pictures]
    return [np.mean(of, axis=0) for of in zip(*most)]


def shares(most: np.ndarray, reads: np.ndarray | None) -> np.ndarray:
    """What to divide the channels by: evenly, or halfway where weights [C] take it up."""
    if reads is None:
        factor = most
    else:  # a channel that nobody reads has no say
        factor = np.sqrt(np.divide(most, reads, out=np.zeros_like(most), where=reads > 0))
    return np.clip(factor / max(float(factor.max()), 1e-12), LEAST, 1)
