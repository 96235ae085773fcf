"""Give a backbone the channels of another that is built alike.

    python3 -m training.inherit mnasnet --of models/efficientnet.pt
    python3 -m training.train mnasnet --start mnasnet-heir

No package brings the ImageNet weights of MnasNet or MobileNetV3. Both are chains of inverted residual blocks
around streams of 16, 24, 40, 80 channels and so on, and so is EfficientNet-Lite0, of which one does. The heir
takes over its blocks, stage by stage: where it is narrower, the channels that add most to the layer that reads
them (channel pruning: He et al., ICCV 2017); larger kernels with a border of zeros, smaller ones without their
border; a block too many begins as the identity (Net2Net: Chen et al., ICLR 2016). Then it imitates the streams
and the neck's maps on pictures without their labels (FitNets: Romero et al., ICLR 2015).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training import checkpoint, distil, paths, weights
from training.augment import Options, letterbox_views, random_views, recolour, render
from training.backbones import Backbone
from training.checkpoint import Settings
from training.data import CLASSES, Store
from training.detector import Detector
from training.train import CLIP, SAY_STEPS, schedule

JUDGED = 64  # pictures that say what a channel adds
DECAY = 0.01  # of weights


class Mismatch(ValueError):
    """Backbones that are not built alike."""


@dataclass
class Layer:
    """A convolution and the norm behind it."""

    conv: nn.Conv2d
    norm: nn.BatchNorm2d


@dataclass
class Block:
    """An inverted residual block: expand, filter each channel, project back to the stream."""

    expand: Layer | None  # the first block has none
    depthwise: Layer
    project: Layer

    @property
    def reader(self) -> nn.Conv2d:
        """What reads the stream."""
        return (self.expand or self.depthwise).conv


@dataclass
class Chain:
    """A stem, and blocks by the width of their stream."""

    stem: Layer
    stages: list[list[Block]]


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
    return Chain(stem, [list(g) for _, g in groupby(blocks, lambda b: b.project.conv.out_channels)])


def layers(module: nn.Module) -> list[Layer]:
    """Its convolutions with norms, in order; those of squeeze-and-excitation have none."""
    leaves = [m for m in module.modules() if not list(m.children())]
    return [
        Layer(a, b)
        for a, b in pairwise(leaves)
        if isinstance(a, nn.Conv2d) and isinstance(b, nn.BatchNorm2d)
    ]


def block_of(found: list[Layer]) -> Block:
    if len(found) > 3 or found[-2].conv.groups != found[-2].conv.in_channels:
        raise Mismatch("the backbone is not made of inverted residual blocks")
    return Block(found[0] if len(found) == 3 else None, found[-2], found[-1])


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


class Heir:
    """A student that begins with a teacher's channels."""

    def __init__(self, student: Detector, teacher: Detector, pictures: Tensor) -> None:
        self.student, self.teacher = student, teacher
        self.own, self.other = chain(student.backbone), chain(teacher.backbone)
        self.pairs = list(zip(self.own.stages, self.other.stages))
        self.worth = self._judge(pictures)
        self.kept = [self._channels(stage) for stage in range(len(self.pairs))]
        with torch.no_grad():
            self._take()

    @torch.no_grad()
    def _judge(self, pictures: Tensor) -> dict[nn.Conv2d, Tensor]:
        """What each channel that a convolution of the teacher reads adds to its sums [C]."""
        blocks = [block for stage in self.other.stages for block in stage]
        readers = [block.reader for block in blocks] + [block.project.conv for block in blocks]
        with inputs_of(readers) as seen:
            self.teacher.features(pictures)
        worth = {}
        for conv, read in seen.items():
            of_kernel = (1, 2, 3) if conv.groups > 1 else (0, 2, 3)
            worth[conv] = read.square().mean((0, 2, 3)) * conv.weight.square().sum(of_kernel)
        return worth

    def _channels(self, stage: int) -> Tensor:
        """Which channels of the teacher's stream after a stage the student has, in order."""
        width = self.own.stages[stage][0].project.conv.out_channels
        if stage + 1 < len(self.other.stages):
            return best(self.worth[self.other.stages[stage + 1][0].reader], width)
        return best(torch.ones(self.other.stages[stage][0].project.conv.out_channels), width)

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
                    nn.init.zeros_(block.project.norm.weight)
                    nn.init.zeros_(block.project.norm.bias)
                stream = kept
        distil.share(self.teacher, self.student)
        for i, stage in enumerate(self._ends()):
            if stage is not None:
                own, other = (layers(d.neck.lateral[i])[0] for d in (self.student, self.teacher))
                take(own, other, torch.arange(own.conv.out_channels), self.kept[stage])

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

    def loss(self, pictures: Tensor) -> Tensor:
        """How far the student's streams and maps are from the teacher's, 2 if they know nothing."""
        mine, maps = streams(self.student, self.own, len(self.pairs), pictures)
        with torch.no_grad():
            theirs, wanted = streams(self.teacher, self.other, len(self.pairs), pictures)
        theirs = [x[:, kept] for x, kept in zip(theirs, self.kept)]
        return distil.loss(mine, theirs) + distil.loss(maps, wanted)


