"""Train a detector; started again, it goes on from its last checkpoint.

    python3 -m training.train mobilenetv2 --epochs 60

The same steps run on a CPU, where an ImageNet start and a frozen stem save most of the time, and on
a GPU, which holds the whole set in its memory.
"""

from __future__ import annotations

import argparse
import copy
import csv
import math
import signal
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import FrameType

import torch
from torch import Tensor, nn

from training import checkpoint, distil, evaluate, paths, weights
from training.augment import Options, mix, random_views, recolour, render, targets, to_device
from training.backbones import STRIDES
from training.checkpoint import Settings
from training.data import CLASSES, Store
from training.detector import Detector
from training.loss import loss

SAVE_SECONDS = 300  # between checkpoints
SAY_STEPS = 50  # between lines of the log
SHARE = 0.75  # of a device's free memory that pictures may take
CLIP = 10.0  # of the gradient's norm
FULL_SIZE_FROM = 0.6  # of a run that begins with smaller pictures
LOG = ("epoch", "step", "pictures", "seconds", "rate", "score_loss", "box_loss")
RESULT = ("ap50", "ap", "person_ap50")


@dataclass
class Progress:
    """Where a run stands; saved with it."""

    step: int = 0
    seconds: float = 0.0  # spent in training steps and evaluations
    score_loss: float = 0.0  # running means
    box_loss: float = 0.0
    best: float = -1.0  # AP


