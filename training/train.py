"""Train a detector; started again, it goes on from its last checkpoint.

    python3 -m training.train mobilenetv2 --epochs 60

The same steps run on a CPU, where an ImageNet start and a frozen stem save most of the time, and on
a GPU, which holds the whole set in its memory. Several detectors by a given time: see together.py.
"""

from __future__ import annotations

import argparse
import copy
import csv
import math
import signal
import time
from collections.abc import Callable
from dataclasses import Field, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

from training import checkpoint, distil, evaluate, paths, together, weights
from training.augment import Options, mix, random_views, recolour, render, targets, to_device
from training.backbones import STRIDES
from training.checkpoint import Settings
from training.data import CLASSES, Store, repeats
from training.detector import Detector, Predictions
from training.loss import loss

SAVE_SECONDS = 300  # between checkpoints
SAY_STEPS = 50  # between lines of the log
SHARE = 0.75  # of a device's free memory that pictures may take
CLIP = 10.0  # of the gradient's norm
FULL_SIZE_FROM = 0.6  # of a run that begins with smaller pictures
REFRESH_STEPS = 200  # between looks for newer weights of a teacher
TIMED_SAVES = 5  # in the schedule of a run with a deadline
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

    def __init__(
        self, name: str, settings: Settings, device: torch.device, compiled: bool = False
    ) -> None:
        self.folder = paths.run(name)
        self.settings, self.device = settings, device
        self.begun, self.deadline = 0.0, 0.0  # Unix times; without them the steps are the schedule
        torch.manual_seed(settings.seed)
        model = Detector(settings.backbone, len(CLASSES), settings.width)
        names = settings.teacher.split(",") if settings.teacher else []
        self.teachers = [distil.Teacher(name, device) for name in names]
        self.start = self._initialise(model)
        self.layout = torch.channels_last
        self.model = model.to(device, memory_format=self.layout)
        self.ema = copy.deepcopy(self.model).eval().requires_grad_(False)
        gpu = device.type == "cuda"
        self.optimiser = self._optimise()
        self.progress = Progress()
        self.costs = torch.zeros(2, device=device)  # running means of the losses
        self.spent: list[float] = []  # seconds of the steps since the last line of the log
        # Sizes that change along the way make compiling take very long; one size, two minutes on a
        # CPU and half a minute with a GPU.
        self.forward = torch.compile(self.model, dynamic=False) if gpu or compiled else self.model

    def _initialise(self, model: Detector) -> str:
        """Load what the run begins with; says what that is."""
        settings = self.settings
        if settings.start:
            state = checkpoint.read(checkpoint.find(settings.start))
            model.load_state_dict(state["ema"])
            before = state["progress"]["step"] * checkpoint.settings_of(state).batch
            start = f"{state['start']}, {before} pictures before"
        else:
            start = weights.initialise(model.backbone, settings.backbone)
            if self.teachers:
                self.teachers[0].start(model)
        if self.teachers:
            start += f", taught by {' and '.join(teacher.name for teacher in self.teachers)}"
        return start

    @property
    def pretrained(self) -> bool:
        """Whether the backbone began with trained weights; then its stem and norms stay."""
        return not self.start.startswith(weights.RANDOM)

    @cached_property
    def store(self) -> Store:
        return place(paths.cache() / "train", self.device)

    @cached_property
    def val(self) -> Store:
        return place(paths.cache() / "val", self.device)

    @cached_property
    def epoch_steps(self) -> int:
        return len(self.store) // self.settings.batch

    @cached_property
    def repeats(self) -> Tensor:
        """How often an epoch wants each picture, float32 [pictures]; see data.repeats."""
        return repeats(self.store, self.settings.balance)

    @property
    def steps(self) -> int:
        return self.settings.epochs * self.epoch_steps

    def _optimise(self) -> torch.optim.AdamW:
        """An optimiser for what the run began with."""
        fused = {"fused": True} if self.device.type == "cuda" else {}
        return torch.optim.AdamW(self._groups(), lr=self.settings.rate, **fused)

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

    @property
    def done(self) -> float:
        """How much of the schedule is over, 0..1."""
        if not self.deadline:
            return self.progress.step / self.steps
        return min(1.0, (time.time() - self.begun) / max(1.0, self.deadline - self.begun))

    def warm(self) -> None:
        """Compile the network while there are no pictures yet; it stays as it is."""
        before = copy.deepcopy(self.model.state_dict())
        self._freeze(frozen_epoch=False)
        self._choose_layout()
        try:
            for size in self.settings.sizes:
                seconds = self._try(self.forward, size)
                print(f"compiled for {size} in {seconds:.0f} s", flush=True)
        except Exception as error:  # noqa: BLE001 (a compiler's errors have no common type)
            print(f"not compiled: {error}", flush=True)
            self.forward = self.model
        self.optimiser.zero_grad(set_to_none=True)
        self.model.load_state_dict(before)
        print("warm", flush=True)

    def _choose_layout(self) -> None:
        """Take the faster memory layout: on a GPU it is not the same one for every backbone."""
        taken = {}
        for layout in (torch.channels_last, torch.contiguous_format):
            self.layout = layout
            self.model.to(memory_format=layout)
            self._try(self.model, self.settings.sizes[0])
            taken[layout] = min(self._try(self.model, self.settings.sizes[0]) for _ in range(5))
        self.layout = min(taken, key=lambda layout: taken[layout])
        self.model.to(memory_format=self.layout)
        print(f"layout: {taken}", flush=True)

    def _try(self, network: Callable[[Tensor], Predictions], size: int) -> float:
        """The seconds of a pass forward and back over grey pictures."""
        grey = torch.full((self.settings.batch, 3, size, size), 114.0, device=self.device)
        grey = grey.to(memory_format=self.layout)
        began = time.monotonic()
        with torch.autocast(self.device.type, torch.bfloat16):
            predictions = network(grey)
        cost = predictions.logits.mean() + predictions.boxes.mean()
        (cost + sum(m.float().mean() for m in predictions.maps)).backward()
        cost.item()  # waits for the device
        return time.monotonic() - began

    def train_until(self, deadline: float) -> None:
        """Fit the whole schedule into the time up to `deadline`, a Unix time."""
        self.begun, self.deadline = time.time(), deadline
        kept = 0
        while self.done < 1 and not Stop.asked:
            self._step()
            if int(TIMED_SAVES * self.done) > kept:
                kept += 1
                self.save(checkpoint.BEST)  # the latest: the schedule's end counts, not its peaks
                together.score(self.folder.name, self.settings.sizes[-1], self.progress.step)
        if kept < TIMED_SAVES:
            self.save(checkpoint.BEST)

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
        self._freeze(self.epoch < settings.frozen_epochs)
        rate = self._rate()
        size = self._size(rng)
        options = self._options()
        views = random_views(self.store, self._pictures(), size, options, rng)
        views = to_device(views, self.store.device)
        pictures = recolour(render(self.store, views).to(self.device), options, rng)
        pictures = pictures.contiguous(memory_format=self.layout)
        real = to_device(targets(self.store, views), self.device)
        pictures, real = mix(pictures, real, options, rng)
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
        self._note(torch.stack([cost.score, cost.box]).detach(), began)

    def _imitation(self, pictures: Tensor, maps: list[Tensor]) -> Tensor | float:
        """What it costs to differ from the teachers, who are asked in turn; nothing without one."""
        if not self.teachers:
            return 0.0
        step = self.progress.step
        if step % REFRESH_STEPS == 0:
            for teacher in self.teachers:
                teacher.refresh()
        with torch.autocast(self.device.type, torch.bfloat16):
            wanted = self.teachers[step % len(self.teachers)].maps(pictures)
        return self.settings.imitation * distil.loss(maps, wanted)

    def _size(self, rng: torch.Generator) -> int:
        """One of the sizes, smaller at first (progressive learning: Tan and Le, ICML 2021)."""
        settings = self.settings
        count = len(settings.sizes)
        if settings.in_turn:
            return settings.sizes[min(count - 1, int(count * self.done))]
        full = settings.sizes[int(torch.randint(count, (), generator=rng))]
        grown = min(1.0, self.done / FULL_SIZE_FROM)
        share = settings.small_start + (1 - settings.small_start) * grown
        return max(1, round(share * full / STRIDES[-1])) * STRIDES[-1]

    def _options(self) -> Options:
        """The last views are of one picture each (YOLOX: Ge et al., 2021), zoomed and flipped as before."""
        settings = self.settings
        if self.done >= 1 - settings.plain_end:
            return Options(mosaic=0.0)
        return Options(mosaic=settings.mosaic, mixup=settings.mixup)

    def _pictures(self) -> Tensor:
        """The next batch of this epoch's order."""
        rng = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + self.epoch)
        wanted = torch.arange(len(self.store))
        if self.settings.balance:
            # The part of a repeat below one is a chance, drawn for each epoch.
            times = (self.repeats + torch.rand(len(self.store), generator=rng)).floor().long()
            wanted = wanted.repeat_interleave(times)
        order = wanted[torch.randperm(len(wanted), generator=rng)]
        first = self.progress.step % self.epoch_steps * self.settings.batch
        return order[first : first + self.settings.batch]

    def _freeze(self, frozen_epoch: bool) -> None:
        """Keep a trained stem and norms and, at first, the whole trained backbone."""
        self.model.train()
        if not self.pretrained:
            return
        for i, stage in enumerate(self.model.backbone.stages):
            learns = not frozen_epoch and i > 0
            stage.requires_grad_(learns)
            if not (learns and self.settings.norms_learn):
                for norm in filter(lambda m: isinstance(m, nn.BatchNorm2d), stage.modules()):
                    norm.eval()

    def _rate(self) -> float:
        settings = self.settings
        return settings.rate * schedule(self.progress.step, self.done, settings.warmup)

    @torch.no_grad()
    def _average(self) -> None:
        """The moving average; it follows faster at the start of a run."""
        keep = min(self.settings.ema, (1 + self.progress.step) / (20 + self.progress.step))
        now, averaged = self._averaged
        torch._foreach_mul_(averaged, keep)
        torch._foreach_add_(averaged, now, alpha=1 - keep)

    @cached_property
    def _averaged(self) -> tuple[list[Tensor], list[Tensor]]:
        """The tensors of the model and of its average: a state dict a step takes long to make."""
        average = self.ema.state_dict()
        pairs = [(t.detach(), average[k]) for k, t in self.model.state_dict().items()]
        now, averaged = zip(*(pair for pair in pairs if pair[0].is_floating_point()))
        return list(now), list(averaged)

    def _note(self, costs: Tensor, began: float) -> None:
        """Keep count; the losses stay on their device, which reading them would hold up."""
        p = self.progress
        self.costs.lerp_(costs, max(0.01, 1 / (p.step + 1)))
        p.step += 1
        seconds = time.monotonic() - began
        p.seconds += seconds
        self.spent.append(seconds)
        if p.step % SAY_STEPS == 0:
            self._read_costs()
            rate = self.settings.batch * len(self.spent) / sum(self.spent)
            self.spent.clear()
            losses = f"score {p.score_loss:.3f} box {p.box_loss:.3f}"
            where = f"{100 * self.done:.1f} %" if self.deadline else f"{p.step}/{self.steps}"
            print(f"step {where} {losses} {rate:.1f} pictures/s", flush=True)

    def _read_costs(self) -> None:
        p = self.progress
        p.score_loss, p.box_loss = self.costs.tolist()
        if not math.isfinite(p.score_loss + p.box_loss):
            raise SystemExit(
                f"step {p.step}: the loss is {p.score_loss} + {p.box_loss}; lower the rate"
            )

    def _evaluate(self, began: float) -> None:
        """Score the averaged weights, append to the curve, keep the best."""
        result = self._score(began)
        if result["ap"] > self.progress.best:  # it depends less on chance than AP50 does
            self.progress.best = result["ap"]
            self.save(checkpoint.BEST)
        self.save(checkpoint.LAST)

    def _score(self, began: float) -> dict[str, Any]:
        """Score the averaged weights and append to the curve."""
        self._read_costs()
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
        return result

    def save(self, name: str) -> None:
        """The best file holds what export needs, the last one all that training needs."""
        self._read_costs()
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
        # Which rate the backbone learns at follows from the run's beginning, which another machine,
        # without ImageNet's weights, takes for random numbers.
        self.start = state["start"]
        self.optimiser = self._optimise()
        groups = len(self.optimiser.param_groups)
        found = len(state["optimiser"]["param_groups"]) if "optimiser" in state else 0
        if found == groups:
            self.optimiser.load_state_dict(state["optimiser"])
        else:
            print(f"resume: the optimiser starts anew: {path} has {found} of its {groups} groups")
        self.progress = p = Progress(**state["progress"])
        self.costs = torch.tensor([p.score_loss, p.box_loss], device=self.device)
        print(f"resume: step {self.progress.step} of {self.steps}", flush=True)


