from __future__ import annotations

import contextlib
import io
import json
import unittest

import torch
from torch import nn

from training import speed
from training.data import CLASSES
from training.detector import Detector

TINY = ["mobilenetv2", "--size", "64", "--batch", "1", "2", "--seconds", "0.02"]
TINY += ["--device", "cpu", "--mode", "eager"]


def printed(*more: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        speed.main([*TINY, *more])
    return out.getvalue()


def settled(backbone: str) -> Detector:
    """A detector whose norms are not the identity."""
    torch.manual_seed(1)
    detector = Detector(backbone, len(CLASSES), 16)
    for module in detector.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return detector.eval()


class Folded(unittest.TestCase):
    def test_the_network_served_is_the_detector(self) -> None:
        images = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
        for backbone in ("resnest14", "resnet18", "mobilenetv3"):
            with self.subTest(backbone), torch.no_grad():
                detector = settled(backbone)
                want = detector(images.permute(0, 3, 1, 2).float())
                served = speed.Served(detector, torch.float32)
                boxes, scores = served(images)
                self.assertLess(float((boxes - want.boxes).abs().max()), 1e-2)
                self.assertLess(float((scores - want.logits.sigmoid()).abs().max()), 1e-4)
                norms = [m for m in served.modules() if isinstance(m, nn.BatchNorm2d)]
                self.assertEqual(norms, [])

    def test_half_keeps_predictors_in_float(self) -> None:
        served = speed.Served(settled("resnest14"), torch.bfloat16)
        head = served.detector.heads[0]
        self.assertIs(head.score.layer.weight.dtype, torch.float32)
        self.assertIs(head.score_tower[0][0][0].weight.dtype, torch.bfloat16)
        boxes, scores = served(torch.zeros(1, 64, 64, 3, dtype=torch.uint8))
        self.assertEqual({boxes.dtype, scores.dtype}, {torch.float32})


class Times(unittest.TestCase):
    def test_warm_up_does_not_count(self) -> None:
        runs = []
        times = speed.timed(lambda: runs.append(0), 0.0)
        self.assertEqual((len(runs), len(times)), (speed.WARM + 1, 1))

    def test_quantiles_are_nearest_ranks(self) -> None:
        self.assertEqual(speed.quantile([1.0, 2.0, 9.0], 0.5), 2.0)
        self.assertEqual(speed.quantile([1.0, 2.0, 9.0], 0.95), 9.0)

    def test_rows_as_json_and_as_a_table(self) -> None:
        rows = json.loads(printed("--json"))
        self.assertEqual([row["batch"] for row in rows], [1, 2])
        for row in rows:
            self.assertEqual((row["model"], row["device"]), ("mobilenetv2", "cpu"))
            self.assertEqual((row["precision"], row["mode"]), ("fp32", "eager"))
            self.assertEqual((row["input"], row["torch"]), ("64x64", torch.__version__))
            self.assertGreater(row["p50_ms"], 0)
            self.assertGreaterEqual(row["p95_ms"], row["p50_ms"])
            self.assertAlmostEqual(row["pictures_per_second"], 1000 * row["batch"] / row["p50_ms"])
            self.assertGreaterEqual(row["runs"], 1)
        head, *lines = speed.table(rows).splitlines()
        self.assertEqual(
            head.split()[:6], ["model", "device", "precision", "mode", "input", "batch"]
        )
        self.assertEqual([line.split()[5] for line in lines], ["1", "2"])
        self.assertIn("mobilenetv2", printed().splitlines()[1])

    @unittest.skipIf(hasattr(torch, "compile"), "torch compiles")
    def test_torch_1_says_that_it_does_not_compile(self) -> None:
        with self.assertRaisesRegex(SystemExit, "--mode eager"):
            speed.main([*TINY, "--mode", "default"])


if __name__ == "__main__":
    unittest.main()
