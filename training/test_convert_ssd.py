"""Tests of the converter and its two formats: python3 -m unittest discover -s training."""

from __future__ import annotations

import hashlib
import json
import struct
import unittest
from array import array
from pathlib import Path

import convert_ssd
import onnx_writer as onnx
from flatbuffer import Table

HERE = Path(__file__).parent
MANIFEST = HERE / "ssd-mobilenetv2.json"
ASSETS = HERE.parent / "build" / "objectron_solution_packed_assets.data"


class SamePadding(unittest.TestCase):
    def test_odd_pixel_goes_to_the_end(self) -> None:
        cases = [  # size, kernel, stride, padding
            (300, 3, 2, (0, 1)),
            (75, 3, 2, (1, 1)),
            (150, 3, 1, (1, 1)),
            (19, 1, 1, (0, 0)),
            (4, 1, 2, (0, 0)),
        ]
        for size, kernel, stride, want in cases:
            with self.subTest(size=size, kernel=kernel, stride=stride):
                self.assertEqual(convert_ssd.same_padding(size, kernel, stride), want)


class Kernels(unittest.TestCase):
    def test_swap_axes_transposes_each_matrix(self) -> None:
        two_matrices = array("f", [1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60])
        want = array("f", [1, 4, 2, 5, 3, 6, 10, 40, 20, 50, 30, 60])
        self.assertEqual(convert_ssd.swap_axes(two_matrices, 2, 3), want)

    def test_centred_bgr_kernel_gives_the_rgb_kernel_s_answer(self) -> None:
        red, green, blue = 12.0, 200.0, 255.0
        kernel = array("f", [0.5, -0.25, 0.125])  # [1,RGB,1]
        want = sum(w * (x / 127.5 - 1) for w, x in zip(kernel, (red, green, blue)))
        folded = convert_ssd.for_centred_bgr(kernel, 1)
        got = sum(w * (x - 127.5) for w, x in zip(folded, (blue, green, red)))
        self.assertAlmostEqual(got, want, places=6)


class FlatBuffer(unittest.TestCase):
    # A table of three fields: an int16 of 7, an absent one, and the vector [5, -6].
    MESSAGE = struct.pack("<I HHHHH 2x i hxx I I ii", 16, 10, 12, 4, 0, 8, 12, 7, 4, 2, 5, -6)

    def test_reads_fields_and_defaults(self) -> None:
        table = Table.root(self.MESSAGE)
        self.assertEqual(table.scalar(0, "h"), 7)
        self.assertEqual(table.scalar(1, "h", default=42), 42)
        self.assertEqual(table.scalar(9, "h", default=42), 42)
        self.assertEqual(table.ints(2), [5, -6])
        self.assertEqual(table.ints(1), [])
        with self.assertRaisesRegex(ValueError, "lacks field 1"):
            table.table(1)


class OnnxWriter(unittest.TestCase):
    def test_node_bytes(self) -> None:
        want = b"\x0a\x01x\x12\x01y\x1a\x01y\x22\x06Concat\x2a\x0b\x0a\x04axis\x18\x01\xa0\x01\x02"
        self.assertEqual(onnx.node("Concat", ["x"], "y", axis=1), want)

    def test_varints_above_seven_bits(self) -> None:
        want = b"\x08\xac\x02\x10\x07\x42\x01w\x4a\x00"
        self.assertEqual(onnx.tensor("w", onnx.INT64, [300], b""), want)


class Assets(unittest.TestCase):
    """The real conversion, where setup has left the downloaded assets."""

    def setUp(self) -> None:
        if not ASSETS.exists():
            self.skipTest(f"{ASSETS} is absent: deploy/setup.sh ssd leaves it")
        self.assets = ASSETS.read_bytes()
        self.manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))

    def test_conversion_gives_the_pinned_bytes(self) -> None:
        model = convert_ssd.convert(self.assets, self.manifest)
        self.assertEqual(hashlib.sha256(model).hexdigest(), self.manifest["sha256"])

    def test_refuses_labels_of_another_model(self) -> None:
        self.manifest["labels"][0] = "Unicycle"
        with self.assertRaisesRegex(ValueError, "labels"):
            convert_ssd.convert(self.assets, self.manifest)


if __name__ == "__main__":
    unittest.main()
