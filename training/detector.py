"""The detector: a backbone, a light path-aggregation neck, an anchor-free decoupled head.

The neck is PANet's (Liu et al., CVPR 2018) in separable convolutions; the head predicts, at every
cell of three feature maps, a score for each class and the distances to a box's four sides (FCOS,
Tian et al., ICCV 2019; decoupled as in YOLOX, Ge et al., 2021). There is no objectness: a score is
trained to be the overlap with the object (Generalized Focal Loss, Li et al., NeurIPS 2020).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training import backbones
from training.backbones import STRIDES
from training.layers import conv, separable

# ImageNet's mean and deviation of blue, green, red, on 0..255.
MEAN = (103.53, 116.28, 123.675)
DEVIATION = (57.375, 57.12, 58.395)
PRIOR_SCORE = 0.01  # of every class before training: almost every cell is background
PRIOR_SIDE = 2.0  # strides from a cell to a side of its box before training


@dataclass
class Predictions:
    """What the head says of A cells, in float32."""

    logits: Tensor  # [N,A,C]
    boxes: Tensor  # [N,A,4]: x1,y1,x2,y2 in input pixels
    points: Tensor  # [A,2]: x, y of the cells' centres in input pixels
    strides: Tensor  # [A]: pixels a cell
    maps: list[Tensor]  # the neck's, [N,width,H,W] each, which the heads read


class Neck(nn.Module):
    """Carries meaning down to the fine maps, then places back up to the coarse ones."""

    def __init__(self, channels: list[int], width: int) -> None:
        super().__init__()
        steps = len(channels) - 1
        self.lateral = nn.ModuleList(conv(c, width) for c in channels)
        self.down = nn.ModuleList(separable(2 * width, width) for _ in range(steps))
        self.shrink = nn.ModuleList(separable(width, width, stride=2) for _ in range(steps))
        self.up = nn.ModuleList(separable(2 * width, width) for _ in range(steps))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        maps = [layer(x) for layer, x in zip(self.lateral, maps)]
        for i in reversed(range(len(maps) - 1)):
            coarse = F.interpolate(maps[i + 1], scale_factor=2.0, mode="nearest")
            maps[i] = self.down[i](torch.cat([maps[i], coarse], 1))
        for i in range(len(maps) - 1):
            fine = self.shrink[i](maps[i])
            maps[i + 1] = self.up[i](torch.cat([maps[i + 1], fine], 1))
        return maps


class Head(nn.Module):
    """Scores and distances of one map: [N,C,H,W] logits and [N,4,H,W] distances in strides."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.score_tower = nn.Sequential(separable(width, width), separable(width, width))
        self.box_tower = nn.Sequential(separable(width, width), separable(width, width))
        self.score = nn.Conv2d(width, classes, 1)
        self.box = nn.Conv2d(width, 4, 1)
        for layer, bias in (
            (self.score, -math.log(1 / PRIOR_SCORE - 1)),
            (self.box, math.log(math.expm1(PRIOR_SIDE))),
        ):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.constant_(layer.bias, bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.score(self.score_tower(x)), self.box(self.box_tower(x))


class Detector(nn.Module):
    """Pictures [N,3,H,W], BGR, 0..255, sides multiples of 32, to Predictions."""

    def __init__(self, backbone: str, classes: int, width: int = 96) -> None:
        super().__init__()
        self.backbone = backbones.build(backbone)
        self.neck = Neck(self.backbone.channels, width)
        self.heads = nn.ModuleList(Head(width, classes) for _ in STRIDES)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer(
            "scale", 1 / torch.tensor(DEVIATION).view(1, 3, 1, 1), persistent=False
        )

    def features(self, pictures: Tensor) -> list[Tensor]:
        """The maps that the heads read."""
        return self.neck(self.backbone(self.normalised(pictures)))

    def normalised(self, pictures: Tensor) -> Tensor:
        """As the backbone takes them."""
        return (pictures - self.mean) * self.scale

    def forward(self, pictures: Tensor) -> Predictions:
        maps = self.features(pictures)
        logits, boxes, points, strides = [], [], [], []
        for head, features, stride in zip(self.heads, maps, STRIDES):
            score, distance = head(features)
            grid = centres(features, stride)
            logits.append(score.flatten(2).transpose(1, 2).float())
            boxes.append(decode(distance.flatten(2).transpose(1, 2).float(), grid, stride))
            points.append(grid)
            strides.append(torch.full_like(grid[:, 0], stride))
        return Predictions(
            torch.cat(logits, 1), torch.cat(boxes, 1), torch.cat(points), torch.cat(strides), maps
        )


def centres(features: Tensor, stride: int) -> Tensor:
    """The centres of a map's cells, row by row: [H*W,2], x and y in input pixels."""
    height, width = features.shape[-2:]
    x = (torch.arange(width, device=features.device) + 0.5) * stride
    y = (torch.arange(height, device=features.device) + 0.5) * stride
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([columns, rows], -1).reshape(-1, 2)


def decode(distance: Tensor, points: Tensor, stride: int) -> Tensor:
    """Raw distances [N,A,4] (left, top, right, bottom) to boxes in input pixels."""
    reach = F.softplus(distance) * stride
    return torch.cat([points - reach[..., :2], points + reach[..., 2:]], -1)
