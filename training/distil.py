"""A trained detector that helps another backbone to learn.

The student starts with the teacher's neck and heads, and its neck is asked for the maps that the
teacher's gives of the same pictures (feature imitation: Romero et al., FitNets, ICLR 2015). Every
cell of every map teaches, where labels speak of a few, so that a backbone from random weights is of
use after a few epochs on a CPU.

Teachers that began with the same neck and heads speak of the same maps, and the mean of their maps is
better than any one of them. Asked in turn, a step each, they pull to that mean at the price of one.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from training import checkpoint
from training.detector import Detector
from training.layers import fuse

# Parts that do not depend on the backbone; the neck's lateral layers do, by their channels.
SHARED = ("neck.down.", "neck.shrink.", "neck.up.", "heads.")


class Teacher:
    """A detector that is only asked."""

    def __init__(self, name: str, device: torch.device) -> None:
        self.name, self.device = name, device
        self.made = 0.0  # when the weights in use were written
        self.refresh()

    def refresh(self) -> None:
        """Read the weights, if there are newer ones: a teacher may still learn itself."""
        path = checkpoint.find(self.name)
        made = path.stat().st_mtime if path.exists() else -1.0
        if made == self.made:
            return
        self.made = made
        self.detector = checkpoint.load_detector(self.name).requires_grad_(False)
        fused = fuse(copy.deepcopy(self.detector))
        self.model = fused.to(self.device, memory_format=torch.channels_last)

    def start(self, student: Detector) -> None:
        """Give the student all that fits every backbone."""
        share(self.detector, student)

    @torch.no_grad()
    def maps(self, pictures: Tensor) -> list[Tensor]:
        return self.model(pictures).maps


def share(teacher: Detector, student: Detector) -> None:
    """Copy the parts that do not depend on the backbone."""
    known = teacher.state_dict()
    shared = {key: value for key, value in known.items() if key.startswith(SHARED)}
    student.load_state_dict(shared, strict=False)


def loss(student: list[Tensor], teacher: list[Tensor]) -> Tensor:
    """Mean squared error in units of the teacher's variance: 1 for a map that knows nothing."""
    errors = []
    for own, wanted in zip(student, teacher):
        own, wanted = own.float(), wanted.float()
        variance = wanted.var(dim=(0, 2, 3), keepdim=True) + 1e-6
        errors.append(((own - wanted) ** 2 / variance).mean())
    return torch.stack(errors).mean()