def streams(
    detector: Detector, of: Chain, count: int, pictures: Tensor
) -> tuple[list[Tensor], list[Tensor]]:
    """The streams after so many stages, and the neck's maps."""
    readers = [stage[0].reader for stage in of.stages[1:]]
    readers.append(layers(detector.neck.lateral[-1])[0].conv)
    with inputs_of(readers) as seen:
        maps = detector.features(pictures)
    return [seen[reader] for reader in readers[:count]], maps


def at_width(of: Chain, width: int) -> int:
    """The last stage whose stream has that width."""
    found = [i for i, s in enumerate(of.stages) if s[0].project.conv.out_channels == width]
    if not found:
        raise Mismatch(f"no stream has the {width} channels of one of the backbone's maps")
    return found[-1]


def best(worth: Tensor, count: int) -> Tensor:
    """The places of the greatest, in order."""
    if count > len(worth):
        raise Mismatch(f"the heir wants {count} channels of {len(worth)}")
    return worth.topk(count).indices.sort().values


def take(own: Layer, other: Layer, outputs: Tensor, inputs: Tensor | None = None) -> None:
    """Copy the chosen channels of a layer."""
    weight = other.conv.weight[outputs]
    if inputs is not None:
        weight = weight[:, inputs]
    border = (own.conv.kernel_size[0] - other.conv.kernel_size[0]) // 2
    own.conv.weight.copy_(F.pad(weight, [border] * 4))  # a border below 0 cuts
    for key in ("weight", "bias", "running_mean", "running_var"):
        getattr(own.norm, key).copy_(getattr(other.norm, key)[outputs])


def align(heir: Heir, store: Store, settings: Settings) -> None:
    """Let the student imitate the teacher; it learns all but what it shares with it."""
    student = heir.student.to(memory_format=torch.channels_last)
    student.requires_grad_(False).eval()
    for module in (student.backbone, student.neck.lateral):
        module.requires_grad_(True).train()
    learned = [p for p in student.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(learned, lr=settings.rate, weight_decay=DECAY)
    steps, began, mean = steps_of(settings, store), time.monotonic(), 0.0
    for step in range(steps):
        rate = settings.rate * schedule(step, step / steps, settings.warmup)
        optimiser.param_groups[0]["lr"] = rate
        pictures = batch(store, settings, step)
        with torch.autocast("cpu", torch.bfloat16):
            cost = heir.loss(pictures)
        optimiser.zero_grad(set_to_none=True)
        cost.backward()
        nn.utils.clip_grad_norm_(learned, CLIP)
        optimiser.step()
        mean += (cost.item() - mean) * max(0.02, 1 / (step + 1))
        if (step + 1) % SAY_STEPS == 0:
            speed = settings.batch * (step + 1) / (time.monotonic() - began)
            print(f"step {step + 1}/{steps} loss {mean:.3f} {speed:.1f} pictures/s", flush=True)


def steps_of(settings: Settings, store: Store) -> int:
    return max(1, settings.epochs * len(store) // settings.batch)


def batch(store: Store, settings: Settings, step: int) -> Tensor:
    """The views of a step, float32 [N,3,H,W]."""
    rng = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
    options = Options(mosaic=settings.mosaic)
    size = settings.sizes[int(torch.randint(len(settings.sizes), (), generator=rng))]
    chosen = torch.randint(len(store), (settings.batch,), generator=rng)
    views = random_views(store, chosen, size, options, rng)
    pictures = recolour(render(store, views), options, rng)
    return pictures.contiguous(memory_format=torch.channels_last)


def inherit(settings: Settings) -> Path:
    """Make the heir of settings.teacher, and keep it as a run of its own to start from."""
    torch.manual_seed(settings.seed)
    of = checkpoint.read(checkpoint.find(settings.teacher))
    settings = replace(settings, width=checkpoint.settings_of(of).width)
    teacher = checkpoint.load_detector(settings.teacher).requires_grad_(False)
    teacher.to(memory_format=torch.channels_last)
    store = Store.load(paths.cache() / "train")
    shown = torch.arange(0, len(store), max(1, len(store) // JUDGED))
    pictures = render(store, letterbox_views(store, shown, settings.sizes[-1]))
    student = Detector(settings.backbone, len(CLASSES), settings.width)
    align(Heir(student, teacher, pictures), store, settings)
    path = paths.run(f"{settings.backbone}-heir") / checkpoint.BEST
    state = {
        "settings": checkpoint.pack_settings(settings),
        "progress": {"step": steps_of(settings, store)},
        "start": descent(of),
        "ema": student.state_dict(),
    }
    checkpoint.save(path, state)
    return path


def descent(of: dict[str, Any]) -> str:
    """What an heir starts from; it is as good as random weights if its teacher started from those."""
    said = f"the channels of {of['settings']['backbone']}, which started from {of['start']}"
    return f"{weights.RANDOM}: {said}" if of["start"].startswith(weights.RANDOM) else said


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("backbone")
    parser.add_argument("--of", required=True, help="run or checkpoint of the teacher")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--sizes", type=int, nargs="+", default=[160, 192, 224])
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    settings = Settings(
        backbone=args.backbone, epochs=args.epochs, batch=args.batch, rate=args.rate,
        sizes=tuple(args.sizes), warmup=100, teacher=args.of,
    )  # fmt: skip
    try:
        print(inherit(settings))
    except Mismatch as error:
        raise SystemExit(f"{args.backbone} cannot inherit from {args.of}: {error}") from error


if __name__ == "__main__":
    main()
