"""RegNet's blocks out of inverted residual ones.

A block of RegNet filters groups of channels, so it can filter each alone, and its stream is wide enough for the
other's: two streams of the same stride lie side by side. But it is rectified after each block, which the
other is not. So the heir's is higher, by as much as the teacher's goes below zero, and what reads it takes that
away again. What the teacher says nothing about begins small, as does a block too many.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.models.regnet import ResBottleneckBlock

from training import distil
from training.detector import Detector
from training.kin.heir import (
    Heir,
    Layer,
    Mismatch,
    Stream,
    best,
    every,
    inputs_of,
    laterals,
    layers,
    resized,
    take,
    take_norm,
)
from training.kin.inverted import Block, chain, judge

SMALL = 0.1  # of what a norm gives, where the teacher says nothing
ROOM = 1.1  # how much lower than seen a stream may go


@dataclass
class Bottleneck:
    """A block of RegNet."""

    shortcut: Layer | None
    reduce: Layer
    grouped: Layer
    project: Layer


@dataclass
class Place:
    """Where a stream of the teacher lies in the student's."""

    first: int
    shift: Tensor


class Grouped(Heir):
    """A RegNet out of a chain of inverted residual blocks."""

    def __init__(self, student: Detector, teacher: Detector, pictures: Tensor) -> None:
        super().__init__(student, teacher)
        self.own = [bottlenecks(stage) for stage in student.backbone.stages]
        self.other = chain(teacher.backbone)
        self.levels = by_stride(self.other.blocks)[1:]  # RegNet has no block before stride 4
        self.worth = judge(teacher, self.other, pictures)
        self.lowest = self._lowest(pictures)
        self.entries = student.backbone.stages[0], teacher.backbone.stages[0]
        with torch.no_grad():
            self._take()

    @torch.no_grad()
    def _lowest(self, pictures: Tensor) -> dict[int, Tensor]:
        """How low each of the teacher's streams goes, by their width."""
        after = list(zip(self.other.blocks, self._readers()))
        with inputs_of([reader for _, reader in after]) as seen:
            self.teacher.features(pictures)
        lowest: dict[int, Tensor] = {}
        for block, reader in after:
            low = seen[reader].amin((0, 2, 3)).clamp(max=0) * ROOM
            lowest[block.width] = torch.minimum(lowest.get(block.width, low), low)
        return lowest

    def _readers(self) -> list[nn.Conv2d]:
        """What reads the stream behind each of the teacher's blocks."""
        return [block.reader for block in self.other.blocks[1:]] + [laterals(self.teacher)[-1].conv]

    def _take(self) -> None:
        distil.share(self.teacher, self.student)
        stem = layers(self.student.backbone)[0]
        take(stem, self.other.stem, every(stem))
        own = [block.reduce.conv for blocks in self.own for block in blocks]
        readers = iter([*own[1:], laterals(self.student)[-1].conv])
        place: Place | None = None  # of the stream that the next block reads
        ends = []
        for blocks, level in zip(self.own, self.levels):
            for i, block in enumerate(blocks):
                place = self._take_block(block, level, i, place)
                # Stages may differ in depth, but not in what they end with.
                seen = level[i] if i + 1 < min(len(blocks), len(level)) else level[-1]
                self._follow(next(readers), seen, place)
            assert place
            ends.append(place)
        for mine, theirs, end in zip(laterals(self.student), laterals(self.teacher), ends[1:]):
            read(mine, theirs, every(theirs), end)

    def _follow(self, own: nn.Conv2d, behind: Block, place: Place) -> None:
        """Let what the convolution reads imitate the stream behind a block of the teacher's."""
        if behind.width != len(place.shift):
            raise Mismatch("a stage has too few blocks for the teacher's streams")
        other = dict(zip(map(id, self.other.blocks), self._readers()))[id(behind)]
        shift = place.shift.view(-1, 1, 1)
        self.streams.append(Stream(own, other, every(behind.project), place.first, shift))

    def _take_block(
        self, own: Bottleneck, level: list[Block], i: int, before: Place | None
    ) -> Place:
        """Take over a block of a level; gives the place of the stream behind it."""
        if before and i >= len(level):
            quieten(own.project, 0.0)
            return before
        other = level[i]
        begins = not i or other.width != level[i - 1].width
        first = sum({b.width for b in level[:i] if b.width != other.width})
        place = Place(first, -self.lowest[other.width])
        if first + other.width > own.project.conv.out_channels:
            raise Mismatch(f"the heir's streams need {first + other.width} channels")
        worth = self.worth[other.project.conv]
        hidden = best(worth, min(len(worth), own.grouped.conv.in_channels))
        if before and other.expand:
            read(own.reduce, other.expand, hidden, before)
        filter_alone(own.grouped, other.depthwise, hidden)
        if own.shortcut:
            nn.init.zeros_(own.shortcut.norm.weight)
        write(own.project, other.project, hidden, place, begins)
        return place


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


def read(own: Layer, other: Layer, outputs: Tensor, place: Place) -> None:
    """Read a stream where it lies."""
    weight = other.conv.weight[outputs]
    end = place.first + weight.shape[1]
    own.conv.weight[: len(outputs)] = 0
    own.conv.weight[: len(outputs), place.first : end] = weight
    take_norm(own.norm, other.norm, outputs)
    mean = own.norm.running_mean
    assert mean is not None
    mean[: len(outputs)] += weight.flatten(1) @ place.shift


def filter_alone(own: Layer, other: Layer, chosen: Tensor) -> None:
    """Filter channels each for itself, in groups of several."""
    at = torch.arange(len(chosen))
    own.conv.weight[: len(chosen)] = 0
    own.conv.weight[at, at % own.conv.weight.shape[1]] = resized(
        other.conv.weight[chosen], own.conv
    )[:, 0]
    take_norm(own.norm, other.norm, chosen)


def write(own: Layer, other: Layer, hidden: Tensor, place: Place, begins: bool) -> None:
    """Write a stream where it lies, or add to it there."""
    quieten(own, SMALL)
    rows = slice(place.first, place.first + other.conv.out_channels)
    own.conv.weight[rows] = 0
    own.conv.weight[rows, : len(hidden)] = other.conv.weight[:, hidden]
    take_norm(own.norm, other.norm, every(other), place.first)
    if begins:
        own.norm.bias[rows] += place.shift


def quieten(layer: Layer, share: float) -> None:
    nn.init.constant_(layer.norm.weight, share)
    nn.init.zeros_(layer.norm.bias)
