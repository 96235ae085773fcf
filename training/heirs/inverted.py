"""A chain of inverted residual blocks out of another, stage by stage.

Where the heir is narrower, it takes the channels that add most to the layer that reads them
(channel pruning: He et al., ICCV 2017); larger kernels begin with a border of zeros, smaller ones
without their border; a block too many begins as the identity (Net2Net: Chen et al., ICLR 2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor, nn

from training import distil
from training.backbones import Backbone
from training.detector import Detector
from training.heirs.base import (
    Heir,
    Layer,
    Mismatch,
    Stream,
    best,
    inputs_of,
    laterals,
    layers,
    scale_norm,
    take,
)


@dataclass(eq=False)  # each is itself
class Block:
    """An inverted residual block: expand, filter each channel, project back to the stream."""

    expand: Layer | None  # the first block has none
    depthwise: Layer
    project: Layer

    @property
    def reader(self) -> nn.Conv2d:
        """What reads the stream."""
        return (self.expand or self.depthwise).conv

    @property
    def width(self) -> int:
        """Channels of the stream behind it."""
        return self.project.conv.out_channels


@dataclass
class Chain:
    """A stem, and blocks by the width of their stream."""

    stem: Layer
    stages: list[list[Block]]

    @property
    def blocks(self) -> list[Block]:
        return [block for stage in self.stages for block in stage]


def chain(backbone: Backbone) -> Chain:
    """How a backbone of inverted residual blocks is put together."""
    stem, *rest = layers(backbone)
    blocks: list[Block] = []
    open_: list[Layer] = []
    for layer in rest:
        open_.append(layer)
        if len(open_) > 1 and open_[-2].conv.groups > 1:
            blocks.append(block_of(open_))
            open_ = []
    if open_ or not blocks:
        raise Mismatch("the backbone is not made of inverted residual blocks")
    return Chain(stem, [list(g) for _, g in groupby(blocks, lambda b: b.width)])


def block_of(found: list[Layer]) -> Block:
    if len(found) > 3 or found[-2].conv.groups != found[-2].conv.in_channels:
        raise Mismatch("the backbone is not made of inverted residual blocks")
    return Block(found[0] if len(found) == 3 else None, found[-2], found[-1])


@torch.no_grad()
def judge(detector: Detector, of: Chain, pictures: Tensor) -> dict[nn.Conv2d, Tensor]:
    """What each channel that a block reads, or projects, adds to the sums there [C]."""
    readers = [block.reader for block in of.blocks] + [block.project.conv for block in of.blocks]
    with inputs_of(readers) as seen:
        detector.features(pictures)
    worth = {}
    for conv, read in seen.items():
        of_kernel = (1, 2, 3) if conv.groups > 1 else (0, 2, 3)
        worth[conv] = read.square().mean((0, 2, 3)) * conv.weight.square().sum(of_kernel)
    return worth


class InvertedHeir(Heir):
    """A chain of inverted residual blocks out of another."""

    def __init__(self, student: Detector, teacher: Detector, pictures: Tensor) -> None:
        super().__init__(student, teacher)
        self.own, self.other = chain(student.backbone), chain(teacher.backbone)
        self.pairs = list(zip(self.own.stages, self.other.stages))
        self.worth = judge(teacher, self.other, pictures)
        self.kept = [self._channels(stage) for stage in range(len(self.pairs))]
        with torch.no_grad():
            self._take()
        self.streams = [
            Stream(own, other, kept)
            for own, other, kept in zip(
                readers(student, self.own), readers(teacher, self.other), self.kept
            )
        ]

    def _channels(self, stage: int) -> Tensor:
        """Which channels of the teacher's stream after a stage the student has, in order."""
        width = self.own.stages[stage][0].width
        if stage + 1 < len(self.other.stages):
            return best(self.worth[self.other.stages[stage + 1][0].reader], width)
        return best(torch.ones(self.other.stages[stage][0].width), width)

    def _take(self) -> None:
        first = self.own.stages[0][0].depthwise.conv.in_channels
        stream = best(self.worth[self.other.stages[0][0].project.conv], first)
        take(self.own.stem, self.other.stem, stream)
        for (mine, theirs), kept in zip(self.pairs, self.kept):
            for i, block in enumerate(mine):
                if i and len(theirs) == 1:  # which leads to the stream, not on along it
                    raise Mismatch("a stage has more blocks than the teacher's one")
                self._take_block(block, theirs[min(i, len(theirs) - 1)], stream, kept)
                if i >= len(theirs):
                    scale_norm(block.project.norm, 0.0)
                stream = kept
        distil.share(self.teacher, self.student)
        for own, other, stage in zip(laterals(self.student), laterals(self.teacher), self._ends()):
            if stage is not None:
                take(own, other, inputs=self.kept[stage])

    def _take_block(self, own: Block, other: Block, stream: Tensor, kept: Tensor) -> None:
        if bool(own.expand) != bool(other.expand):
            raise Mismatch("of a block and its counterpart only one expands its channels")
        if own.expand and other.expand:
            hidden = best(self.worth[other.project.conv], own.depthwise.conv.in_channels)
            take(own.expand, other.expand, hidden, stream)
        else:
            hidden = stream
        take(own.depthwise, other.depthwise, hidden)
        take(own.project, other.project, kept, hidden)

    def _ends(self) -> list[int | None]:
        """After which stage each of the neck's maps comes; nothing where the two differ."""
        ends = []
        for own, other in zip(self.student.backbone.channels, self.teacher.backbone.channels):
            at, there = at_width(self.own, own), at_width(self.other, other)
            ends.append(at if at == there else None)
        return ends


def readers(detector: Detector, of: Chain) -> list[nn.Conv2d]:
    """What reads the stream after each stage."""
    return [stage[0].reader for stage in of.stages[1:]] + [laterals(detector)[-1].conv]


def at_width(of: Chain, width: int) -> int:
    """The last stage whose stream has that width."""
    found = [i for i, s in enumerate(of.stages) if s[0].width == width]
    if not found:
        raise Mismatch(f"no stream has the {width} channels of one of the backbone's maps")
    return found[-1]
