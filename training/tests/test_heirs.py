from __future__ import annotations

import unittest

import torch
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck

from training.detector import Detector
from training.heirs import base, inverted, regnet, resnest


def lively(backbone: str) -> Detector:
    """A network whose norms are not the identity, as in a trained one."""
    torch.manual_seed(1)
    detector = Detector(backbone, 2, 8)
    for module in detector.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.bias.data, module.running_mean):
                assert tensor is not None
                tensor.uniform_(0.3, 1.2)
            assert module.running_var is not None
            module.running_var.uniform_(0.5, 2.0)
    return detector.eval()


class Inverted(unittest.TestCase):
    def setUp(self) -> None:
        torch.manual_seed(2)
        self.pictures = torch.rand(2, 3, 64, 64) * 255
        self.teacher = lively("efficientnet")

    def heir(self, backbone: str) -> inverted.InvertedHeir:
        return inverted.InvertedHeir(Detector(backbone, 2, 8).eval(), self.teacher, self.pictures)

    @torch.no_grad()
    def test_an_heir_of_the_same_build_computes_the_same(self) -> None:
        made = self.heir("efficientnet")
        own, theirs = made.student(self.pictures), self.teacher(self.pictures)
        torch.testing.assert_close(own.maps, theirs.maps)
        self.assertAlmostEqual(made.loss(self.pictures).item(), 0, places=6)

    def test_narrower_heirs_take_some_of_the_channels(self) -> None:
        for backbone, widths in (
            ("mnasnet", [16, 24, 40, 80, 96, 192, 320]),
            ("mobilenetv3", [16, 24, 40, 80, 112, 160]),
        ):
            made = self.heir(backbone)
            self.assertEqual([len(kept) for kept in made.kept], widths, backbone)
            for (own, _), kept in zip(made.pairs, made.kept):
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
        def layer(kernel: int) -> base.Layer:
            conv = nn.Conv2d(4, 4, kernel, groups=4, bias=False)
            return base.Layer(conv, nn.BatchNorm2d(4))

        def kernels(own: int, other: int) -> tuple[Tensor, Tensor]:
            mine, theirs = layer(own), layer(other)
            with torch.no_grad():
                base.take(mine, theirs, torch.arange(4))
            return mine.conv.weight, theirs.conv.weight

        wide, narrow = kernels(5, 3)
        self.assertTrue(torch.equal(wide[..., 1:4, 1:4], narrow))
        self.assertAlmostEqual(wide.abs().sum().item(), narrow.abs().sum().item(), places=5)
        narrow, wide = kernels(3, 5)
        self.assertTrue(torch.equal(narrow, wide[..., 1:4, 1:4]))

    def test_other_builds_are_refused(self) -> None:
        for backbone in ("resnet18", "regnet400", "resnest14"):
            with self.assertRaises(base.Mismatch, msg=backbone):
                self.heir(backbone)
        self.teacher = lively("mobilenetv3")  # narrower than the heir
        with self.assertRaisesRegex(base.Mismatch, "the heir wants 192 channels of 160"):
            self.heir("mnasnet")


class RegNet(unittest.TestCase):
    def setUp(self) -> None:
        torch.manual_seed(2)
        self.pictures = torch.rand(2, 3, 64, 64) * 255
        self.teacher = lively("mobilenetv2")
        student = Detector("regnet800", 2, 8).eval()
        self.heir = regnet.RegNetHeir(student, self.teacher, self.pictures)

    @torch.no_grad()
    def test_blocks_compute_what_the_others_do_where_these_lie_in_the_stream(self) -> None:
        # The first begins a stream, the second, whose narrower inside lacks some, goes on along it.
        other, then = self.heir.levels[3][:2]
        before, after = self.heir.places[self.heir.levels[2][-1]], self.heir.places[other]
        self.assertEqual((before.first, before.end), (64, 160))  # behind the other of its stride
        lost = torch.ones(960, dtype=torch.bool)
        lost[base.best(self.heir.worth[then.project.conv], 672)] = False
        then.project.conv.weight[:, lost] = 0
        read = torch.randn(2, 96, 8, 8)
        state = torch.randn(2, 288, 8, 8)  # what the teacher says nothing about must not count
        state[:, 64:160] = read + before.shift.view(-1, 1, 1)
        own, theirs = (d.backbone.stages[3] for d in (self.heir.student, self.teacher))
        for i, block in enumerate((other, then)):
            with base.inputs_of([block.project.conv]) as seen:
                read = theirs[i](read)
            hidden = seen[block.project.conv]
            self.assertTrue(0.1 < hidden.max() < 6)  # the bound of ReLU6, which RegNet has not
            state = own[i](state)
            # Lower than zero is what the shift did not foresee.
            read = read.maximum(-after.shift.view(-1, 1, 1))
            torch.testing.assert_close(after.of(state), read, rtol=1e-4, atol=1e-4)

    @torch.no_grad()
    def test_streams_lie_side_by_side_and_above_zero(self) -> None:
        places = [(s.place.first, s.place.end) for s in self.heir.streams if s.place]
        own = [(0, 24)] + [(0, 32)] * 3 + [(0, 64)] * 4 + [(64, 160)] * 3
        self.assertEqual(places, own + [(0, 160)] * 3 + [(160, 480)] * 2)
        with base.inputs_of([s.other for s in self.heir.streams]) as seen:
            self.teacher.features(self.pictures)
        for stream in self.heir.streams:
            assert stream.place
            least = seen[stream.other].amin((0, 2, 3)) + stream.place.shift
            self.assertGreaterEqual(least.min().item(), 0)

    @torch.no_grad()
    def test_a_block_too_many_changes_nothing(self) -> None:
        last = self.heir.student.backbone.stages[3][4]
        state = torch.rand(1, 672, 2, 2)
        torch.testing.assert_close(last(state), state)

    def test_other_builds_are_refused(self) -> None:
        for student, teacher, message in (
            ("regnet400", "mobilenetv2", "the heir's streams need 480 channels"),
            ("regnet800", "mobilenetv3", "weigh their channels"),
            ("regnet1600", "mobilenetv2", "too few blocks for the teacher's streams"),
            ("regnet800", "resnet18", "not made of inverted residual blocks"),
            ("resnet18", "mobilenetv2", "not made of RegNet's blocks"),
        ):
            with self.assertRaisesRegex(base.Mismatch, message):
                regnet.RegNetHeir(Detector(student, 2, 8), lively(teacher), self.pictures)


