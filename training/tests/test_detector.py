from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import torch
from torch import nn

from training import backbones, resnest, weights
from training.detector import DEVIATION, MEAN, PRIOR_SCORE, Detector
from training.layers import ReLU6


class Backbones(unittest.TestCase):
    def test_every_member_gives_three_maps(self) -> None:
        for name in backbones.MEMBERS:
            with self.subTest(name):
                body = backbones.build(name).eval()
                with torch.no_grad():
                    maps = body(torch.zeros(1, 3, 64, 96))
                sizes = [tuple(m.shape[1:]) for m in maps]
                c = body.channels
                self.assertEqual(sizes, [(c[0], 8, 12), (c[1], 4, 6), (c[2], 2, 3)])

    def test_a_family_stands_for_its_recommended_member(self) -> None:
        for name, stands_for in backbones.ALIASES.items():
            self.assertIn(backbones.MEMBERS[stands_for].family, (name, "efficientnet"))

    def test_unknown_family_is_named(self) -> None:
        with self.assertRaisesRegex(ValueError, "unknown backbone 'vgg'; there are: mnasnet"):
            backbones.build("vgg")

    def test_alias(self) -> None:
        self.assertEqual(backbones.build("efficientnet_b0").channels, [40, 112, 320])


class Weights(unittest.TestCase):
    def test_position_decides_and_the_first_kernel_turns_to_bgr(self) -> None:
        torch.manual_seed(1)
        one, two = backbones.build("mobilenetv2"), backbones.build("mobilenetv2")
        file = {f"x{i}.{k.split('.')[-1]}": v for i, (k, v) in enumerate(one.state_dict().items())}
        file["classifier.weight"] = torch.zeros(10, 10)
        weights.load(two, file)
        (stem, first), *rest = one.state_dict().items()
        self.assertTrue(torch.equal(two.state_dict()[stem], first.flip(1)))
        for name, value in rest:
            self.assertTrue(torch.equal(two.state_dict()[name], value), name)

    def test_lite0_reads_pictures_and_norms_as_where_it_learned(self) -> None:
        torch.manual_seed(1)
        stem = nn.Conv2d(3, 8, 3, stride=2, bias=False)
        norm = nn.BatchNorm2d(8, eps=1e-3).eval()
        for values in (norm.weight, norm.bias, norm.running_mean):
            nn.init.uniform_(values, -0.5, 0.5)
        nn.init.uniform_(norm.running_var, 0.0, 0.01)
        file = {f"_conv_stem.{k}": v for k, v in stem.state_dict().items()}
        file |= {f"_bn0.{k}": v for k, v in norm.state_dict().items()}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "lite.pth"
            torch.save(file, path)
            read = weights.lite(path)
        other, here = nn.Conv2d(3, 8, 3, stride=2, bias=False), nn.BatchNorm2d(8).eval()
        other.weight.data = read["_conv_stem.weight"].flip(1)  # reads BGR, as weights.load has it
        here.load_state_dict({k: read[f"_bn0.{k}"] for k in here.state_dict()})
        pictures = 255 * torch.rand(2, 3, 33, 33)  # RGB
        mean, deviation = (torch.tensor(x).view(1, 3, 1, 1) for x in (MEAN, DEVIATION))
        with torch.no_grad():
            theirs = norm(stem((pictures - 127) / 128))
            own = here(other((pictures.flip(1) - mean) / deviation))
        self.assertLess(float((own - theirs).abs().max()), 1e-4 * float(theirs.abs().max()))

    def test_another_network_is_refused(self) -> None:
        other = backbones.build("mnasnet").state_dict()
        with self.assertRaisesRegex(ValueError, "is not stages"):
            weights.load(backbones.build("mobilenetv2"), other)


class ReLU6InHalfPrecision(unittest.TestCase):
    def test_gradient_is_that_of_float(self) -> None:
        values = torch.tensor([-3.0, -0.5, 0.5, 5.5, 6.5, 9.0])
        gradients = []
        for dtype in (torch.float32, torch.bfloat16):
            x = values.clone().to(dtype).requires_grad_()
            (ReLU6()(x) * 2).sum().backward()
            assert x.grad is not None
            gradients.append(x.grad.float())
        self.assertEqual(gradients[0].tolist(), [0, 0, 2, 2, 0, 0])
        self.assertTrue(torch.equal(*gradients))


class LightAttention(unittest.TestCase):
    def test_gives_what_the_trained_one_gives(self) -> None:
        torch.manual_seed(0)
        trained = resnest.SplitAttention(16, 32, even=4)
        x = torch.randn(3, 16, 8, 12)
        trained(x)  # moves the norms
        trained.eval()
        state = {name: value.clone() for name, value in trained.state_dict().items()}
        with torch.no_grad():
            torch.testing.assert_close(resnest.LightAttention(trained)(x), trained(x))
        for name, value in trained.state_dict().items():
            self.assertTrue(torch.equal(value, state[name]), name)


class Detection(unittest.TestCase):
    def test_outputs_before_training(self) -> None:
        torch.manual_seed(0)
        model = Detector("mobilenetv2", 14).eval()
        with torch.no_grad():
            out = model(torch.full((2, 3, 64, 96), 114.0))
        cells = 8 * 12 + 4 * 6 + 2 * 3
        self.assertEqual(out.logits.shape, (2, cells, 14))
        self.assertEqual(out.boxes.shape, (2, cells, 4))
        self.assertEqual(out.points[0].tolist(), [4.0, 4.0])
        self.assertEqual(out.points[-1].tolist(), [80.0, 48.0])
        self.assertEqual(out.strides.unique().tolist(), [8.0, 16.0, 32.0])
        self.assertAlmostEqual(float(out.logits.sigmoid().mean()), PRIOR_SCORE, delta=0.005)
        side = out.boxes[..., 2] - out.boxes[..., 0]
        torch.testing.assert_close(
            side[0] / out.strides, torch.full((cells,), 4.0), rtol=0.1, atol=0
        )
        self.assertTrue(bool((out.boxes[..., 2:] > out.boxes[..., :2]).all()))

    def test_every_parameter_learns(self) -> None:
        model = Detector("mobilenetv2", 14, width=16)
        out = model(255 * torch.rand(2, 3, 64, 64))
        (out.logits.square().mean() + out.boxes.square().mean()).backward()
        still = [n for n, p in model.named_parameters() if p.grad is None]
        self.assertEqual(still, [])
        self.assertIsInstance(model.backbone.stages[0][0][2], ReLU6)
        self.assertFalse(any(isinstance(m, nn.ReLU6) for m in model.modules()))


if __name__ == "__main__":
    unittest.main()
