from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from training import backbones, weights
from training.detector import DEVIATION

try:
    import onnx
    import onnxruntime
    from onnx import helper, numpy_helper

    from training import opennsfw
except ImportError as missing:
    raise unittest.SkipTest(f"needs {missing.name}: see training/README.md") from missing


def fused(backbone: nn.Module, path: Path) -> None:
    """Write the backbone as the package holds it: norms in the convolutions, pixels as they are."""
    layers = [m for m in backbone.modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d))]
    nodes, values = [], []
    for name, conv, norm in zip(present(), layers[::2], layers[1::2]):
        kernel, bias = fuse_conv_bn_weights(
            conv.weight, None, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        if name == "bn_1":
            kernel = kernel / torch.tensor(DEVIATION).view(1, 3, 1, 1)
        inputs = ["x", f"{name}.kernel", f"{name}.bias"]
        for key, value in zip(inputs[1:], (kernel, bias)):
            values.append(numpy_helper.from_array(value.detach().numpy(), key))
        nodes.append(helper.make_node("Conv", inputs, [f"{name}/FusedBatchNormV3:0"]))
    # A graph's order is not the state dict's: there, shortcuts come last.
    graph = helper.make_graph(nodes[::-1], "network", [], [], values)
    onnx.save(helper.make_model(graph), str(path))


def last_map(path: Path, pictures: np.ndarray) -> np.ndarray:
    """What the last convolution's activation gives in ONNX Runtime."""
    model = onnx.load(str(path))
    name = [node.output[0] for node in model.graph.node if node.op_type == "Relu"][-1]
    model.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (found,) = session.run([name], {session.get_inputs()[0].name: pictures})
    return np.asarray(found)


def present() -> list[str]:
    """The layers that there are: one shortcut a stage."""
    return [n for n in opennsfw.ordered() if "shortcut" not in n or "block0" in n]


class OpenNSFW(unittest.TestCase):
    def test_a_backbone_computes_what_the_file_does(self) -> None:
        torch.manual_seed(1)
        one, two = (backbones.build("resnet50thin").eval() for _ in range(2))
        for module in one.modules():
            if isinstance(module, nn.BatchNorm2d):
                for parameter, low, high in (
                    (module.weight, 0.2, 0.5), (module.bias, -0.2, 0.2),
                    (module.running_mean, -0.2, 0.2), (module.running_var, 0.5, 2.0),
                ):  # fmt: skip
                    nn.init.uniform_(parameter, low, high)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.onnx"
            fused(one, path)
            weights.load(two, opennsfw.tensors(path))
        pictures = torch.randn(2, 3, 64, 96)
        with torch.no_grad():
            for a, b in zip(one(pictures), two(pictures)):
                self.assertGreater(float(a.abs().max()), 0.1)
                self.assertLess(float((a - b).abs().max()), 1e-4 * float(a.abs().max()))
        for module in two.modules():
            if isinstance(module, nn.Conv2d):
                norms = module.weight.flatten(1).norm(dim=1)
                self.assertLess(float((norms - 2**0.5).abs().max()), 1e-4)

    def test_the_packages_file_computes_the_same(self) -> None:
        path = weights.file_of("resnet50thin")
        if not path.exists():
            self.skipTest("not here: python3 -m training.weights resnet50thin")
        backbone = backbones.build("resnet50thin").eval()
        self.assertEqual(
            weights.initialise(backbone, "resnet50thin"), weights.SOURCES["resnet50thin"].said
        )
        torch.manual_seed(1)
        pictures = torch.rand(1, 3, 224, 224) * 250 - 110  # around the mean
        with torch.no_grad():
            own = backbone(pictures / torch.tensor(DEVIATION).view(1, 3, 1, 1))[-1]
        theirs = torch.from_numpy(last_map(path, pictures.permute(0, 2, 3, 1).numpy()))
        self.assertLess(float((own - theirs).abs().max()), 1e-4 * float(theirs.abs().max()))


if __name__ == "__main__":
    unittest.main()
