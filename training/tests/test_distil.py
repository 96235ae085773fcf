from __future__ import annotations

import unittest
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from training import checkpoint, distil, paths
from training.detector import Detector
from training.tests.fixtures import TinyRuns
from training.tests.test_train import TINY, start


class Distillation(TinyRuns):
    def test_a_student_starts_with_its_teachers_neck_and_heads(self) -> None:
        start("teacher").train(seconds=600)
        taught = start("taught", replace(TINY, backbone="mobilenetv3", teacher="teacher"))
        known = checkpoint.read(paths.run("teacher") / checkpoint.BEST)["ema"]
        own = taught.model.state_dict()
        shared = [key for key in known if key.startswith(distil.SHARED)]
        self.assertGreater(len(shared), 50)
        for key in shared:
            self.assertTrue(torch.equal(own[key], known[key]), key)
        self.assertFalse(torch.equal(own["neck.lateral.0.0.weight"][:, :4, 0, 0].mean(),
                                     known["neck.lateral.0.0.weight"][:, :4, 0, 0].mean()))  # fmt: skip
        self.assertIn("taught by teacher", taught.start)

    def test_teachers_are_asked_in_turn(self) -> None:
        start("one").train(seconds=600)
        start("two", replace(TINY, seed=TINY.seed + 1)).train(seconds=600)
        taught = start("taught", replace(TINY, backbone="mobilenetv3", teacher="one,two"))
        self.assertIn("taught by one and two", taught.start)
        first = checkpoint.read(paths.run("one") / checkpoint.BEST)["ema"]
        for key, value in taught.model.state_dict().items():
            if key.startswith(distil.SHARED):
                self.assertTrue(torch.equal(value, first[key]), key)
        asked: list[str] = []
        for teacher in taught.teachers:
            teacher.maps = self.noted(asked, teacher)  # type: ignore[method-assign]
        taught.train(seconds=600)
        self.assertEqual(asked, [("one", "two")[i % 2] for i in range(taught.steps)])

    @staticmethod
    def noted(asked: list[str], teacher: distil.Teacher) -> Callable[[Tensor], list[Tensor]]:
        """What the teacher says, its name noted."""
        said = teacher.maps

        def maps(pictures: Tensor) -> list[Tensor]:
            asked.append(teacher.name)
            return said(pictures)

        return maps

    def test_imitation_brings_the_maps_nearer(self) -> None:
        torch.manual_seed(1)
        pictures = torch.rand(2, 3, 64, 64) * 255
        with torch.no_grad():
            wanted = Detector("mobilenetv2", 2, 8)(pictures).maps
        student = Detector("mnasnet", 2, 8)
        optimiser = torch.optim.Adam(student.parameters(), 1e-2)
        errors = []
        for _ in range(15):
            error = distil.loss(student(pictures).maps, wanted)
            optimiser.zero_grad()
            error.backward()
            optimiser.step()
            errors.append(float(error))
        self.assertLess(errors[-1], 0.7 * errors[0])

    def test_the_loss_is_in_units_of_the_teachers_variance(self) -> None:
        teacher = [torch.randn(8, 4, 16, 16, generator=torch.Generator().manual_seed(1)) * 5 + 3]
        mean = [m.mean(dim=(0, 2, 3), keepdim=True).expand_as(m) for m in teacher]
        self.assertEqual(float(distil.loss(teacher, teacher)), 0)
        self.assertAlmostEqual(float(distil.loss(mean, teacher)), 1, places=2)


if __name__ == "__main__":
    unittest.main()
