"""Layers that the backbones and the detector share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval


class _ClipGradient(torch.autograd.Function):
    """ReLU6 out of operations that have a bfloat16 backward pass on the CPU (hardtanh has none)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = F.relu6(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        backward = torch.ops.aten.threshold_backward
        return backward(backward(gradients[0], y, 0), 6 - y, 0)


class ReLU6(nn.Module):
    """min(max(x, 0), 6): the bound keeps the range that INT8 must cover small."""

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype is torch.bfloat16 and x.device.type == "cpu" and torch.is_grad_enabled():
            return _ClipGradient.apply(x)
        return F.hardtanh(x, 0.0, 6.0)  # which, unlike relu6, is one node in ONNX


def conv(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Module:
    """Convolution, batch normalisation, ReLU6; the size is kept, or divided by the stride."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        ReLU6(),
    )


def separable(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Module:
    """A depthwise convolution, then a pointwise one."""
    return nn.Sequential(
        conv(inputs, inputs, kernel, stride, groups=inputs),
        conv(inputs, outputs),
    )


def replace(module: nn.Module, old: type[nn.Module], new: type[nn.Module]) -> None:
    """Swap every layer of one type below `module` for a new one without arguments."""
    for name, child in module.named_children():
        if isinstance(child, old):
            setattr(module, name, new())
        else:
            replace(child, old, new)


def fuse(module: nn.Module) -> nn.Module:
    """Take every norm into the convolution right before it, in place; for evaluation only."""
    before: tuple[str, nn.Module] | None = None
    for name, child in list(module.named_children()):
        if before and isinstance(before[1], nn.Conv2d) and isinstance(child, nn.BatchNorm2d):
            setattr(module, before[0], fuse_conv_bn_eval(before[1], child))
            setattr(module, name, nn.Identity())
        else:
            fuse(child)
        before = name, child
    return module
