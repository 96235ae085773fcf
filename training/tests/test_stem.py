from __future__ import annotations

import unittest

import numpy as np

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    from training.stem import read_bytes
    from training.tests.graphs import kinds, run
except ImportError as missing:
    raise unittest.SkipTest(f"this needs {missing.name}") from missing

CHANNELS, GREY = 8, 114


def network(kernel: int, scale: float = 1.0) -> onnx.ModelProto:
    """The beginning of an 8-bit detector: a convolution of stride 2, cut off at zero."""
    rng = np.random.default_rng(kernel)
    weights = rng.integers(-127, 128, (CHANNELS, 3, kernel, kernel)).astype(np.int8)
    step = rng.uniform(1e-4, 1e-3, CHANNELS).astype(np.float32)
    constants = {
        "grey": np.float32(GREY),
        "one": np.float32(scale),
        "zero": np.uint8(GREY),
        "w8": weights,
        "w_scale": step,
        "w_zero": np.zeros(CHANNELS, np.int8),
        "b8": rng.integers(-9000, 9000, CHANNELS).astype(np.int32),
        "b_scale": step * np.float32(scale),
        "b_zero": np.zeros(CHANNELS, np.int32),
        "y_scale": np.float32(0.05),
        "y_zero": np.uint8(0),
    }
    pads = [kernel // 2] * 4
    nodes = [
        helper.make_node("Transpose", ["x"], ["turned"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["turned"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["pixels", "grey"], ["centred"]),
        helper.make_node("QuantizeLinear", ["centred", "one", "zero"], ["x8"]),
        helper.make_node("DequantizeLinear", ["x8", "one", "zero"], ["xf"]),
        helper.make_node("DequantizeLinear", ["w8", "w_scale", "w_zero"], ["w"], "weights", axis=0),
        helper.make_node("DequantizeLinear", ["b8", "b_scale", "b_zero"], ["b"], "bias", axis=0),
        helper.make_node("Conv", ["xf", "w", "b"], ["conv"], "conv", strides=[2, 2], pads=pads),
        helper.make_node("Relu", ["conv"], ["relu"]),
        helper.make_node("QuantizeLinear", ["relu", "y_scale", "y_zero"], ["y8"]),
        helper.make_node("DequantizeLinear", ["y8", "y_scale", "y_zero"], ["y"]),
    ]
    ends = [
        [helper.make_tensor_value_info("x", TensorProto.UINT8, ["N", "H", "W", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", CHANNELS, "h", "w"])],
    ]
    tensors = [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()]
    graph = helper.make_graph(nodes, "stem", *ends, initializer=tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


class ReadingBytes(unittest.TestCase):
    def test_gives_the_same_integers(self) -> None:
        for kernel in (3, 5, 7):
            for shape in ((1, 32, 64, 3), (2, 64, 32, 3)):
                with self.subTest(kernel=kernel, shape=shape):
                    x = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
                    model = network(kernel)
                    want = run(model, x)
                    self.assertGreater(len(np.unique(want)), 100)
                    read_bytes(model)
                    onnx.checker.check_model(model, full_check=True)
                    self.assertFalse({"Cast", "Sub"}.intersection(kinds(model)))
                    np.testing.assert_array_equal(run(model, x), want)

    def test_refuses_pixels_of_another_scale(self) -> None:
        with self.assertRaisesRegex(ValueError, "scale 0.5"):
            read_bytes(network(3, 0.5))

    def test_refuses_another_stride(self) -> None:
        model = network(3)
        conv = next(node for node in model.graph.node if node.op_type == "Conv")
        next(a for a in conv.attribute if a.name == "strides").ints[:] = [1, 1]
        with self.assertRaisesRegex(ValueError, "strides"):
            read_bytes(model)


if __name__ == "__main__":
    unittest.main()
