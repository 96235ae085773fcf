"""Which cell answers for which object, and what its errors cost.

Assignment is task-aligned (TOOD, Feng et al., ICCV 2021): an object takes the cells whose score and
box already suit it best, and their target score says how well. Scores cost binary cross-entropy,
boxes their generalised IoU (Rezatofighi et al., CVPR 2019), both over the sum of target scores.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from training.augment import Targets
from training.detector import Predictions

CANDIDATES = 10  # cells an object; more trains faster, and blurs which cell answers
SCORE_POWER, IOU_POWER = 0.5, 6.0  # of the alignment
REACH = 1.0  # strides; around a smaller object's centre cells within this are candidates too
BOX_WEIGHT = 2.5  # of a box's error against a score's


@dataclass
class Assignment:
    """What A cells of N pictures should say."""

    scores: Tensor  # [N,A,C]: 0 for background
    boxes: Tensor  # [N,A,4]: anything where `positive` is false
    positive: Tensor  # bool [N,A]


@dataclass
class Loss:
    score: Tensor
    box: Tensor

    @property
    def total(self) -> Tensor:
        return self.score + BOX_WEIGHT * self.box


def loss(predictions: Predictions, targets: Targets) -> Loss:
    """The mean errors of a batch."""
    goal = assign(predictions, targets)
    weight = goal.scores.sum(-1)
    total = weight.sum().clamp_min(1.0)
    counted = judged(predictions, targets) | (goal.scores > 0)
    score = F.binary_cross_entropy_with_logits(predictions.logits, goal.scores, reduction="none")
    overlap = generalised_iou(predictions.boxes, goal.boxes)
    box = torch.where(goal.positive, (1 - overlap) * weight, 0.0)
    return Loss((score * counted).sum() / total, box.sum() / total)


@torch.no_grad()
def assign(predictions: Predictions, targets: Targets) -> Assignment:
    """Give every object its best aligned cells; a cell wanted twice goes to the larger IoU."""
    scores = predictions.logits.sigmoid()
    objects = (targets.classes >= 0) & ~targets.ignored  # [N,G]
    label = targets.classes.clamp_min(0)
    overlap = iou(targets.boxes[:, :, None], predictions.boxes[:, None])  # [N,G,A]
    score = scores.transpose(1, 2).gather(1, label[..., None].expand_as(overlap))
    near = contains(targets.boxes, predictions.points, REACH * predictions.strides)
    alignment = score**SCORE_POWER * overlap**IOU_POWER * (near & objects[..., None])

    best, cells = alignment.topk(CANDIDATES, dim=-1)
    chosen = torch.zeros_like(alignment).scatter_(-1, cells, (best > 0).to(alignment.dtype))
    claim = chosen * overlap
    winner = claim.argmax(1)  # [N,A]
    positive = claim.amax(1) > 0
    mine = F.one_hot(winner, overlap.shape[1]).transpose(1, 2) * chosen

    # An object's best cell aims at its own IoU, the others in proportion to their alignment.
    alignment = alignment * mine
    most = (overlap * mine).amax(-1, keepdim=True)
    aim = alignment / alignment.amax(-1, keepdim=True).clamp_min(1e-12) * most
    aim = aim.amax(1)  # [N,A]
    classes = label.gather(1, winner)
    wanted = F.one_hot(classes, scores.shape[-1]) * (aim * positive)[..., None]
    boxes = targets.boxes.gather(1, winner[..., None].expand(-1, -1, 4))
    return Assignment(wanted.to(scores.dtype), boxes, positive)


@torch.no_grad()
def judged(predictions: Predictions, targets: Targets) -> Tensor:
    """Where background counts, bool [N,A,C]: classes annotated there, outside ignored boxes."""
    right, below = (predictions.points >= targets.centre[:, None]).unbind(-1)  # [N,A]
    tile = right.long() + 2 * below.long()
    classes = targets.labelled.shape[-1]
    annotated = targets.labelled.gather(1, tile[..., None].expand(-1, -1, classes))
    unclear = (targets.classes >= 0) & targets.ignored
    hidden = contains(targets.boxes, predictions.points) & unclear[..., None]  # [N,G,A]
    of_class = F.one_hot(targets.classes.clamp_min(0), classes).to(annotated.device)
    covered = torch.einsum("nga,ngc->nac", hidden.float(), of_class.float()) > 0
    return annotated & ~covered


def contains(boxes: Tensor, points: Tensor, reach: Tensor | None = None) -> Tensor:
    """Whether boxes [N,G,4] hold points [A,2], as [N,G,A]; `reach` [A] is their least half side."""
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    half = (boxes[..., 2:] - boxes[..., :2])[:, :, None] / 2
    if reach is not None:
        half = half.maximum(reach[:, None])
    return ((points - centre[:, :, None]).abs() < half).all(-1)


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes, broadcast over the leading axes."""
    shared, union, _ = areas(a, b)
    return shared / union


def generalised_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU less the share of the enclosing box that neither covers, -1..1."""
    shared, union, hull = areas(a, b)
    return shared / union - (hull - union) / hull


def areas(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Areas of intersection, union and enclosing box; the latter two are above zero."""
    least, greatest = a[..., :2].minimum(b[..., :2]), a[..., 2:].maximum(b[..., 2:])
    inner = (a[..., 2:].minimum(b[..., 2:]) - a[..., :2].maximum(b[..., :2])).clamp_min(0)
    shared = inner.prod(-1)
    own = [(x[..., 2:] - x[..., :2]).clamp_min(0).prod(-1) for x in (a, b)]
    union = (own[0] + own[1] - shared).clamp_min(1e-6)
    return shared, union, (greatest - least).prod(-1).clamp_min(1e-6)
