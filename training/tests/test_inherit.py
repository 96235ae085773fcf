from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from training import checkpoint, inherit, paths
from training.data import Store
from training.tests.fixtures import TinyRuns
from training.tests.test_train import TINY, start


class Alignment(TinyRuns):
    def test_a_run_starts_from_an_heir_nearer_to_its_teacher(self) -> None:
        start("teacher", replace(TINY, backbone="efficientnet")).train(seconds=600)
        settings = replace(TINY, backbone="mnasnet", teacher="teacher", epochs=20, warmup=4)
        path = inherit.inherit(settings)
        self.assertEqual(path, paths.run("mnasnet-heir") / checkpoint.BEST)
        aligned = self.distance(path)
        inherit.inherit(replace(settings, rate=0.0))
        self.assertLess(aligned, self.distance(path))
        run = start("mnasnet", replace(TINY, backbone="mnasnet", start="mnasnet-heir"))
        self.assertTrue(run.start.startswith("random weights: the channels of efficientnet, which"))
        known = checkpoint.read(path)["ema"]
        for key, value in run.model.state_dict().items():
            self.assertTrue(torch.equal(value, known[key]), key)

    @torch.no_grad()
    def distance(self, path: Path) -> float:
        """Between the neck's maps of the heir and of its teacher."""
        pictures = inherit.batch(Store.load(paths.cache() / "train"), TINY, step=1000)
        student, teacher = (checkpoint.load_detector(n) for n in (str(path), "teacher"))
        maps = zip(student(pictures).maps, teacher(pictures).maps)
        return sum((own - other).square().mean().item() for own, other in maps)
