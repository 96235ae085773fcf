"""Networks as ONNX graphs, for the tests of their rewriting."""

from __future__ import annotations

import io

import numpy as np
import onnx
import onnxruntime
import torch
import torchvision.models as tv
from torch import Tensor, nn


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    """The one output of a network with one input, `x`."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    (y,) = session.run(None, {"x": x})
    return y


def exported(module: nn.Module, x: Tensor) -> onnx.ModelProto:
    """The network as torch writes it."""
    data = io.BytesIO()
    torch.onnx.export(module, (x,), data, input_names=["x"], output_names=["y"], opset_version=17)
    return onnx.load_from_string(data.getvalue())


def mobilenetv3_blocks() -> nn.Module:
    """Blocks of 120 to 480 channels, with and without hard swish and squeeze-and-excitation."""
    torch.manual_seed(1)
    blocks = tv.mobilenet_v3_large(weights=None).features[5:12]
    for name, parameter in blocks.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter)  # equal ones would be exported once
    return blocks.eval()


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]
