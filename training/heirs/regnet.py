"""A RegNet out of a chain of inverted residual blocks.

A block of RegNet filters groups of channels, so it can filter each alone, and its stream is wide
enough for the other's: two streams of the same stride lie side by side. But it is rectified after
each block, which the other is not. So the heir's is higher, by as much as the teacher's goes below
zero, and what reads it takes that away again. Channels of which the teacher says nothing begin
small, and a block too many begins as the identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, zip_longest

import torch
from torch import Tensor, nn
from torchvision.models.regnet import ResBottleneckBlock
from torchvision.ops import SqueezeExcitation

from training import distil
from training.detector import Detector
from training.heirs.base import (
    Heir,
    Layer,
    Mismatch,
    Place,
    Stream,
    best,
    every,
    inputs_of,
    laterals,
    layers,
    resized,
    scale_norm,
    take,
    take_norm,
)
from training.heirs.inverted import Block, chain, judge

SMALL = 0.1  # of what a norm gives, where the teacher says nothing
ROOM = 1.1  # how much lower than seen a stream may go


@dataclass
class Bottleneck:
    """A block of RegNet."""

    shortcut: Layer | None
    reduce: Layer
    grouped: Layer
    project: Layer


class RegNetHeir(Heir):
    """A RegNet out of a chain of inverted residual blocks."""

    def __init__(self, student: Detector, teacher: Detector, pictures: Tensor) -> None:
        super().__init__(student, teacher)
        self.own = [bottlenecks(stage) for stage in student.backbone.stages]
        self.other = chain(teacher.backbone)
        if any(isinstance(m, SqueezeExcitation) for m in teacher.backbone.modules()):
            raise Mismatch("the teacher's blocks weigh their channels, which RegNetX's cannot")
        self.levels = by_stride(self.other.blocks)[1:]  # RegNet has no block before stride 4
        readers = [block.reader for block in self.other.blocks[1:]]
        self.reader = dict(zip(self.other.blocks, [*readers, laterals(teacher)[-1].conv]))
        self.worth = judge(teacher, self.other, pictures)
        self.places = self._places(pictures)
        self.entries = student.backbone.stages[0], teacher.backbone.stages[0]
        with torch.no_grad():
            self._take()

    @torch.no_grad()
    def _places(self, pictures: Tensor) -> dict[Block, Place]:
        """Where the stream behind each of the teacher's blocks lies in the student's."""
        with inputs_of(list(self.reader.values())) as seen:
            self.teacher.features(pictures)
        places = {}
        for level in self.levels:
            first = 0
            for width, along in groupby(level, lambda block: block.width):
                blocks = list(along)
                lowest = torch.stack([seen[self.reader[b]].amin((0, 2, 3)) for b in blocks]).amin(0)
                place = Place(first, -ROOM * lowest.clamp(max=0))
                places.update({block: place for block in blocks})
                first += width
        return places

    def _take(self) -> None:
        distil.share(self.teacher, self.student)
        take(layers(self.student.backbone)[0], self.other.stem)
        before: Place | None = None  # where the stream lies that the next block reads
        for i, (blocks, level) in enumerate(zip(self.own, self.levels)):
            for block, other in zip_longest(blocks, level[: len(blocks)]):
                if other is None:
                    scale_norm(block.project.norm, 0.0)
                    continue
                self._take_block(block, other, before)
                before = self.places[other]
            if before is not self.places[level[-1]]:
                raise Mismatch("a stage has too few blocks for the teacher's streams")
            if i:
                read_stream(laterals(self.student)[i - 1], laterals(self.teacher)[i - 1], before)
        self._follow()

    def _take_block(self, own: Bottleneck, other: Block, before: Place | None) -> None:
        place, worth = self.places[other], self.worth[other.project.conv]
        if place.end > own.project.conv.out_channels:
            raise Mismatch(f"the heir's streams need {place.end} channels")
        hidden = best(worth, min(len(worth), own.grouped.conv.in_channels))
        if before and other.expand:
            read_stream(own.reduce, other.expand, before, hidden)
        filter_alone(own.grouped, other.depthwise, hidden)
        if own.shortcut:
            nn.init.zeros_(own.shortcut.norm.weight)
        write_stream(own.project, other.project, hidden, place)
        if place is not before:  # it begins here, and what is added to it stays as high
            own.project.norm.bias[place.first : place.end] += place.shift

    def _follow(self) -> None:
        """Let the stream behind each block imitate the teacher's."""
        readers = [block.reduce.conv for blocks in self.own for block in blocks]
        readers = [*readers[1:], laterals(self.student)[-1].conv]
        imitated = []
        for blocks, level in zip(self.own, self.levels):
            # Stages may differ in depth, but not in what they end with.
            behind = [*level[:-1], *[level[-1]] * len(blocks)]
            imitated += [*behind[: len(blocks) - 1], level[-1]]
        self.streams = [
            Stream(reader, self.reader[block], every(block.project), self.places[block])
            for reader, block in zip(readers, imitated)
        ]


def bottlenecks(stage: nn.Module) -> list[Bottleneck]:
    found = []
    for block in stage.modules():
        if isinstance(block, ResBottleneckBlock):
            shortcut = layers(block.proj)[0] if block.proj is not None else None
            reduce, grouped, project = layers(block.f)
            found.append(Bottleneck(shortcut, reduce, grouped, project))
    if not found:
        raise Mismatch("the backbone is not made of RegNet's blocks")
    return found


def by_stride(blocks: list[Block]) -> list[list[Block]]:
    """The blocks from each halving to the next."""
    levels: list[list[Block]] = [[]]
    for block in blocks:
        if block.depthwise.conv.stride[0] > 1:
            levels.append([])
        levels[-1].append(block)
    return levels


def read_stream(own: Layer, other: Layer, place: Place, outputs: Tensor | None = None) -> None:
    """Read a stream where it lies, as the chosen outputs of the other layer do, else as all."""
    outputs = every(other) if outputs is None else outputs
    weight = other.conv.weight[outputs]
    own.conv.weight[: len(outputs)] = 0
    own.conv.weight[: len(outputs), place.first : place.end] = weight
    take_norm(own.norm, other.norm, outputs)
    assert own.norm.running_mean is not None
    own.norm.running_mean[: len(outputs)] += weight.flatten(1) @ place.shift


def filter_alone(own: Layer, other: Layer, chosen: Tensor) -> None:
    """Filter channels each for itself, in groups of several."""
    at, kernels = torch.arange(len(chosen)), resized(other.conv.weight[chosen], own.conv)
    own.conv.weight[: len(chosen)] = 0
    own.conv.weight[at, at % own.conv.weight.shape[1]] = kernels[:, 0]
    take_norm(own.norm, other.norm, chosen)


def write_stream(own: Layer, other: Layer, hidden: Tensor, place: Place) -> None:
    """Add to a stream where it lies what the other layer makes of the chosen channels."""
    scale_norm(own.norm, SMALL)
    own.conv.weight[place.first : place.end] = 0
    own.conv.weight[place.first : place.end, : len(hidden)] = other.conv.weight[:, hidden]
    take_norm(own.norm, other.norm, every(other), place.first)
