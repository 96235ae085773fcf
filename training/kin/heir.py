"""What every heir has: channels that it took, and the teacher's streams that it imitates."""

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

DEAD = 1e-6  # of the mean variance: below it a channel is never on


class Mismatch(ValueError):
    """Backbones that are not built alike."""


@dataclass
class Layer:
    """A convolution and the norm behind it."""

    conv: nn.Conv2d
    norm: nn.BatchNorm2d


@dataclass
class Stream:
    """What a convolution of the student reads, and one of the teacher's."""

    own: nn.Conv2d
    other: nn.Conv2d
    kept: Tensor  # the channels of the teacher's that the student has
    first: int = 0  # channel of the student's where they begin
    shift: Tensor | float = 0.0  # [channels,1,1] which the student's have more

    def apart(self, own: Tensor, other: Tensor) -> Tensor:
        """How far the student's is from the teacher's, 1 if it knows nothing."""
        mine = own[:, self.first : self.first + len(self.kept)] - self.shift
        wanted = other[:, self.kept]
        # Channels that are never on say nothing, and their variance would divide by nothing.
        variance = wanted.float().var((0, 2, 3))
        alive = variance > DEAD * variance.mean()
        return distil.loss([mine[:, alive]], [wanted[:, alive]])


class Heir:
    """A student that begins with a teacher's channels."""

    norms_learn = True  # whether its norms' statistics follow the pictures

    def __init__(self, student: Detector, teacher: Detector) -> None:
        self.student, self.teacher = student, teacher
        self.streams: list[Stream] = []
        # What the two have before the first stream, if the student's has nothing of the teacher's.
        self.entries: tuple[nn.Module, nn.Module] | None = None

    def loss(self, pictures: Tensor) -> Tensor:
        """How far the student's streams and maps are from the teacher's, 2 if they know nothing."""
        with inputs_of([s.own for s in self.streams]) as own:
            maps = self.student.features(pictures)
        with torch.no_grad(), inputs_of([s.other for s in self.streams]) as other:
            wanted = self.teacher.features(pictures)
        apart = [s.apart(own[s.own], other[s.other]) for s in self.streams]
        return torch.stack(apart).mean() + distil.loss(maps, wanted)

    def entry_loss(self, pictures: Tensor) -> Tensor:
        """How far the first stream is from the teacher's, 1 if the student's entry knows nothing."""
        assert self.entries
        own, other = self.entries
        pictures = self.student.normalised(pictures)
        mine = own(pictures)
        with torch.no_grad():
            wanted = other(pictures)
        return self.streams[0].apart(mine, wanted)


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


def take(own: Layer, other: Layer, outputs: Tensor, inputs: Tensor | None = None) -> None:
    """Copy the chosen channels of a layer."""
    weight = other.conv.weight[outputs]
    if inputs is not None:
        weight = weight[:, inputs]
    own.conv.weight.copy_(resized(weight, own.conv))
    take_norm(own.norm, other.norm, outputs)


def resized(kernels: Tensor, to: nn.Conv2d) -> Tensor:
    """Kernels with a border of zeros, or without their border."""
    border = (to.kernel_size[0] - kernels.shape[-1]) // 2
    return F.pad(kernels, [border] * 4)  # a border below 0 cuts


def take_norm(own: nn.BatchNorm2d, other: nn.BatchNorm2d, chosen: Tensor, first: int = 0) -> None:
    """Copy the chosen channels of a norm to where they begin."""
    for key in ("weight", "bias", "running_mean", "running_var"):
        getattr(own, key)[first : first + len(chosen)] = getattr(other, key)[chosen]
