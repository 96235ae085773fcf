"""ResNeSt's blocks out of a ResNet's of the same widths.

Split attention weighs two filters, each of which reads one half of the channels; a plain one adds the two halves up. The
heir's are the plain one's halves, twice as strong, which it first weighs alike: all that differs is that each half is
rectified by itself. Its stem, which is deeper, and its poolings in place of strides it has to learn.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.resnet import Bottleneck as Plain

from training import distil
from training.detector import Detector
from training.kin.heir import (
    Heir,
    Layer,
    Mismatch,
    Stream,
    every,
    inputs_of,
    laterals,
    layers,
    take,
)
from training.resnest import RADIX, Bottleneck


class Split(Heir):
    """A ResNeSt out of a ResNet."""

    # They are the teacher's: those of a batch would make much of channels that are never on.
    norms_learn = False

    def __init__(self, student: Detector, teacher: Detector, pictures: Tensor) -> None:
        super().__init__(student, teacher)
        own = [m for m in student.backbone.modules() if isinstance(m, Bottleneck)]
        other = [m for m in teacher.backbone.modules() if isinstance(m, Plain)]
        if len(own) != len(other):
            raise Mismatch(
                f"it has {len(own)} blocks of ResNeSt, the teacher {len(other)} of a ResNet"
            )
        with torch.no_grad():
            distil.share(teacher, student)
            with inputs_of([theirs.conv2 for theirs in other]) as read:
                teacher.features(pictures)
            for mine, theirs in zip(own, other):
                take_block(mine, theirs, read[theirs.conv2])
            take_scale(layers(student.backbone)[2].norm, layers(teacher.backbone)[0].norm)
            ends = list(zip(laterals(student), laterals(teacher)))
            for lateral, counterpart in ends:
                take_whole(lateral, counterpart)
        self.entries = student.backbone.stages[0][0], teacher.backbone.stages[0][:-1]
        # At the start of every stage: more would take half as long again.
        starts = [pair for pair in zip(own, other) if pair[1].downsample is not None]
        readers = [(mine.body[0], theirs.conv1) for mine, theirs in starts]
        readers.append((ends[-1][0].conv, ends[-1][1].conv))
        self.streams = [Stream(a, b, torch.arange(b.in_channels)) for a, b in readers]


def take_block(own: Bottleneck, other: Plain, read: Tensor) -> None:
    reduce, *_, project = layers(own.body)
    take_whole(reduce, Layer(other.conv1, other.bn1))
    take_whole(project, Layer(other.conv3, other.bn3))
    attention = own.body[3]
    halve(Layer(attention.groups[0], attention.groups[1]), Layer(other.conv2, other.bn2), read)
    nn.init.zeros_(attention.weigh[-1].weight)
    nn.init.zeros_(attention.weigh[-1].bias)
    if other.downsample is not None:
        take_whole(layers(own.shortcut)[0], layers(other.downsample)[0])


def take_scale(own: nn.BatchNorm2d, other: nn.BatchNorm2d) -> None:
    """What channels that have yet to be learned will be like."""
    own.weight.copy_(other.weight)
    own.bias.copy_(other.bias)


def take_whole(own: Layer, other: Layer) -> None:
    if own.conv.weight.shape != other.conv.weight.shape:
        raise Mismatch("its blocks are not as wide as the teacher's")
    take(own, other, every(other))


def halve(own: Layer, other: Layer, read: Tensor) -> None:
    """Filter each half of the channels as strongly as the other layer filters both, on the same level."""
    halves = other.conv.weight.chunk(RADIX, 1)
    if own.conv.weight.shape != torch.cat(halves).shape:
        raise Mismatch("its blocks are not as wide as the teacher's")
    own.conv.weight.copy_(RADIX * torch.cat(halves))
    for key in ("weight", "bias", "running_mean", "running_var"):
        getattr(own.norm, key).copy_(getattr(other.norm, key).repeat(RADIX))
    level = filtered(read, other.conv.weight)
    apart = [RADIX * filtered(*half) - level for half in zip(read.chunk(RADIX, 1), halves)]
    assert own.norm.running_mean is not None
    own.norm.running_mean += torch.cat(apart)


def filtered(read: Tensor, kernels: Tensor) -> Tensor:
    """The mean of what kernels give of it [C]."""
    return F.conv2d(read, kernels, padding=1).mean((0, 2, 3))
