"""A ResNeSt out of a ResNet of the same widths.

Split attention weighs two filters, each of which reads one half of the channels; a plain one adds
the two halves up. The heir's are the plain one's halves, twice as strong, which it first weighs
alike: all that differs is that each half is rectified by itself. Its stem, which is deeper, and its
poolings in place of strides it has to learn.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.resnet import Bottleneck as Plain

from training import distil
from training.detector import Detector
from training.heirs.base import (
    Heir,
    Layer,
    Mismatch,
    Stream,
    every,
    inputs_of,
    laterals,
    layers,
    take,
    take_norm,
)
from training.resnest import RADIX, Bottleneck


class ResNeStHeir(Heir):
    """A ResNeSt out of a ResNet."""

    # All but those within the attention are the teacher's, and statistics of a batch would make much
    # of channels that hardly vary.
    norms_learn = False

    def __init__(self, student: Detector, teacher: Detector, pictures: Tensor) -> None:
        super().__init__(student, teacher)
        own = [m for m in student.backbone.modules() if isinstance(m, Bottleneck)]
        other = [m for m in teacher.backbone.modules() if isinstance(m, Plain)]
        if len(own) != len(other):
            raise Mismatch(f"it has {len(own)} bottlenecks, the teacher {len(other)} of a ResNet")
        with torch.no_grad():
            distil.share(teacher, student)
            with inputs_of([theirs.conv2 for theirs in other]) as seen:
                teacher.features(pictures)
            for mine, theirs in zip(own, other):
                take_block(mine, theirs, seen[theirs.conv2])
            stem, plain_stem = student.backbone.stages[0][0], teacher.backbone.stages[0][:-1]
            take_scale(layers(stem)[-1].norm, layers(plain_stem)[-1].norm)
            for lateral, counterpart in zip(laterals(student), laterals(teacher)):
                take(lateral, counterpart)
        self.entries = stem, plain_stem
        # At the start of every stage: at every block they take half as long again.
        starts = [pair for pair in zip(own, other) if pair[1].downsample is not None]
        readers = [(layers(mine.body)[0].conv, theirs.conv1) for mine, theirs in starts]
        readers.append((laterals(student)[-1].conv, laterals(teacher)[-1].conv))
        self.streams = [Stream(a, b, torch.arange(b.in_channels)) for a, b in readers]


def take_block(own: Bottleneck, other: Plain, read: Tensor) -> None:
    """Take over a block of which the 3x3 convolution reads that."""
    reduce, groups, *_, project = layers(own.body)
    take(reduce, Layer(other.conv1, other.bn1))
    halve(groups, Layer(other.conv2, other.bn2), read)
    take(project, Layer(other.conv3, other.bn3))
    nn.init.zeros_(own.attention.weigh[-1].weight)
    nn.init.zeros_(own.attention.weigh[-1].bias)
    if other.downsample is not None:
        take(layers(own.shortcut)[0], layers(other.downsample)[0])


def halve(own: Layer, other: Layer, read: Tensor) -> None:
    """Filter each half as strongly as the other layer filters both, and on the same level."""
    halves = other.conv.weight.chunk(RADIX, 1)
    own.conv.weight.copy_(RADIX * torch.cat(halves))
    take_norm(own.norm, other.norm, every(other).repeat(RADIX))
    level = mean_of(read, other.conv.weight)
    higher = [RADIX * mean_of(*half) - level for half in zip(read.chunk(RADIX, 1), halves)]
    assert own.norm.running_mean is not None
    own.norm.running_mean += torch.cat(higher)


def mean_of(read: Tensor, kernels: Tensor) -> Tensor:
    """The mean of what kernels give of it [C]."""
    return F.conv2d(read, kernels, padding=1).mean((0, 2, 3))


def take_scale(own: nn.BatchNorm2d, other: nn.BatchNorm2d) -> None:
    """How large channels become that have yet to be learned."""
    own.weight.copy_(other.weight)
    own.bias.copy_(other.bias)
