"""The state of a run on disk: what training continues from, and what export reads."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from training import paths
from training.data import CLASSES
from training.detector import Detector

LAST, BEST = "last.pt", "best.pt"


def setting(default: Any, meaning: str, usual: str = "") -> Any:
    """A field of Settings, which is a flag of training.train, too; usual is what help says of
    its default."""
    return field(default=default, metadata={"help": meaning, "usual": usual})


@dataclass
class Settings:
    """Everything that decides what a run becomes."""

    backbone: str = setting("mobilenetv2", "family or member, as in training.backbones", "the name")
    epochs: int = setting(40, "passes over the pictures")
    batch: int = setting(16, "pictures a step")
    sizes: tuple[int, ...] = setting(
        (224, 256, 288, 320), "sides of the views, pixels; a step draws one of them"
    )
    small_start: float = setting(
        1.0, "share of those sizes to begin with; cheaper, and good for a while"
    )
    in_turn: bool = setting(False, "the sizes one after another, each for the same share")
    eval_size: int = setting(320, "side at which an epoch's weights are judged")
    rate: float = setting(1e-3, "peak learning rate of neck and head")
    backbone_rate: float = setting(0.25, "of that, where the backbone starts from trained weights")
    decay: float = setting(0.05, "of weights, not of biases and norms")
    warmup: int = setting(500, "steps up to the peak rate")
    norms_learn: bool = setting(False, "those of a trained backbone, too, but for its stem's")
    frozen_epochs: int = setting(1, "of the whole trained backbone at first; its stem stays")
    ema: float = setting(0.9995, "a step's memory of the weights that are evaluated and shipped")
    mosaic: float = setting(0.5, "chance of a view of four pictures")
    mixup: float = setting(
        0.0, "chance of a view with another over it; for long schedules and large models"
    )
    balance: float = setting(
        0.0, "pictures with a class that a smaller share of them has come oftener"
    )
    width: int = setting(96, "channels of neck and head")
    seed: int = setting(1, "of every random choice")
    plain_end: float = setting(0.0, "share of the schedule, its last, without mosaics and mixup")
    start: str = setting(
        "", "run or checkpoint whose weights to begin with, on a schedule of its own"
    )
    teacher: str = setting("", "runs or checkpoints to imitate, split by commas; see distil.py")
    imitation: float = setting(2.0, "weight of that, against the other losses")


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)


def read(path: Path, device: str = "cpu") -> dict[str, Any]:
    if not path.exists():
        raise SystemExit(f"{path}: no such checkpoint; train one with python3 -m training.train")
    state: dict[str, Any] = torch.load(path, map_location=device)
    return state


def settings_of(state: dict[str, Any]) -> Settings:
    return Settings(**state["settings"])


def pack_settings(settings: Settings) -> dict[str, Any]:
    return asdict(settings)


def kept(name: str) -> Path:
    """Where the repository keeps what a run has learned; see keep.py."""
    return Path(__file__).resolve().parent.parent / "models" / f"{name}.pt"


def find(name: str) -> Path:
    """A checkpoint's own path, or the best one of a run, or what the repository keeps of it."""
    if name.endswith(".pt"):
        return Path(name)
    path = own(name)
    return kept(name) if not path.exists() and kept(name).exists() else path


def own(name: str) -> Path:
    """The best checkpoint of a run, and of nothing else."""
    return paths.run(name) / BEST


def load_detector(name: str) -> Detector:
    """The averaged weights of a checkpoint, ready to run."""
    state = read(find(name))
    settings = settings_of(state)
    model = Detector(settings.backbone, len(CLASSES), settings.width)
    model.load_state_dict(state["ema"])
    return model.eval()
