"""Random views of the packed pictures, made in batches by tensor operations on any device.

A view is a square cut into four tiles by one point; each tile shows one picture, scaled, stretched,
mirrored and shifted. With the point in a corner one picture fills the view. Tiles keep apart what
each picture's source annotates, which a mosaic warped as a whole would mix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from training.data import Store

PADDING = 114  # grey around a picture, as the program's letterbox has it
MIN_SIDE = 3.0  # pixels of the view; a smaller object is ignored
MIN_VISIBLE = 0.3  # of an object's area; one cut to less is ignored


@dataclass
class Options:
    """How strongly to vary. Chances are 0..1; spreads are factors, the range is 1/f..f."""

    mosaic: float = 0.5  # chance of four pictures: more and smaller objects, new neighbours
    mixup: float = 0.0  # chance of a second view that shines through
    zoom: tuple[float, float] = (0.7, 1.8)  # of the size that fits the view
    mosaic_zoom: tuple[float, float] = (0.45, 1.2)
    aspect: float = 1.25  # several sources were stretched square, so people look wide
    flip: float = 0.5
    brightness: float = 0.15  # added, of the full range
    contrast: float = 1.3
    saturation: float = 1.6
    tint: float = 1.1  # per channel
    grey: float = 0.05  # chance of no colour at all, as infrared cameras give


T = TypeVar("T", "Views", "Targets")


@dataclass
class Views:
    """B views. Tiles run top left, top right, bottom left, bottom right."""

    picture: Tensor  # int64 [B,4]: which picture a tile shows
    scale: Tensor  # float32 [B,4,2]: x, y; view pixels per picture pixel, negative x mirrors
    shift: Tensor  # float32 [B,4,2]: view = scale * picture + shift
    centre: Tensor  # float32 [B,2]: x, y, where the tiles meet, whole pixels
    size: int  # pixels a side


@dataclass
class Targets:
    """The objects in B views, at most G in each; a class of -1 is padding."""

    boxes: Tensor  # float32 [B,G,4]: x1,y1,x2,y2 in view pixels
    classes: Tensor  # int64 [B,G]
    ignored: Tensor  # bool [B,G]
    labelled: Tensor  # bool [B,4,C], by tile
    centre: Tensor  # float32 [B,2]


def random_views(
    store: Store, first: Tensor, size: int, options: Options, rng: torch.Generator
) -> Views:
    """A view of each of the pictures `first` [B], some of them mosaics with three others."""
    count = len(first)
    others = torch.randint(len(store), (count, 3), generator=rng)
    mosaic = torch.rand(count, generator=rng) < options.mosaic
    # In a mosaic the picture asked for takes any tile; alone it has the bottom right one.
    picture = torch.cat([others, first[:, None]], dim=1)
    order = torch.rand(count, 4, generator=rng).argsort(dim=1)
    picture = torch.where(mosaic[:, None], picture.gather(1, order), picture)
    middle = (size * (0.3 + 0.4 * torch.rand(count, 2, generator=rng))).round()
    centre = torch.where(mosaic[:, None], middle, torch.zeros(()))

    extent = store.size.to(picture.device)[picture].float()  # [B,4,2]
    fit = size / extent.amax(-1)
    low = torch.where(mosaic, options.mosaic_zoom[0], options.zoom[0])[:, None]
    high = torch.where(mosaic, options.mosaic_zoom[1], options.zoom[1])[:, None]
    zoom = low * (high / low) ** torch.rand(count, 4, generator=rng)
    stretch = spread(options.aspect, (count, 4), rng).sqrt()
    scale = (fit * zoom)[..., None] * torch.stack([stretch, 1 / stretch], -1)

    # Place the picture so that it covers the tile where it is larger, and lies in it where smaller.
    lower, upper = tile_bounds(centre, size)
    slack = (upper - lower) - scale * extent
    corner = lower + slack * torch.rand(count, 4, 2, generator=rng)
    flip = torch.rand(count, 4, generator=rng) < options.flip
    sign = torch.stack([torch.where(flip, -1.0, 1.0), torch.ones(count, 4)], -1)
    shift = torch.where(sign < 0, corner + scale * extent, corner)
    return Views(picture, scale * sign, shift, centre, size)


def letterbox_views(store: Store, pictures: Tensor, size: int) -> Views:
    """The pictures [B] whole and centred, as the program feeds them."""
    extent = store.size.to(pictures.device)[pictures].float()
    fit = size / extent.amax(-1, keepdim=True)
    content = (extent * fit).round()
    scale = content / extent
    shift = ((size - content) / 2).floor()

    def tiled(x: Tensor) -> Tensor:
        return x[:, None].expand(-1, 4, *x.shape[1:])

    return Views(tiled(pictures), tiled(scale), tiled(shift), torch.zeros_like(shift), size)


def tile_bounds(centre: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The least and the greatest corner of every tile, [B,4,2]; an empty tile has equal ones."""
    zero, full = torch.zeros_like(centre), torch.full_like(centre, size)
    right = torch.tensor([[0, 0], [1, 0], [0, 1], [1, 1]], device=centre.device).bool()
    lower = torch.where(right, centre[:, None], zero[:, None])
    upper = torch.where(right, full[:, None], centre[:, None])
    return lower, upper


