"""Where the recipe keeps what it makes: never in the checkout."""

from __future__ import annotations

import os
from pathlib import Path


def runs() -> Path:
    """The folder of caches, initial weights and runs: $TRACKER_RUNS or ~/.cache/tracker/training."""
    return Path(os.environ.get("TRACKER_RUNS") or "~/.cache/tracker/training").expanduser()


def cache() -> Path:
    """Decoded pictures and their boxes, as `training.data` leaves them."""
    return runs() / "data"


def packed(split: str) -> bool:
    """Whether `training.data` has made the set."""
    return (cache() / split / "index.json").exists()


def run(name: str) -> Path:
    """Checkpoints and curves of one run."""
    return runs() / name
