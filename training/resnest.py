"""ResNeSt (Zhang et al., CVPR Workshops 2022): a ResNet-D whose 3x3 convolutions attend.

A split-attention convolution computes R groups of maps (the radix, here 2), and mixes them channel
by channel with weights that depend on the whole picture.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

RADIX = 2
REDUCTION = 4  # of the attention's inner width
STEM = 32  # channels of the first convolution
STEM_STRIDE = 4
MULTIPLE = 32  # pixels that a picture's sides are multiples of
EXPANSION = 4


class SplitAttention(nn.Module):
    """[N,inputs,H,W] to [N,outputs,H,W]."""

    def __init__(self, inputs: int, outputs: int, even: int = 1) -> None:
        super().__init__()
        inner = max(outputs * RADIX // REDUCTION, 32)
        self.outputs = outputs
        self.even = even  # what H and W are multiples of
        self.groups = nn.Sequential(
            nn.Conv2d(inputs, outputs * RADIX, 3, padding=1, groups=RADIX, bias=False),
            nn.BatchNorm2d(outputs * RADIX),
            nn.ReLU(inplace=True),
        )
        self.weigh = nn.Sequential(
            nn.Conv2d(outputs, inner, 1),
            nn.BatchNorm2d(inner),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, outputs * RADIX, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        groups = self.groups(x).chunk(RADIX, 1)
        scores = self.weigh(torch.stack(groups).sum(0).mean((2, 3), keepdim=True))
        weights = scores.reshape(-1, RADIX, self.outputs, 1, 1).softmax(1)
        return torch.stack([g * w for g, w in zip(groups, weights.unbind(1))]).sum(0)


class LightAttention(nn.Module):
    """A trained split attention, in a third of the operators.

    Of two weights that add up to 1, one is the sigmoid of their scores' difference, which a
    convolution gives as cheaply; and it takes the sum over the groups as it does that over channels.
    The mean is one of means, since a GPU's pooling adds up each window in sequence.
    """

    def __init__(self, trained: SplitAttention) -> None:
        super().__init__()
        self.outputs = trained.outputs
        self.groups = trained.groups
        into, norm, relu, out = trained.weigh
        into = fuse_conv_bn_eval(into.eval(), norm.eval())
        into.weight = nn.Parameter(into.weight.detach().repeat(1, RADIX, 1, 1))
        first, second = out.weight.detach().chunk(2)
        bias = out.bias.detach().chunk(2)
        apart = nn.Conv2d(out.in_channels, trained.outputs, 1)
        apart.weight = nn.Parameter(first - second)
        apart.bias = nn.Parameter(bias[0] - bias[1])
        even = trained.even
        means = [nn.AvgPool2d(even, count_include_pad=False)] if even > 1 else []
        mean = nn.AdaptiveAvgPool2d(1)
        self.weigh = nn.Sequential(*means, mean, into, relu, apart, nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        groups = self.groups(x)
        first, second = groups.split(self.outputs, 1)
        return second + (first - second) * self.weigh(groups)


class Bottleneck(nn.Module):
    """1x1, split attention, 1x1, around a shortcut; the stride is an average pooling."""

    def __init__(self, inputs: int, width: int, stride: int, even: int) -> None:
        super().__init__()
        outputs = EXPANSION * width
        pool = [nn.AvgPool2d(3, stride, padding=1)] if stride > 1 else []
        self.body = nn.Sequential(
            *convolution(inputs, width, 1),
            SplitAttention(width, width, even),
            *pool,
            nn.Conv2d(width, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = nn.Sequential()
        if stride > 1 or inputs != outputs:
            halve = [nn.AvgPool2d(stride)] if stride > 1 else []
            self.shortcut = nn.Sequential(
                *halve, nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
            )

    @property
    def attention(self) -> SplitAttention:
        return self.body[3]

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]


def stages(*depths: int, width: int = 64) -> list[nn.Module]:
    """The stem with the first stage, up to stride 4, then one stage each for 8, 16 and 32.

    `depths` are the blocks of the four: 1,1,1,1 for ResNeSt-14, 3,4,6,3 for ResNeSt-50. `width` is
    that of the first one's split attention; each stage is twice as wide as the one before.
    """
    stem = nn.Sequential(
        *convolution(3, STEM, 3, stride=2),
        *convolution(STEM, STEM, 3),
        *convolution(STEM, 2 * STEM, 3),
        nn.MaxPool2d(3, 2, padding=1),
    )
    made: list[nn.Module] = []
    inputs, even = 2 * STEM, MULTIPLE // STEM_STRIDE
    for level, depth in enumerate(depths):
        blocks = []
        for i in range(depth):
            stride = 2 if level and not i else 1
            blocks.append(Bottleneck(inputs, width << level, stride, even))
            inputs, even = EXPANSION * width << level, even // stride
        made.append(nn.Sequential(*blocks))
    made[0] = nn.Sequential(stem, made[0])
    return made