def schedule(step: int, done: float, warmup: int) -> float:
    """The share of the peak rate: a linear warm-up, then half a cosine down to a hundredth."""
    return min(1.0, (step + 1) / warmup) * (0.505 + 0.495 * math.cos(math.pi * done))


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
        add_flag(parser, field)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=device, help="that learns (%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="of a CPU (%(default)s)")
    parser.add_argument(
        "--compile",
        action="store_true",
        help="on a CPU, too: minutes a size, then a quarter faster",
    )
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after this, saved")
    parser.add_argument("--deadline", type=Path, help="wait for this file; see together.py")
    return parser


def add_flag(parser: argparse.ArgumentParser, field: Field[Any]) -> None:
    """The flag of one setting; one that is not given is None."""
    flag, meaning = "--" + field.name.replace("_", "-"), field.metadata["help"]
    default: Any = field.default
    if isinstance(default, bool):
        parser.add_argument(flag, action="store_true", default=None, help=meaning)
        return
    several = isinstance(default, tuple)
    kind = type(default[0]) if several else type(default)
    usual = " ".join(map(str, default)) if several else field.metadata["usual"] or str(default)
    text = f"{meaning} ({usual})" if usual else meaning
    many = "+" if several else None
    parser.add_argument(flag, type=kind, nargs=many, metavar=kind.__name__.upper(), help=text)


def settings_from(args: argparse.Namespace) -> Settings:
    given = {f.name: getattr(args, f.name) for f in fields(Settings)}
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items() if v is not None}
    return Settings(**{"backbone": args.name, **given})


def main() -> None:
    args = options().parse_args()
    torch.set_num_threads(args.threads)
    signal.signal(signal.SIGTERM, Stop.ask)
    signal.signal(signal.SIGINT, Stop.ask)
    run = Run(args.name, settings_from(args), torch.device(args.device), args.compile)
    if args.deadline:
        run.warm()
        run.train_until(together.told(args.deadline))
        return
    run.resume()
    run.train(60 * args.minutes)


if __name__ == "__main__":
    main()
