from __future__ import annotations

import hashlib
import json
import tempfile
import unittest
from pathlib import Path
from typing import Any

import torch

from training import backbones
from training.checkpoint import Settings, pack_settings
from training.data import CLASSES
from training.detector import Detector

try:
    import onnx
    import onnxruntime

    from training import export
except ImportError as missing:
    raise unittest.SkipTest(f"the export needs {missing.name}: see training/README.md") from missing


class Export(unittest.TestCase):
    folder: Path
    detector: Detector
    path: Path
    metadata: dict[str, str]
    result: dict[str, Any]

    @classmethod
    def setUpClass(cls) -> None:
        torch.manual_seed(0)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.detector = Detector("mobilenetv2", len(CLASSES), width=16).eval()
        state = {
            "settings": pack_settings(Settings()),
            "progress": {"step": 10},
            "start": "random weights",
        }
        cls.result = {"ap50": 0.5, "conf": 0.314, "classes": {"person": {"ap50": 0.25}}}
        cls.metadata = export.describe("made", state, "Apache-2.0", 96, cls.result, ["b", "a", "b"])
        cls.path = cls.folder / "made.onnx"
        export.write(cls.detector, 96, cls.metadata, cls.path)

    def test_agrees_with_torch_at_any_batch_and_size(self) -> None:
        for shape in ((1, 3, 96, 96), (3, 3, 64, 160)):
            with self.subTest(shape=shape):
                pictures = torch.rand(shape) * 255
                difference = export.largest_difference(self.detector, self.path, pictures)
                self.assertLess(difference, export.TOLERANCE)

    def test_every_family_can_be_exported(self) -> None:
        smallest = {m.family: name for name, m in reversed(backbones.MEMBERS.items())}
        for name in smallest.values():
            with self.subTest(name):
                detector = Detector(name, len(CLASSES), width=16).eval()
                path = self.folder / f"{name}.onnx"
                export.write(detector, 64, {}, path)
                domains = {node.domain for node in onnx.load(str(path)).graph.node}
                self.assertEqual(domains, {""}, "operators beyond plain ONNX")
                pictures = torch.rand(2, 3, 64, 96) * 255
                difference = export.largest_difference(detector, path, pictures)
                self.assertLess(difference, export.TOLERANCE)

    def test_only_the_grid_depends_on_shapes(self) -> None:
        nodes = onnx.load(str(self.path)).graph.node
        kinds = [node.op_type for node in nodes if node.op_type not in ("Constant", "Identity")]
        self.assertEqual(kinds.count("Shape"), 1)
        self.assertEqual(kinds.count("Sigmoid"), 1)
        self.assertLess(len(kinds) - kinds.count("Conv") - kinds.count("Clip"), 80)

    def test_with_the_sides_known_the_grid_is_constant(self) -> None:
        model = onnx.load(str(self.path))
        dims = model.graph.input[0].type.tensor_type.shape.dim
        dims[1].dim_value, dims[2].dim_value = 64, 160
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(self.folder / "optimised.onnx")
        options.log_severity_level = 3
        onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        kinds = {n.op_type for n in onnx.load(options.optimized_model_filepath).graph.node}
        self.assertFalse(kinds & {"Shape", "Range", "Gather", "Unsqueeze", "Split"})

    def test_the_file_describes_itself(self) -> None:
        model = onnx.load(str(self.path))
        said = {p.key: p.value for p in model.metadata_props}
        self.assertEqual(said["backbone"], "mobilenetv2")
        self.assertEqual(json.loads(said["labels"]), list(CLASSES))
        self.assertEqual(
            said["training_data"], "3 pictures of a, b; 160 seen in training, from random weights"
        )
        self.assertIn("person AP50 25.0", said["accuracy"])

    def test_the_manifest_pins_the_file(self) -> None:
        made = export.manifest(self.metadata, self.path, 96, self.result)
        self.assertEqual(made["sha256"], hashlib.sha256(self.path.read_bytes()).hexdigest())
        self.assertEqual(made["file"], "made.onnx")
        self.assertEqual((made["input"]["width"], made["head"]["format"]), (96, "boxes"))
        self.assertEqual((made["precision"], made["accuracy"]["person_ap50"]), ("fp32", 0.25))
        self.assertEqual(made["conf"], 0.31)


if __name__ == "__main__":
    unittest.main()
