from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import torch

from training.data import CLASSES
from training.detector import Detector
from training.evaluate import of_onnx

try:
    import onnx

    from training import export, half
except ImportError as missing:
    raise unittest.SkipTest(f"needs {missing.name}: see training/README.md") from missing


class Half(unittest.TestCase):
    def test_weights_halve_and_results_stay(self) -> None:
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "a.onnx", Path(folder) / "b.onnx"
            export.write(Detector("resnet18", len(CLASSES), width=16), 96, {"name": "a"}, source)
            half.halve(source, target)
            self.assertLess(target.stat().st_size, 0.52 * source.stat().st_size)
            made = onnx.load(str(target))
            self.assertEqual(made.metadata_props[0].value, "a")
            # The picture's bytes, what the predictors of three levels read, and the grid.
            casts = [node for node in made.graph.node if node.op_type == "Cast"]
            self.assertEqual(len(casts), 1 + 6 + 1)
            for shape in ((1, 3, 96, 96), (2, 3, 64, 128)):
                pictures = (255 * torch.rand(shape)).round()
                one, two = (of_onnx(path, 1)(pictures) for path in (source, target))
                self.assertEqual([x.dtype for x in two], [torch.float32] * 2)
                self.assertLess(float((one[0] - two[0]).abs().max()), 1.0)
                self.assertLess(float((one[1] - two[1]).abs().max()), 0.01)


if __name__ == "__main__":
    unittest.main()
