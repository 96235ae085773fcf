"""The backbones: feature maps at strides 8, 16 and 32 from a picture, whatever the family.

A family's body is cut into four stages, the stem up to stride 4 and one stage for each of 8, 16
and 32. Bodies come from torchvision, without their classifiers, but for ResNeSt, which it lacks. What the program calls
`efficientnet` is EfficientNet-Lite0: B0 without squeeze-and-excitation and with ReLU6 for swish,
which is what survives INT8.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torchvision.models as tv
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck
from torchvision.ops import SqueezeExcitation

from training import resnest
from training.layers import ReLU6, replace

Stages = list[nn.Module]
STRIDES = (8, 16, 32)
BN_MOMENTUM = 0.1  # share of a batch in a norm's running statistics


class Backbone(nn.Module):
    """Maps [N,3,H,W] to three maps; `channels` are theirs."""

    def __init__(self, stages: Stages) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.channels = self._measure()

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps[1:]

    @torch.no_grad()
    def _measure(self) -> list[int]:
        was = self.training
        maps = self.eval()(torch.zeros(1, 3, 64, 64))
        self.train(was)
        sides = [64 // m.shape[-1] for m in maps]
        if sides != list(STRIDES):
            raise ValueError(f"the stages end at strides {sides}, want {list(STRIDES)}")
        return [m.shape[1] for m in maps]


def cut(layers: nn.Module, *ends: int) -> Stages:
    """Cut a sequence of layers into stages that end before the given positions."""
    children = list(layers.children())
    starts = (0, *ends)
    return [nn.Sequential(*children[a:b]) for a, b in zip(starts, ends)]


def mnasnet() -> Stages:
    layers = tv.mnasnet1_0(weights=None).layers
    for module in layers.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = BN_MOMENTUM  # torchvision's would take 3,000 steps to follow
    return cut(layers, 9, 10, 12, 14)


def mobilenetv2() -> Stages:
    return cut(tv.mobilenet_v2(weights=None).features, 4, 7, 14, 18)


def mobilenetv3() -> Stages:
    return cut(tv.mobilenet_v3_large(weights=None).features, 4, 7, 13, 16)


def efficientnet() -> Stages:
    features = tv.efficientnet_b0(weights=None).features
    replace(features, SqueezeExcitation, nn.Identity)
    replace(features, nn.SiLU, ReLU6)
    return cut(features, 3, 4, 6, 8)


def regnet(net: tv.RegNet) -> Stages:
    one, two, three, four = net.trunk_output.children()
    return [nn.Sequential(net.stem, one), two, three, four]


def resnet(net: tv.ResNet) -> Stages:
    stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool, net.layer1)
    return [stem, net.layer2, net.layer3, net.layer4]


class Thin(Bottleneck):
    """Half as wide between its ends as outside."""

    expansion = 2


def thin() -> tv.ResNet:
    """ResNet-50 of half the width, as Caffe laid it out: see opennsfw.py."""
    net = tv.ResNet(Thin, [3, 4, 6, 3], width_per_group=32)
    net.maxpool = nn.MaxPool2d(3, 2, ceil_mode=True)
    for stage in (net.layer2, net.layer3, net.layer4):
        stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
    return net


@dataclass(frozen=True)
class Member:
    """One size of a family."""

    family: str  # as the program's --backbone calls it
    stages: Callable[[], Stages]


MEMBERS = {
    "mnasnet": Member("mnasnet", mnasnet),
    "mobilenetv2": Member("mobilenetv2", mobilenetv2),
    "mobilenetv3": Member("mobilenetv3", mobilenetv3),
    "efficientnet": Member("efficientnet", efficientnet),
    "regnet400": Member("regnet", lambda: regnet(tv.regnet_x_400mf(weights=None))),
    "regnet800": Member("regnet", lambda: regnet(tv.regnet_x_800mf(weights=None))),
    "regnet1600": Member("regnet", lambda: regnet(tv.regnet_x_1_6gf(weights=None))),
    "resnet18": Member("resnet", lambda: resnet(tv.resnet18(weights=None))),
    "resnet34": Member("resnet", lambda: resnet(tv.resnet34(weights=None))),
    "resnet50thin": Member("resnet", lambda: resnet(thin())),
    "resnet50": Member("resnet", lambda: resnet(tv.resnet50(weights=None))),
    "resnest14": Member("resnest", lambda: resnest.stages(1, 1, 1, 1)),
    "resnest26": Member("resnest", lambda: resnest.stages(2, 2, 2, 2)),
    "resnest50thin": Member("resnest", lambda: resnest.stages(3, 4, 6, 3, width=32)),
    "resnest50": Member("resnest", lambda: resnest.stages(3, 4, 6, 3)),
}
# What a family's name stands for, and other names.
ALIASES = {
    "regnet": "regnet800",
    "resnet": "resnet50",
    "resnest": "resnest50",
    "efficientnet_b0": "efficientnet",
    "efficientnet-lite0": "efficientnet",
}


def member(name: str) -> Member:
    """The member of that name, or the one a family's name stands for."""
    found = MEMBERS.get(ALIASES.get(name, name))
    if not found:
        raise ValueError(f"unknown backbone {name!r}; there are: {', '.join(MEMBERS)}")
    return found


def build(name: str) -> Backbone:
    """The backbone of that name, with random weights."""
    stages = member(name).stages()
    for stage in stages:
        replace(stage, nn.ReLU6, ReLU6)
    return Backbone(stages)