def spread(factor: float, shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    """Random factors in 1/factor..factor, even on a logarithmic scale."""
    return (math.log(factor) * (2 * torch.rand(shape, generator=rng) - 1)).exp()


def to_device(record: T, device: torch.device) -> T:
    """Views or Targets in another memory."""
    moved = {k: v.to(device) for k, v in vars(record).items() if isinstance(v, Tensor)}
    return replace(record, **moved)


def render(store: Store, views: Views) -> Tensor:
    """The pixels of the views: float32 [B,3,size,size], BGR, 0..255, bilinear, grey outside."""
    return render_each(store, views) if store.device.type == "cpu" else render_batch(store, views)


def render_each(store: Store, views: Views) -> Tensor:
    """Tile after tile by OpenCV, which on a CPU takes a tenth of render_batch's time."""
    import cv2

    canvas = np.full((len(views.picture), views.size, views.size, 3), PADDING, np.uint8)
    bounds = content_bounds(store, views).tolist()
    for b, pictures in enumerate(views.picture.tolist()):
        for tile, picture in enumerate(pictures):
            left, top, right, bottom = bounds[b][tile]
            if right <= left or bottom <= top:
                continue
            scale = views.scale[b, tile].numpy()
            # OpenCV counts from the centre of the first pixel, we from its corner.
            shift = views.shift[b, tile].numpy() + 0.5 * scale - 0.5 - (left, top)
            matrix = np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]])
            canvas[b, top:bottom, left:right] = cv2.warpAffine(
                store.picture(picture),
                matrix,
                (right - left, bottom - top),
                borderMode=cv2.BORDER_REPLICATE,
            )
    return torch.from_numpy(canvas).permute(0, 3, 1, 2).float()


def content_bounds(store: Store, views: Views) -> Tensor:
    """The view pixels that each tile's picture covers: int64 [B,4,4], left, top, right, bottom."""
    lower, upper = tile_bounds(views.centre, views.size)
    far = views.shift + views.scale * store.size[views.picture]
    # A pixel is covered where its centre is.
    first = (views.shift.minimum(far) - 0.5).ceil().maximum(lower)
    end = (views.shift.maximum(far) - 0.5).ceil().minimum(upper)
    return torch.cat([first, end], -1).long()


def render_batch(store: Store, views: Views) -> Tensor:
    """All pixels of all views at once."""
    size = views.size
    extent = store.size[views.picture]  # [B,4,2]
    at = torch.arange(size, device=extent.device) + 0.5  # pixel centres
    second = at >= views.centre[..., None]  # [B,2,size]: right of, or below, the centre
    right, below = second[:, 0], second[:, 1]

    # No rotation: a tile's column depends on the view's column alone, and its row on the row.
    where = (at - views.shift[..., None]) / views.scale[..., None] - 0.5  # [B,4,2,size]
    inside = (where > -0.5) & (where < extent[..., None] - 0.5)
    where = where.clamp_min(0).minimum((extent - 1)[..., None])
    whole = where.floor()
    part = where - whole
    whole = whole.long()
    step = (whole + 1 < extent[..., None]).long()  # to the next pixel, none at the border
    width = extent[..., 0, None]
    row = store.start[views.picture][..., None] + whole[:, :, 1] * width

    def over_columns(x: Tensor) -> Tensor:  # [B,4,size] by column -> [B,size,size]
        top = torch.where(right, x[:, 1], x[:, 0])
        bottom = torch.where(right, x[:, 3], x[:, 2])
        return torch.where(below[:, :, None], bottom[:, None], top[:, None])

    def over_rows(x: Tensor) -> Tensor:
        left = torch.where(below, x[:, 2], x[:, 0])
        other = torch.where(below, x[:, 3], x[:, 1])
        return torch.where(right[:, None], other[:, :, None], left[:, :, None])

    first = over_rows(row) + over_columns(whole[:, :, 0])
    across = over_columns(step[:, :, 0])
    down = over_rows(step[:, :, 1] * width)

    def pixels(index: Tensor) -> Tensor:
        return store.pixels.index_select(0, index.flatten()).view(*index.shape, 3).float()

    x = over_columns(part[:, :, 0])[..., None]
    y = over_rows(part[:, :, 1])[..., None]
    upper = torch.lerp(pixels(first), pixels(first + across), x)
    lower = torch.lerp(pixels(first + down), pixels(first + down + across), x)
    shown = over_columns(inside[:, :, 0]) & over_rows(inside[:, :, 1])
    view = torch.where(shown[..., None], torch.lerp(upper, lower, y), float(PADDING))
    return view.permute(0, 3, 1, 2)  # channels-last in memory