class ResNeSt(unittest.TestCase):
    def setUp(self) -> None:
        torch.manual_seed(2)
        self.pictures = torch.rand(2, 3, 64, 64) * 255
        self.teacher = lively("resnet50thin")
        for module in self.teacher.modules():
            if isinstance(module, Bottleneck):
                module.bn2.running_var.fill_(1e4)
                module.bn2.bias.data += 30  # its filters are always on
        student = Detector("resnest50thin", 2, 8).eval()
        self.heir = resnest.ResNeStHeir(student, self.teacher, self.pictures)

    @torch.no_grad()
    def test_a_block_whose_halves_are_always_on_computes_what_the_other_does(self) -> None:
        own, other = (d.backbone.stages[1][1] for d in (self.heir.student, self.teacher))
        with base.inputs_of([other.conv1]) as seen:
            self.teacher.features(self.pictures)
        read = seen[other.conv1]
        self.assertGreater(own.attention.groups(own.body[:3](read)).min().item(), 0)
        # The two levels differ, but their mean is the whole's.
        torch.testing.assert_close(own(read), other(read), rtol=1e-3, atol=1e-2)

    @torch.no_grad()
    def test_each_half_is_on_the_level_of_the_whole(self) -> None:
        plain = self.teacher.backbone.stages[2][1]
        groups = self.heir.student.backbone.stages[2][1].attention.groups
        with base.inputs_of([plain.conv2]) as seen:
            self.teacher.features(self.pictures)
        whole = plain.bn2(plain.conv2(seen[plain.conv2])).mean((0, 2, 3))
        for half in groups[:2](seen[plain.conv2]).mean((0, 2, 3)).chunk(2):
            torch.testing.assert_close(half, whole, rtol=1e-3, atol=1e-3)

    def test_other_builds_are_refused(self) -> None:
        for student, teacher, message in (
            ("resnest14", "resnet50thin", "it has 4 bottlenecks, the teacher 16 of a ResNet"),
            ("resnest50", "resnet50thin", "a layer of the heir has"),
            ("resnest50thin", "mobilenetv2", "the teacher 0 of a ResNet"),
        ):
            with self.assertRaisesRegex(base.Mismatch, message):
                resnest.ResNeStHeir(Detector(student, 2, 8), lively(teacher), self.pictures)


class Layers(unittest.TestCase):
    @torch.no_grad()
    def test_a_norm_computes_the_same_with_another_epsilon(self) -> None:
        own, other = nn.BatchNorm2d(3, eps=1e-3).eval(), nn.BatchNorm2d(3, eps=1e-5).eval()
        assert other.running_var is not None
        other.running_var.copy_(torch.tensor([0.01, 0.1, 1.0]))
        base.take_norm(own, other, torch.arange(3))
        x = torch.rand(2, 3, 4, 4)
        torch.testing.assert_close(own(x), other(x))

    def test_channels_that_never_vary_do_not_count(self) -> None:
        stream = base.Stream(nn.Conv2d(2, 1, 1), nn.Conv2d(2, 1, 1), torch.arange(2))
        other = torch.rand(4, 2, 8, 8)
        other[:, 1] = 3e-4
        own = other * torch.tensor([1.0, 99.0]).view(2, 1, 1)
        self.assertAlmostEqual(stream.distance(own, other).item(), 0)
        own[:, 0] = own[:, 0].mean()
        self.assertAlmostEqual(stream.distance(own, other).item(), 1, places=2)
