from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from training import checkpoint, inherit, paths
from training.data import Store
from training.detector import Detector
from training.heirs.base import Heir, layers
from training.heirs.regnet import RegNetHeir
from training.heirs.resnest import ResNeStHeir
from training.tests.fixtures import TinyRuns
from training.tests.test_train import TINY, start


def settled(backbone: str, pictures: Tensor) -> Detector:
    """A network whose norms know the pictures, as a trained one's do."""
    detector = Detector(backbone, 2, 8)
    with torch.no_grad():
        for _ in range(20):
            detector(pictures)
    return detector.eval()


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

    def test_an_entry_learns_and_norms_follow_only_where_they_may(self) -> None:
        store = Store.load(paths.cache() / "train")
        settings = replace(TINY, epochs=20, warmup=2, rate=2e-2)
        pictures = inherit.batch(store, settings, step=1000)
        for made, student, teacher in (
            (RegNetHeir, "regnet800", "mobilenetv2"),
            (ResNeStHeir, "resnest50thin", "resnet50thin"),
        ):
            torch.manual_seed(0)
            heir = made(Detector(student, 2, 8), settled(teacher, pictures), pictures)
            norm = layers(heir.student.backbone.stages[3])[0].norm
            before, mean = self.entry_loss(heir, pictures), norm.running_mean.clone()
            assert heir.entries
            entry = [heir.entries[0]]
            inherit.imitate(heir.entry_loss, heir.student, entry, store, settings, 40)
            self.assertLess(self.entry_loss(heir, pictures), 0.8 * before, student)
            self.assertEqual(inherit.align(heir, store, replace(settings, epochs=1)), 1 + 2)
            self.assertEqual(heir.norms_learn, not torch.equal(norm.running_mean, mean), student)

    @torch.no_grad()
    def entry_loss(self, heir: Heir, pictures: Tensor) -> float:
        heir.student.eval()
        return heir.entry_loss(pictures).item()

    @torch.no_grad()
    def distance(self, path: Path) -> float:
        """Between the neck's maps of the heir and of its teacher."""
        pictures = inherit.batch(Store.load(paths.cache() / "train"), TINY, step=1000)
        student, teacher = (checkpoint.load_detector(n) for n in (str(path), "teacher"))
        maps = zip(student(pictures).maps, teacher(pictures).maps)
        return sum((own - other).square().mean().item() for own, other in maps)
