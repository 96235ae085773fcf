from __future__ import annotations

import contextlib
import json
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from training.data import CLASSES
from training.detector import Detector
from training.evaluate import of_onnx

try:
    import onnx

    from training import evaluate, export, half, quantise
    from training.data import Store
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


class Gate(unittest.TestCase):
    def test_a_model_that_lost_too_much_leaves_no_file(self) -> None:
        for program, make in ((half, "halve"), (quantise, "quantise")):
            for ap50, kept in ((0.5, True), (0.4, False)):
                with self.subTest(program.__name__, ap50=ap50):
                    self.assertEqual(self.left(program, make, ap50), 2 if kept else 0)

    def left(self, program: Any, make: str, ap50: float) -> int:
        """How many files come of a model whose AP50 was 0.5."""
        with tempfile.TemporaryDirectory() as folder:
            source, out = Path(folder) / "a.onnx", Path(folder) / "out"
            source.touch()
            out.mkdir()
            described = {"input": {"width": 96}, "accuracy": {"ap50": 0.5}}
            source.with_suffix(".json").write_text(json.dumps(described), encoding="utf-8")
            scores = [{"ap50": x, "conf": 0.3} for x in ([0.5, ap50] if program is quantise else [ap50])]
            patches: list[Any] = [
                mock.patch("sys.argv", ["x", str(source), "--out", str(out)]),
                mock.patch("builtins.print"),
                mock.patch.object(program, make, lambda _, target, *rest: target.touch()),
                mock.patch.object(Store, "load"),
                mock.patch.object(evaluate, "of_onnx"),
                mock.patch.object(evaluate, "score", side_effect=scores),
                mock.patch.object(quantise, "milliseconds", return_value=1.0),
                mock.patch.object(quantise, "accuracy", return_value={}),
            ]
            with contextlib.ExitStack() as stack:
                for patch in patches:
                    stack.enter_context(patch)
                try:
                    program.main()
                except SystemExit as error:
                    self.assertIn("AP50 is 40.0, was 50.0", str(error))
            return len(list(out.iterdir()))


if __name__ == "__main__":
    unittest.main()
