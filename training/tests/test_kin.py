from __future__ import annotations

import unittest

import torch
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck

from training.detector import Detector
from training.kin import grouped, heir, inverted, split


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


class Inverted(unittest.TestCase):
    def setUp(self) -> None:
        torch.manual_seed(2)
        self.pictures = torch.rand(2, 3, 64, 64) * 255
        self.teacher = lively("efficientnet")

    def heir(self, backbone: str) -> inverted.Inverted:
        return inverted.Inverted(Detector(backbone, 2, 8).eval(), self.teacher, self.pictures)

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
        def layer(kernel: int) -> heir.Layer:
            conv = nn.Conv2d(4, 4, kernel, groups=4, bias=False)
            return heir.Layer(conv, nn.BatchNorm2d(4))

        def kernels(own: int, other: int) -> tuple[Tensor, Tensor]:
            mine, theirs = layer(own), layer(other)
            with torch.no_grad():
                heir.take(mine, theirs, torch.arange(4))
            return mine.conv.weight, theirs.conv.weight

        wide, narrow = kernels(5, 3)
        self.assertTrue(torch.equal(wide[..., 1:4, 1:4], narrow))
        self.assertAlmostEqual(wide.abs().sum().item(), narrow.abs().sum().item(), places=5)
        narrow, wide = kernels(3, 5)
        self.assertTrue(torch.equal(narrow, wide[..., 1:4, 1:4]))

    def test_other_builds_are_refused(self) -> None:
        for backbone in ("resnet18", "regnet400", "resnest14"):
            with self.assertRaises(heir.Mismatch, msg=backbone):
                self.heir(backbone)
        self.teacher = lively("mobilenetv3")  # narrower than the heir
        with self.assertRaisesRegex(heir.Mismatch, "the heir wants 192 channels of 160"):
            self.heir("mnasnet")


class Grouped(unittest.TestCase):
    def setUp(self) -> None:
        torch.manual_seed(2)
        self.pictures = torch.rand(2, 3, 64, 64) * 255
        self.teacher = lively("mobilenetv2")
        student = Detector("regnet800", 2, 8).eval()
        self.heir = grouped.Grouped(student, self.teacher, self.pictures)

    @torch.no_grad()
    def test_a_block_computes_what_the_other_does_where_it_lies_in_its_stream(self) -> None:
        block = self.heir.student.backbone.stages[3][0]
        expand = self.heir.levels[3][0].expand
        stream = next(s for s in self.heir.streams if s.own is block.f.a[0])
        self.assertEqual(
            (stream.first, len(stream.kept)), (64, 96)
        )  # behind the 64 of the same stride
        after = next(s for s in self.heir.streams if s.own is self.heir.own[3][1].reduce.conv)
        # Low enough for the bound of ReLU6, which RegNet has not.
        read = torch.rand(2, 96, 8, 8) * 0.1
        assert expand
        expand.norm.running_mean += 20
        heir.take_norm(self.heir.own[3][0].reduce.norm, expand.norm, torch.arange(576))
        state = torch.rand(2, 288, 8, 8)  # what the teacher says nothing about must not count
        state[:, 64:160] = read + stream.shift
        self.heir.own[3][0].reduce.norm.running_mean[:576] += (
            expand.conv.weight.flatten(1) @ torch.as_tensor(stream.shift).flatten()
        )
        want = self.teacher.backbone.stages[3][0](read) + after.shift
        torch.testing.assert_close(block(state)[:, :160], want.relu(), rtol=1e-3, atol=1e-3)

    @torch.no_grad()
    def test_streams_lie_side_by_side_and_above_zero(self) -> None:
        places = [(s.first, len(s.kept)) for s in self.heir.streams]
        own = [(0, 24)] + [(0, 32)] * 3 + [(0, 64)] * 4 + [(64, 96)] * 3
        self.assertEqual(places, own + [(0, 160)] * 3 + [(160, 320)] * 2)
        with heir.inputs_of([s.other for s in self.heir.streams]) as seen:
            self.teacher.features(self.pictures)
        for stream in self.heir.streams:
            self.assertGreaterEqual((seen[stream.other] + stream.shift).min().item(), 0)

    @torch.no_grad()
    def test_a_block_too_many_changes_nothing(self) -> None:
        last = self.heir.student.backbone.stages[3][4]
        state = torch.rand(1, 672, 2, 2)
        torch.testing.assert_close(last(state), state)

    def test_other_builds_are_refused(self) -> None:
        for student, teacher, message in (
            ("regnet400", "mobilenetv2", "the heir's streams need 480 channels"),
            ("regnet1600", "mobilenetv2", "too few blocks for the teacher's streams"),
            ("regnet800", "resnet18", "not made of inverted residual blocks"),
            ("resnet18", "mobilenetv2", "not made of RegNet's blocks"),
        ):
            with self.assertRaisesRegex(heir.Mismatch, message):
                grouped.Grouped(Detector(student, 2, 8), lively(teacher), self.pictures)


class Split(unittest.TestCase):
    def setUp(self) -> None:
        torch.manual_seed(2)
        self.pictures = torch.rand(2, 3, 64, 64) * 255
        self.teacher = lively("resnet50thin")
        for module in self.teacher.modules():
            if isinstance(module, Bottleneck):
                module.bn2.running_var.fill_(1e4)
                module.bn2.bias.data += 30  # its filters are always on
        student = Detector("resnest50thin", 2, 8).eval()
        self.heir = split.Split(student, self.teacher, self.pictures)

    @torch.no_grad()
    def test_a_block_whose_halves_are_always_on_computes_what_the_other_does(self) -> None:
        own, other = (d.backbone.stages[1][1] for d in (self.heir.student, self.teacher))
        with heir.inputs_of([other.conv1]) as seen:
            self.teacher.features(self.pictures)
        read = seen[other.conv1]
        self.assertGreater(own.body[3].groups(own.body[:3](read)).min().item(), 0)
        # The two levels differ, but their mean is the whole's.
        torch.testing.assert_close(own(read), other(read), rtol=1e-3, atol=1e-2)

    @torch.no_grad()
    def test_each_half_is_on_the_level_of_the_whole(self) -> None:
        plain = self.teacher.backbone.stages[2][1]
        groups = self.heir.student.backbone.stages[2][1].body[3].groups
        with heir.inputs_of([plain.conv2]) as seen:
            self.teacher.features(self.pictures)
        whole = plain.bn2(plain.conv2(seen[plain.conv2])).mean((0, 2, 3))
        for half in groups[:2](seen[plain.conv2]).mean((0, 2, 3)).chunk(2):
            torch.testing.assert_close(half, whole, rtol=1e-3, atol=1e-3)

    def test_channels_that_are_never_on_do_not_count(self) -> None:
        stream = heir.Stream(nn.Conv2d(2, 1, 1), nn.Conv2d(2, 1, 1), torch.arange(2))
        other = torch.rand(4, 2, 8, 8)
        other[:, 1] = 3e-4
        self.assertAlmostEqual(
            stream.apart(other * torch.tensor([1, 99]).view(2, 1, 1), other).item(), 0
        )

    def test_other_builds_are_refused(self) -> None:
        for student, teacher, message in (
            ("resnest14", "resnet50thin", "it has 4 blocks of ResNeSt, the teacher 16 of a ResNet"),
            ("resnest50", "resnet50thin", "not as wide as the teacher's"),
            ("resnest50thin", "mobilenetv2", "the teacher 0 of a ResNet"),
        ):
            with self.assertRaisesRegex(heir.Mismatch, message):
                split.Split(Detector(student, 2, 8), lively(teacher), self.pictures)