def recolour(view: Tensor, options: Options, rng: torch.Generator) -> Tensor:
    """Vary brightness, contrast, saturation and tint; one matrix and one offset a view."""
    count = len(view)
    luma = torch.tensor([0.114, 0.587, 0.299]).expand(3, 3)  # of BGR
    keep = spread(options.saturation, (count, 1, 1), rng)
    keep = torch.where(torch.rand(count, 1, 1, generator=rng) < options.grey, 0.0, keep)
    matrix = keep * torch.eye(3) + (1 - keep) * luma
    matrix = matrix * spread(options.tint, (count, 3, 1), rng)
    gain = spread(options.contrast, (count, 1, 1), rng)
    light = 255 * options.brightness * (2 * torch.rand(count, 1, 1, generator=rng) - 1)
    offset = 128 * (1 - gain) + light
    flat = view.permute(0, 2, 3, 1).reshape(count, -1, 3)
    matrix = (gain * matrix).transpose(1, 2).to(view.device)
    flat = torch.baddbmm(offset.to(view.device), flat, matrix).clamp_(0, 255)
    return flat.view(count, *view.shape[2:], 3).permute(0, 3, 1, 2)


def mix(
    view: Tensor, goal: Targets, options: Options, rng: torch.Generator
) -> tuple[Tensor, Targets]:
    """Lay another view of the batch over some views, with the objects of both.

    Mixup (Zhang et al., ICLR 2018) as detectors use it: each half as strong as it was, and every
    object counts in full. The other view is of one picture, whose annotated classes then limit those
    of every tile; views without such a partner stay as they are.
    """
    if not options.mixup:
        return view, goal
    count = len(view)
    single = (goal.centre == 0).all(-1).nonzero().flatten().cpu()
    hosts = (torch.rand(count, generator=rng) < options.mixup).nonzero().flatten()
    picked = torch.randint(max(1, len(single)), (len(hosts),), generator=rng)
    if len(single) == 0 or len(hosts) == 0:
        return view, goal
    partners = single[picked]
    other = torch.arange(count)
    other[hosts] = partners
    mixed = (other != torch.arange(count)).to(view.device)
    other = other.to(view.device)
    annotated = goal.labelled & goal.labelled[other][:, 3:]  # a single picture is in the last tile
    joined = Targets(
        boxes=torch.cat([goal.boxes, goal.boxes[other]], 1),
        classes=torch.cat([goal.classes, goal.classes[other].masked_fill(~mixed[:, None], -1)], 1),
        ignored=torch.cat([goal.ignored, goal.ignored[other]], 1),
        labelled=torch.where(mixed[:, None, None], annotated, goal.labelled),
        centre=goal.centre,
    )
    return (view + view[other]) / 2, joined


def targets(store: Store, views: Views) -> Targets:
    """The objects that the views show."""
    boxes = store.boxes[views.picture]  # [B,4,M,4]
    classes = store.classes[views.picture]
    ignored = store.ignored[views.picture]
    scale, shift = views.scale[:, :, None], views.shift[:, :, None]
    one, two = boxes[..., :2] * scale + shift, boxes[..., 2:] * scale + shift
    least, greatest = torch.minimum(one, two), torch.maximum(one, two)
    area = (greatest - least).prod(-1)

    lower, upper = (x[:, :, None] for x in tile_bounds(views.centre, views.size))
    least = least.maximum(lower).minimum(upper)
    greatest = greatest.minimum(upper).maximum(lower)
    side = (greatest - least).clamp_min(0)
    visible = side.prod(-1) / area.clamp_min(1e-6)
    shown = (classes >= 0) & (side.amin(-1) > 0)
    unclear = (side.amin(-1) < MIN_SIDE) | (visible < MIN_VISIBLE)

    def flat(x: Tensor) -> Tensor:
        return x.flatten(1, 2)

    kept = flat(shown)
    most = max(1, int(kept.sum(1).max()))
    order = kept.int().sort(dim=1, descending=True, stable=True).indices[:, :most]
    corners = flat(torch.cat([least, greatest], -1))
    return Targets(
        boxes=corners.gather(1, order[..., None].expand(-1, -1, 4)),
        classes=flat(torch.where(shown, classes, -1)).gather(1, order),
        ignored=flat(ignored | unclear).gather(1, order),
        labelled=store.labelled[views.picture],
        centre=views.centre,
    )
