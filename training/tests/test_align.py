from __future__ import annotations

import unittest

import numpy as np
import torch
from torch import nn

try:
    import onnx

    from training.align import CHANNELS, align_channels
    from training.graph import attribute
    from training.tests.graphs import exported, mobilenetv3_blocks, run
except ImportError as missing:
    raise unittest.SkipTest(f"aligning needs {missing.name}") from missing


class Ends(nn.Module):
    """A depthwise convolution whose channels leave the network."""

    def __init__(self) -> None:
        super().__init__()
        self.widen = nn.Conv2d(3, 20, 1)
        self.depthwise = nn.Conv2d(20, 20, 3, groups=20)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.depthwise(self.widen(x))


def groups(model: onnx.ModelProto) -> list[int]:
    """Of the depthwise convolutions."""
    found = (attribute(n, "group", 1) for n in model.graph.node if n.op_type == "Conv")
    return [count for count in found if count > 1]


class Aligning(unittest.TestCase):
    def test_pads_channels_and_says_the_same(self) -> None:
        x = torch.randn(1, 40, 20, 20)
        model = exported(mobilenetv3_blocks(), x)
        want = run(model, x.numpy())
        self.assertEqual(groups(model), [120, 120, 240, 200, 184, 184, 480])
        align_channels(model)
        onnx.checker.check_model(model, full_check=True)
        self.assertEqual(groups(model), [128, 128, 240, 208, 192, 192, 480])
        np.testing.assert_allclose(run(model, x.numpy()), want, rtol=1e-4, atol=1e-5)

    def test_leaves_channels_that_others_see(self) -> None:
        x = torch.randn(1, 3, 8, 8)
        model = exported(Ends().eval(), x)
        before = model.graph.node
        align_channels(model)
        self.assertEqual(model.graph.node, before)
        self.assertNotEqual(20 % CHANNELS, 0)


if __name__ == "__main__":
    unittest.main()
