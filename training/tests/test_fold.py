from __future__ import annotations

import unittest

import numpy as np
import torch
from torch import nn

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    from training.fold import fold_hard_sigmoid, fold_hard_swish, fold_normalisation
    from training.tests.graphs import exported, kinds, mobilenetv3_blocks, run
except ImportError as missing:
    raise unittest.SkipTest(f"folding needs {missing.name}") from missing

MEAN, SCALE = np.array([100, 116, 124], np.float32), np.array([0.02, 0.017, 0.018], np.float32)


def network(pads: list[int]) -> onnx.ModelProto:
    """Normalisation and one convolution."""
    rng = np.random.default_rng(1)

    def constant(name: str, value: np.ndarray) -> onnx.NodeProto:
        tensor = numpy_helper.from_array(value.reshape(1, 3, 1, 1))
        return helper.make_node("Constant", [], [name], value=tensor)

    nodes = [
        constant("mean", MEAN),
        helper.make_node("Sub", ["x", "mean"], ["centred"]),
        constant("scale", SCALE),
        helper.make_node("Mul", ["centred", "scale"], ["scaled"]),
        helper.make_node("Conv", ["scaled", "w", "b"], ["y"], strides=[2, 2], pads=pads),
    ]
    weights = [
        numpy_helper.from_array(rng.normal(size=(4, 3, 3, 3)).astype(np.float32), "w"),
        numpy_helper.from_array(rng.normal(size=4).astype(np.float32), "b"),
    ]
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)]
        for name, shape in (("x", [1, 3, 9, 9]), ("y", ["N", 4, "H", "W"]))
    ]
    graph = helper.make_graph(nodes, "network", *ends, initializer=weights)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


class Folding(unittest.TestCase):
    def setUp(self) -> None:
        self.picture = np.random.default_rng(2).uniform(0, 255, (1, 3, 9, 9)).astype(np.float32)

    def test_says_the_same_away_from_the_frame(self) -> None:
        for pads, inner in (([0] * 4, np.s_[:]), ([1] * 4, np.s_[..., 1:-1, 1:-1])):
            want = run(network(pads), self.picture)
            model = network(pads)
            fold_normalisation(model)
            onnx.checker.check_model(model)
            self.assertEqual([n.op_type for n in model.graph.node if n.op_type == "Mul"], [])
            got = run(model, self.picture)
            np.testing.assert_allclose(got[inner], want[inner], atol=1e-4)

    def test_refuses_another_beginning(self) -> None:
        model = network([0] * 4)
        model.graph.node[3].op_type = "Div"
        with self.assertRaisesRegex(ValueError, "want Sub, Mul, Conv"):
            fold_normalisation(model)

    def test_turns_hard_activations_into_clips(self) -> None:
        x = torch.randn(1, 40, 20, 20)
        model = exported(mobilenetv3_blocks(), x)
        want = run(model, x.numpy())
        self.assertEqual([kinds(model).count(k) for k in ("HardSwish", "HardSigmoid")], [10, 3])
        fold_hard_sigmoid(model)
        fold_hard_swish(model)
        onnx.checker.check_model(model, full_check=True)
        self.assertFalse({"HardSwish", "HardSigmoid"}.intersection(kinds(model)))
        self.assertEqual(kinds(model).count("Clip"), 13)
        np.testing.assert_allclose(run(model, x.numpy()), want, rtol=1e-4, atol=1e-5)

    def test_refuses_a_hard_swish_without_a_convolution(self) -> None:
        for module in (nn.Hardswish(), nn.Sequential(nn.MaxPool2d(2), nn.Hardswish())):
            model = exported(module, torch.zeros(1, 3, 4, 4))
            with self.assertRaisesRegex(ValueError, "does not follow a convolution"):
                fold_hard_swish(model)


if __name__ == "__main__":
    unittest.main()