class Run:
    """A detector in training, with everything that a checkpoint holds."""

    def __init__(self, name: str, settings: Settings, device: torch.device) -> None:
        self.folder = paths.run(name)
        self.settings, self.device = settings, device
        self.store, self.val = (place(paths.cache() / s, device) for s in ("train", "val"))
        torch.manual_seed(settings.seed)
        model = Detector(settings.backbone, len(CLASSES), settings.width)
        self.start = weights.initialise(model.backbone, settings.backbone)
        self.pretrained = self.start != weights.RANDOM
        self.teacher = distil.Teacher(settings.teacher, device) if settings.teacher else None
        if self.teacher:
            self.teacher.start(model)
            self.start += f", taught by {self.teacher.name}"
        self.model = model.to(device, memory_format=torch.channels_last)
        self.ema = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.optimiser = torch.optim.AdamW(self._groups(), lr=settings.rate)
        self.progress = Progress()
        self.epoch_steps = len(self.store) // settings.batch
        self.steps = settings.epochs * self.epoch_steps
        self.options = Options(mosaic=settings.mosaic, mixup=settings.mixup)
        self.forward = torch.compile(self.model) if device.type == "cuda" else self.model

    def _groups(self) -> list[dict[str, object]]:
        """The backbone learns slower; biases and norms do not decay."""
        share = self.settings.backbone_rate if self.pretrained else 1.0
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for name, parameter in self.model.named_parameters():
            factor = share if name.startswith("backbone.") else 1.0
            decay = self.settings.decay if parameter.ndim > 1 else 0.0
            groups.setdefault((factor, decay), []).append(parameter)
        return [{"params": p, "factor": f, "weight_decay": d} for (f, d), p in groups.items()]

    @property
    def epoch(self) -> int:
        return self.progress.step // self.epoch_steps

    def train(self, seconds: float) -> None:
        """Run to the end, or for about so many seconds."""
        until = saved = time.monotonic()
        until += seconds
        while self.progress.step < self.steps and time.monotonic() < until and not Stop.asked:
            began = time.monotonic()
            self._step()
            if self.progress.step % self.epoch_steps == 0:
                self._evaluate(began)
                saved = time.monotonic()
            elif time.monotonic() - saved > SAVE_SECONDS:
                self.save(checkpoint.LAST)
                saved = time.monotonic()
        self.save(checkpoint.LAST)

    def _step(self) -> None:
        began = time.monotonic()
        step, settings = self.progress.step, self.settings
        # Every random choice follows from the step, so that a resumed run is the same run.
        rng = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
        self._freeze()
        rate = self._rate()
        size = self._size(rng)
        views = random_views(self.store, self._pictures(), size, self.options, rng)
        views = to_device(views, self.store.device)
        pictures = recolour(render(self.store, views).to(self.device), self.options, rng)
        real = to_device(targets(self.store, views), self.device)
        pictures, real = mix(pictures, real, self.options, rng)
        with torch.autocast(self.device.type, torch.bfloat16):
            predictions = self.forward(pictures)
        cost = loss(predictions, real)
        total = cost.total + self._imitation(pictures, predictions.maps)
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        self.optimiser.step()
        self._average()
        self._note(cost.score.item(), cost.box.item(), time.monotonic() - began)

    def _imitation(self, pictures: Tensor, maps: list[Tensor]) -> Tensor | float:
        """What it costs to differ from the teacher; nothing without one."""
        if not self.teacher:
            return 0.0
        with torch.autocast(self.device.type, torch.bfloat16):
            wanted = self.teacher.maps(pictures)
        return self.settings.imitation * distil.loss(maps, wanted)

    def _size(self, rng: torch.Generator) -> int:
        """One of the sizes, smaller at first (progressive learning: Tan and Le, ICML 2021)."""
        settings = self.settings
        full = settings.sizes[int(torch.randint(len(settings.sizes), (), generator=rng))]
        grown = min(1.0, self.progress.step / (FULL_SIZE_FROM * self.steps))
        share = settings.small_start + (1 - settings.small_start) * grown
        return max(1, round(share * full / STRIDES[-1])) * STRIDES[-1]

    def _pictures(self) -> Tensor:
        """The next batch of this epoch's order."""
        rng = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + self.epoch)
        order = torch.randperm(len(self.store), generator=rng)
        first = self.progress.step % self.epoch_steps * self.settings.batch
        return order[first : first + self.settings.batch]

    def _freeze(self) -> None:
        """Keep a trained stem, the trained norms and, at first, the whole trained backbone."""
        self.model.train()
        if not self.pretrained:
            return
        whole = self.epoch < self.settings.frozen_epochs
        for i, stage in enumerate(self.model.backbone.stages):
            stage.requires_grad_(not whole and i > 0)
        for module in self.model.backbone.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()

    def _rate(self) -> float:
        """A linear warm-up, then half a cosine down to a hundredth."""
        step, settings = self.progress.step, self.settings
        rise = min(1.0, (step + 1) / settings.warmup)
        fall = 0.505 + 0.495 * math.cos(math.pi * step / self.steps)
        return settings.rate * rise * fall

    @torch.no_grad()
    def _average(self) -> None:
        """The moving average; it follows faster at the start of a run."""
        keep = min(self.settings.ema, (1 + self.progress.step) / (20 + self.progress.step))
        now = self.model.state_dict()
        for name, value in self.ema.state_dict().items():
            if value.dtype.is_floating_point:
                value.lerp_(now[name], 1 - keep)
            else:
                value.copy_(now[name])

    def _note(self, score: float, box: float, seconds: float) -> None:
        p = self.progress
        share = max(0.01, 1 / (p.step + 1))
        p.score_loss += share * (score - p.score_loss)
        p.box_loss += share * (box - p.box_loss)
        p.step += 1
        p.seconds += seconds
        if p.step % SAY_STEPS == 0:
            rate = self.settings.batch / seconds
            losses = f"score {p.score_loss:.3f} box {p.box_loss:.3f}"
            print(f"step {p.step}/{self.steps} {losses} {rate:.1f} pictures/s", flush=True)
        if not math.isfinite(score + box):
            raise SystemExit(f"step {p.step}: the loss is {score} + {box}; lower the rate")

    def _evaluate(self, began: float) -> None:
        """Score the averaged weights, append to the curve, keep the best."""
        network = evaluate.of_detector(self.ema)
        with torch.autocast(self.device.type, torch.bfloat16):
            result = evaluate.score(network, self.val, self.settings.eval_size)
        p = self.progress
        p.seconds += time.monotonic() - began
        person = result["classes"]["person"]["ap50"]
        row: list[object] = [self.epoch, p.step, p.step * self.settings.batch, round(p.seconds)]
        row += [f"{x:.4g}" for x in (self._rate(), p.score_loss, p.box_loss)]
        row += [f"{x:.4f}" for x in (result["ap50"], result["ap"], person)]
        append(self.folder / "curve.csv", (*LOG, *RESULT), row)
        print(dict(zip((*LOG, *RESULT), row)), flush=True)
        if result["ap"] > p.best:  # it depends less on chance than AP50 does
            p.best = result["ap"]
            self.save(checkpoint.BEST)
        self.save(checkpoint.LAST)

    def save(self, name: str) -> None:
        """The best file holds what export needs, the last one all that training needs."""
        state = {
            "settings": checkpoint.pack_settings(self.settings),
            "progress": vars(self.progress),
            "start": self.start,
            "ema": self.ema.state_dict(),
        }
        if name == checkpoint.LAST:
            state |= {"model": self.model.state_dict(), "optimiser": self.optimiser.state_dict()}
        checkpoint.save(self.folder / name, state)

    def resume(self) -> None:
        """Go on from the last checkpoint, or from what the repository keeps of the run."""
        path = self.folder / checkpoint.LAST
        if not path.exists():
            path = checkpoint.kept(self.folder.name)
        if not path.exists():
            return
        state = checkpoint.read(path, str(self.device))
        # A schedule may be made longer or shorter on the way; all else makes another run of it.
        before = replace(checkpoint.settings_of(state), epochs=self.settings.epochs)
        if before != self.settings:
            if path.name != checkpoint.LAST:
                return  # another recipe's
            raise SystemExit(f"{path}: was trained with other settings; remove it to start anew")
        self.model.load_state_dict(state.get("model", state["ema"]))
        self.ema.load_state_dict(state["ema"])
        if "optimiser" in state:
            self.optimiser.load_state_dict(state["optimiser"])
        self.progress = Progress(**state["progress"])
        print(f"resume: step {self.progress.step} of {self.steps}", flush=True)


