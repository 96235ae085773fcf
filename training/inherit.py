"""Give a backbone the layers of another whose work its own can do.

    python3 -m training.inherit mnasnet --of models/efficientnet.pt
    python3 -m training.train mnasnet --start mnasnet-heir

No package brings the ImageNet weights of MnasNet, MobileNetV3, RegNet or ResNeSt, but some do those
of others that detectors here began with. The heir takes over their kernels as its kind of block can
(heirs/ has a module for each), then imitates the streams and the neck's maps on pictures without
their labels (FitNets: Romero et al., ICLR 2015).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training import checkpoint, paths, weights
from training.augment import Options, letterbox_views, random_views, recolour, render
from training.backbones import member
from training.checkpoint import Settings
from training.data import CLASSES, Store
from training.detector import Detector
from training.heirs.base import Heir, Mismatch
from training.heirs.inverted import InvertedHeir
from training.heirs.regnet import RegNetHeir
from training.heirs.resnest import ResNeStHeir
from training.train import CLIP, SAY_STEPS, schedule

JUDGED = 64  # pictures that say what a channel adds
DECAY = 0.01  # of weights
ENTRY = 0.3  # steps of the entry alone, as a share of the steps that follow
# By the heir's family; those that are not named are made of inverted residual blocks.
HEIRS: dict[str, type[InvertedHeir | RegNetHeir | ResNeStHeir]] = {
    "regnet": RegNetHeir,
    "resnest": ResNeStHeir,
}


def align(heir: Heir, store: Store, settings: Settings) -> int:
    """Let the student imitate the teacher; it learns all but what it shares with it.

    Gives the steps that it took.
    """
    student = heir.student.to(memory_format=torch.channels_last)
    steps = max(1, settings.epochs * len(store) // settings.batch)
    entry = 0
    if heir.entries:
        # What lies behind would unlearn what it took, if it began with noise.
        entry = round(ENTRY * steps)
        imitate(heir.entry_loss, student, [heir.entries[0]], store, settings, entry)
    parts = [student.backbone, student.neck.lateral]
    imitate(heir.loss, student, parts, store, settings, steps, heir.norms_learn)
    return entry + steps


def imitate(
    loss: Callable[[Tensor], Tensor], student: Detector, parts: list[nn.Module], store: Store,
    settings: Settings, steps: int, norms_learn: bool = True,
) -> None:  # fmt: skip
    """Let parts of the student learn by a loss of pictures."""
    student.requires_grad_(False).eval()
    for module in parts:
        module.requires_grad_(True).train(norms_learn)
    learned = [p for p in student.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(learned, lr=settings.rate, weight_decay=DECAY)
    began, mean = time.monotonic(), 0.0
    for step in range(steps):
        rate = settings.rate * schedule(step, step / steps, settings.warmup)
        optimiser.param_groups[0]["lr"] = rate
        pictures = batch(store, settings, step)
        with torch.autocast("cpu", torch.bfloat16):
            cost = loss(pictures)
        optimiser.zero_grad(set_to_none=True)
        cost.backward()
        nn.utils.clip_grad_norm_(learned, CLIP)
        optimiser.step()
        mean += (cost.item() - mean) * max(0.02, 1 / (step + 1))
        if (step + 1) % SAY_STEPS == 0:
            speed = settings.batch * (step + 1) / (time.monotonic() - began)
            print(f"step {step + 1}/{steps} loss {mean:.3f} {speed:.1f} pictures/s", flush=True)


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
    made = HEIRS.get(member(settings.backbone).family, InvertedHeir)
    steps = align(made(student, teacher, pictures), store, settings)
    path = paths.run(f"{settings.backbone}-heir") / checkpoint.BEST
    state = {
        "settings": checkpoint.pack_settings(settings),
        "progress": {"step": steps},
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
