"""What every heir has: layers that it took, and the teacher's streams that it imitates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training import distil
from training.detector import Detector

CONSTANT = 1e-6  # of the channels' mean variance: below it a channel says nothing


class Mismatch(ValueError):
    """Backbones of which one cannot take over the other's kernels."""


@dataclass
class Layer:
    """A convolution and the norm behind it."""

    conv: nn.Conv2d
    norm: nn.BatchNorm2d


@dataclass
class Place:
    """Where a stream of the teacher lies in the student's."""

    first: int  # channel
    shift: Tensor  # [channels]: how much higher the student's is

    @property
    def end(self) -> int:
        return self.first + len(self.shift)

    def of(self, state: Tensor) -> Tensor:
        """The teacher's stream, as the student has it."""
        return state[:, self.first : self.end] - self.shift.view(-1, 1, 1)


@dataclass
class Stream:
    """What a convolution of the student reads, and one of the teacher's."""

    own: nn.Conv2d
    other: nn.Conv2d
    kept: Tensor  # the channels of the teacher's that the student has
    place: Place | None = None  # nothing where the student's is nothing else

    def distance(self, own: Tensor, other: Tensor) -> Tensor:
        """From the student's to the teacher's, 1 if the student's knows nothing."""
        mine = self.place.of(own) if self.place else own
        wanted = other[:, self.kept]
        variance = wanted.float().var((0, 2, 3))
        varies = variance > CONSTANT * variance.mean()  # distances are in units of the variance
        return distil.loss([mine[:, varies]], [wanted[:, varies]])


class Heir:
    """A student that begins with a teacher's layers."""

    norms_learn = True  # whether its norms' statistics follow the pictures

    def __init__(self, student: Detector, teacher: Detector) -> None:
        self.student, self.teacher = student, teacher
        self.streams: list[Stream] = []
        # What the two have before the first stream, if the student cannot take all it needs there.
        self.entries: tuple[nn.Module, nn.Module] | None = None

    def loss(self, pictures: Tensor) -> Tensor:
        """How far the student's streams and maps are from the teacher's, 2 if they know nothing."""
        with inputs_of([s.own for s in self.streams]) as own:
            maps = self.student.features(pictures)
        with torch.no_grad(), inputs_of([s.other for s in self.streams]) as other:
            wanted = self.teacher.features(pictures)
        distances = [s.distance(own[s.own], other[s.other]) for s in self.streams]
        return torch.stack(distances).mean() + distil.loss(maps, wanted)

    def entry_loss(self, pictures: Tensor) -> Tensor:
        """How far the first stream is from the teacher's, 1 if the student's entry knows nothing."""
        assert self.entries
        own, other = self.entries
        pictures = self.student.normalised(pictures)
        mine = own(pictures)
        with torch.no_grad():
            wanted = other(pictures)
        return self.streams[0].distance(mine, wanted)


def layers(module: nn.Module) -> list[Layer]:
    """Its convolutions with norms, in order; those of squeeze-and-excitation have none."""
    leaves = [m for m in module.modules() if not list(m.children())]
    return [
        Layer(a, b)
        for a, b in pairwise(leaves)
        if isinstance(a, nn.Conv2d) and isinstance(b, nn.BatchNorm2d)
    ]


def laterals(detector: Detector) -> list[Layer]:
    """The neck's layers that read the backbone's maps."""
    return [layers(lateral)[0] for lateral in detector.neck.lateral]


@contextmanager
def inputs_of(convs: list[nn.Conv2d]) -> Iterator[dict[nn.Conv2d, Tensor]]:
    """What every one of the convolutions reads in the network's next run."""
    seen: dict[nn.Conv2d, Tensor] = {}
    hooks = [c.register_forward_pre_hook(lambda m, x: seen.__setitem__(m, x[0])) for c in convs]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def best(worth: Tensor, count: int) -> Tensor:
    """The places of the greatest, in order."""
    if count > len(worth):
        raise Mismatch(f"the heir wants {count} channels of {len(worth)}")
    return worth.topk(count).indices.sort().values


def every(layer: Layer) -> Tensor:
    """The places of all its outputs."""
    return torch.arange(layer.conv.out_channels)


def take(
    own: Layer, other: Layer, outputs: Tensor | None = None, inputs: Tensor | None = None
) -> None:
    """Copy the chosen channels of a layer, else all."""
    outputs = every(other) if outputs is None else outputs
    weight = other.conv.weight[outputs]
    if inputs is not None:
        weight = weight[:, inputs]
    if weight.shape[:2] != own.conv.weight.shape[:2]:
        wanted, there = (tuple(w.shape[:2]) for w in (own.conv.weight, weight))
        raise Mismatch(f"a layer of the heir has {wanted} channels, of the teacher's {there}")
    own.conv.weight.copy_(resized(weight, own.conv))
    take_norm(own.norm, other.norm, outputs)


def resized(kernels: Tensor, to: nn.Conv2d) -> Tensor:
    """Kernels with a border of zeros, or without their border."""
    border = (to.kernel_size[0] - kernels.shape[-1]) // 2
    return F.pad(kernels, [border] * 4)  # a border below 0 cuts


def take_norm(own: nn.BatchNorm2d, other: nn.BatchNorm2d, chosen: Tensor, first: int = 0) -> None:
    """Copy the chosen channels of a norm to where they begin."""
    to = slice(first, first + len(chosen))
    for key in ("weight", "bias", "running_mean"):
        getattr(own, key)[to] = getattr(other, key)[chosen]
    assert own.running_var is not None and other.running_var is not None
    own.running_var[to] = (other.running_var[chosen] + other.eps - own.eps).clamp(min=0)


def scale_norm(norm: nn.BatchNorm2d, scale: float) -> None:
    """Let a norm give channels of that deviation, around 0."""
    nn.init.constant_(norm.weight, scale)
    nn.init.zeros_(norm.bias)