def place(folder: Path, device: torch.device) -> Store:
    """A set in the memory of the device if it fits there, else where it is."""
    store = Store.load(folder)
    if device.type == "cpu":
        return store
    free, _ = torch.cuda.mem_get_info(device)
    if store.pixels.numel() > SHARE * free:
        print(f"{folder}: stays in main memory, the device has no room for it", flush=True)
        return store
    return store.to(device)


class Stop:
    """Set by SIGTERM and SIGINT: finish the step, save, leave."""

    asked = False

    @classmethod
    def ask(cls, signum: int, frame: FrameType | None) -> None:
        cls.asked = True


def append(path: Path, header: tuple[str, ...], row: list[object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(header)
        writer.writerow(row)


def options() -> argparse.ArgumentParser:
    """Every field of Settings is a flag."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="of the run; also its backbone, unless --backbone says other")
    for field in fields(Settings):
        kind = type(field.default) if field.name != "sizes" else int
        many = "+" if field.name == "sizes" else None
        flag = "--" + field.name.replace("_", "-")
        parser.add_argument(flag, type=kind, default=None, nargs=many)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after this, saved")
    return parser


def settings_from(args: argparse.Namespace) -> Settings:
    given = {f.name: getattr(args, f.name) for f in fields(Settings)}
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items() if v is not None}
    return Settings(**{"backbone": args.name, **given})


def main() -> None:
    args = options().parse_args()
    torch.set_num_threads(args.threads)
    signal.signal(signal.SIGTERM, Stop.ask)
    signal.signal(signal.SIGINT, Stop.ask)
    run = Run(args.name, settings_from(args), torch.device(args.device))
    run.resume()
    run.train(60 * args.minutes)


if __name__ == "__main__":
    main()
