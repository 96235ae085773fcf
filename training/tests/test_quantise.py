from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import torch

from training.data import CLASSES, pack
from training.detector import Detector
from training.evaluate import of_onnx
from training.tests.fixtures import gradient, record

try:
    import onnx

    from training import export, quantise
    from training.tests.graphs import kinds
except ImportError as missing:
    raise unittest.SkipTest(f"needs {missing.name}: see training/README.md") from missing


class Quantise(unittest.TestCase):
    def test_convolutions_turn_to_eight_bits_and_decoding_does_not(self) -> None:
        torch.manual_seed(0)
        store = pack([gradient(96, 64)] * 2, [record(size=(96, 64))] * 2, CLASSES)
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "a.onnx", Path(folder) / "b.onnx"
            export.write(Detector("mobilenetv2", len(CLASSES), width=16), 96, {}, source)
            quantise.quantise(source, target, store, size=96, count=2)
            made = onnx.load(str(target))
            by_output = {o: n for n in made.graph.node for o in n.output}
            plain = [
                n.name
                for n in made.graph.node
                if n.op_type == "Conv" and n.input[1] not in by_output
            ]
            self.assertEqual(len(plain), 6)  # score and box of three levels
            for name in plain:
                self.assertRegex(name, r"/heads\.\d/(score|box)/Conv")
            last = by_output["boxes"]
            self.assertNotEqual(last.op_type, "DequantizeLinear")
            picture = torch.from_numpy(gradient(96, 96)).permute(2, 0, 1)[None].float()
            one, two = (of_onnx(path, 1)(picture) for path in (source, target))
            self.assertEqual(one[0].shape, two[0].shape)
            self.assertLess(float((one[1] - two[1]).abs().max()), 0.02)

    def test_leaves_no_hard_activation_in_float(self) -> None:
        torch.manual_seed(0)
        store = pack([gradient(96, 64)] * 2, [record(size=(96, 64))] * 2, CLASSES)
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "a.onnx", Path(folder) / "b.onnx"
            export.write(Detector("mobilenetv3", len(CLASSES), width=16), 96, {}, source)
            self.assertEqual(kinds(onnx.load(str(source))).count("HardSwish"), 19)
            quantise.quantise(source, target, store, size=96, count=2)
            made = onnx.load(str(target))
            self.assertFalse({"HardSwish", "HardSigmoid", "Clip"}.intersection(kinds(made)))
            for height, width in ((96, 96), (64, 128)):  # the first convolution takes any size
                picture = torch.from_numpy(gradient(width, height)).permute(2, 0, 1)[None].float()
                pair = torch.cat([picture, picture.flip(3)])
                one, two = (of_onnx(path, 1)(pair) for path in (source, target))
                self.assertEqual(one[0].shape, two[0].shape)
                self.assertLess(float((one[1] - two[1]).abs().max()), 0.02)


if __name__ == "__main__":
    unittest.main()
