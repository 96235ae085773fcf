from __future__ import annotations

import unittest

import numpy as np
import torch
from torch import nn

try:
    from training.equalise import equalise, pairs, ranges
    from training.tests.graphs import exported, run
except ImportError as missing:
    raise unittest.SkipTest(f"equalising needs {missing.name}") from missing


def block(activation: type[nn.Module]) -> nn.Module:
    """Convolutions that widen, filter each channel and narrow again; channels differ tenfold and more."""
    torch.manual_seed(1)
    widen, narrow = nn.Conv2d(3, 16, 1), nn.Conv2d(16, 4, 1)
    with torch.no_grad():
        assert widen.bias is not None
        widen.weight *= torch.logspace(-1, 0, 16).view(-1, 1, 1, 1)
        widen.bias.zero_()
    filters = nn.Conv2d(16, 16, 3, groups=16)
    nn.init.constant_(filters.bias, 0.1)  # else some would give nothing
    return nn.Sequential(widen, activation(), filters, activation(), narrow).eval()


class Equalising(unittest.TestCase):
    def setUp(self) -> None:
        self.x = torch.randn(1, 3, 12, 12, generator=torch.Generator().manual_seed(2))
        self.pictures = [{"x": self.x.numpy()}]

    def test_channels_get_like_ranges_and_the_network_stays_the_same(self) -> None:
        model = exported(block(nn.ReLU), self.x)
        expected = run(model, self.x.numpy())
        before = ranges(model, list(pairs(model.graph)), self.pictures)
        self.assertEqual(equalise(model, self.pictures), 2)
        after = ranges(model, list(pairs(model.graph)), self.pictures)
        np.testing.assert_allclose(run(model, self.x.numpy()), expected, rtol=1e-4, atol=1e-5)

        def spread(most: np.ndarray) -> float:
            return float(most.max() / most.min())

        self.assertGreater(spread(before[0]), 5)
        self.assertLess(spread(after[0]), 1.001)  # a depthwise convolution follows: for nothing
        self.assertLess(spread(after[1]), spread(before[1]))

    def test_a_channel_that_nobody_sees_or_reads_is_no_measure(self) -> None:
        network = block(nn.ReLU)
        with torch.no_grad():
            network[0].weight[3] = 0
            network[4].weight[:, 15] = 0
        model = exported(network, self.x)
        expected = run(model, self.x.numpy())
        before = ranges(model, list(pairs(model.graph)), self.pictures)[1][:15]
        equalise(model, self.pictures)
        after = ranges(model, list(pairs(model.graph)), self.pictures)[1][:15]
        self.assertLess(after.max() / after.min(), before.max() / before.min())
        np.testing.assert_allclose(run(model, self.x.numpy()), expected, rtol=1e-4, atol=1e-5)

    def test_what_has_a_bound_is_left_alone(self) -> None:
        for activation in (nn.ReLU6, nn.Hardswish):
            model = exported(block(activation), self.x)
            as_it_was = model.SerializeToString()
            self.assertEqual(equalise(model, self.pictures), 0)
            self.assertEqual(model.SerializeToString(), as_it_was)

    def test_groups_of_several_channels_are_left_alone(self) -> None:
        network = nn.Sequential(nn.Conv2d(3, 16, 1), nn.ReLU(), nn.Conv2d(16, 16, 3, groups=4))
        self.assertEqual(equalise(exported(network.eval(), self.x), self.pictures), 0)

    def test_what_is_read_elsewhere_is_left_alone(self) -> None:
        class Branch(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.one, self.two = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 1)

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                x = torch.relu(self.one(x))
                return self.two(x) + x

        self.assertEqual(equalise(exported(Branch(), self.x), self.pictures), 0)
