"""Small sets made by hand."""

from __future__ import annotations

import os
import tempfile
import unittest
from typing import Any
from unittest import mock

import numpy as np

from training import paths
from training.data import CLASSES, pack


def gradient(width: int, height: int) -> np.ndarray:
    """A smooth BGR picture in which every pixel differs from its neighbours."""
    x, y = np.meshgrid(np.linspace(0, 200, width), np.linspace(0, 200, height))
    return np.stack([x, y, (x + y) / 2], -1).astype(np.uint8)


def record(
    boxes: list[list[float]] | None = None,
    classes: list[int] | None = None,
    ignored: list[bool] | None = None,
    labelled: tuple[str, ...] = ("person", "car"),
    size: tuple[int, int] = (64, 64),
) -> dict[str, Any]:
    """An annotation as training.data.pack takes it."""
    classes = classes or []
    return {
        "name": "made.jpg",
        "source": "made",
        "size": size,
        "boxes": boxes or [],
        "classes": classes,
        "ignored": ignored or [False] * len(classes),
        "labelled": set(labelled),
    }


def tiny_set(count: int) -> None:
    """The same person `count` times, packed as the train and the val split."""
    for split in ("train", "val"):
        records = [record([[10, 10, 50, 50]], [0], labelled=("person",)) for _ in range(count)]
        pack([gradient(64, 64)] * count, records, CLASSES).save(paths.cache() / split)


class TinyRuns(unittest.TestCase):
    """Tests that train, in a folder of their own, on four pictures."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for patch in (
            mock.patch.dict(os.environ, TRACKER_RUNS=folder.name),
            mock.patch("builtins.print"),
        ):
            patch.start()
            self.addCleanup(patch.stop)
        tiny_set(4)
