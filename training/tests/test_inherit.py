from __future__ import annotations

import unittest
from dataclasses import replace

import torch
from torch import Tensor, nn

from training import checkpoint, distil, inherit, paths
from training.detector import Detector
from training.tests.fixtures import TinyRuns
from training.tests.test_train import TINY, start


def lively(backbone: str) -> Detector:
    """A network whose norms are not the identity, as in a trained one."""
    torch.manual_seed(1)
    detector = Detector(backbone, 2, 8)
    for module in detector.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.bias.data, module.running_mean):
                assert tensor is not None
                tensor.uniform_(0.3, 1.2)
    return detector.eval()


class Inheritance(unittest.TestCase):
    def setUp(self) -> None:
        torch.manual_seed(2)
        self.pictures = torch.rand(2, 3, 64, 64) * 255
        self.teacher = lively("efficientnet")

    def heir(self, backbone: str) -> inherit.Heir:
        return inherit.Heir(Detector(backbone, 2, 8).eval(), self.teacher, self.pictures)

    @torch.no_grad()
    def test_an_heir_of_the_same_build_computes_the_same(self) -> None:
        heir = self.heir("efficientnet")
        own, theirs = heir.student(self.pictures), self.teacher(self.pictures)
        torch.testing.assert_close(own.maps, theirs.maps)
        self.assertAlmostEqual(heir.loss(self.pictures).item(), 0, places=6)

    def test_narrower_heirs_take_some_of_the_channels(self) -> None:
        for backbone, widths in (
            ("mnasnet", [16, 24, 40, 80, 96, 192, 320]),
            ("mobilenetv3", [16, 24, 40, 80, 112, 160]),
        ):
            heir = self.heir(backbone)
            self.assertEqual([len(kept) for kept in heir.kept], widths, backbone)
            for (own, _), kept in zip(heir.pairs, heir.kept):
                self.assertEqual(own[0].project.conv.out_channels, len(kept))
                self.assertEqual(kept.tolist(), sorted(set(kept.tolist())))

    def test_what_reads_a_channel_says_what_it_counts(self) -> None:
        reader = self.heir("mnasnet").other.stages[5][0].reader  # of the 112 channels
        with torch.no_grad():
            reader.weight[:, ::8] = 0
        kept = self.heir("mnasnet").kept[4]
        self.assertEqual(len(kept), 96)
        self.assertFalse(set(kept.tolist()) & set(range(0, 112, 8)))

    def test_a_block_too_many_changes_nothing(self) -> None:
        third = self.heir("mnasnet").own.stages[1][2]  # of the teacher's two
        self.assertEqual(third.project.norm.weight.abs().sum().item(), 0)
        self.assertEqual(third.project.norm.bias.abs().sum().item(), 0)
        self.assertGreater(third.depthwise.conv.weight.abs().sum().item(), 0)

    def test_kernels_are_cut_and_filled_around_their_middle(self) -> None:
        def layer(kernel: int) -> inherit.Layer:
            conv = nn.Conv2d(4, 4, kernel, groups=4, bias=False)
            return inherit.Layer(conv, nn.BatchNorm2d(4))

        def kernels(own: int, other: int) -> tuple[Tensor, Tensor]:
            mine, theirs = layer(own), layer(other)
            with torch.no_grad():
                inherit.take(mine, theirs, torch.arange(4))
            return mine.conv.weight, theirs.conv.weight

        wide, narrow = kernels(5, 3)
        self.assertTrue(torch.equal(wide[..., 1:4, 1:4], narrow))
        self.assertAlmostEqual(wide.abs().sum().item(), narrow.abs().sum().item(), places=5)
        narrow, wide = kernels(3, 5)
        self.assertTrue(torch.equal(narrow, wide[..., 1:4, 1:4]))

    def test_other_builds_are_refused(self) -> None:
        for backbone in ("resnet18", "regnet400", "resnest14"):
            with self.assertRaises(inherit.Mismatch, msg=backbone):
                self.heir(backbone)
        self.teacher = lively("mobilenetv3")  # narrower than the heir
        with self.assertRaisesRegex(inherit.Mismatch, "the heir wants 192 channels of 160"):
            self.heir("mnasnet")


class Alignment(TinyRuns):
    def test_a_run_starts_from_an_heir_nearer_to_its_teacher(self) -> None:
        start("teacher", replace(TINY, backbone="efficientnet")).train(seconds=600)
        settings = replace(TINY, backbone="mnasnet", teacher="teacher", epochs=6, warmup=2)
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
    def distance(self, path: object) -> float:
        """Between the neck's maps of the heir and of its teacher, in units of their variance."""
        pictures = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 255
        student, teacher = (checkpoint.load_detector(n) for n in (str(path), "teacher"))
        return distil.loss(student(pictures).maps, teacher(pictures).maps).item()
