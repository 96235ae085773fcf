from __future__ import annotations

import unittest

import torch

try:
    from training import reference
except ImportError as missing:
    raise unittest.SkipTest(f"needs {missing.name}: see training/README.md") from missing


class Detections(unittest.TestCase):
    def test_best_class_first_suppressed_and_cut_to_the_picture(self) -> None:
        boxes = torch.tensor(
            [[-5.0, 0, 20, 20], [-4, 0, 20, 20], [0, 0, 20, 20], [60, 10, 90, 30], [0, 0, 9, 9]]
        )
        scores = torch.tensor([[0.5, 0.2], [0.6, 0.1], [0.3, 0.4], [0.2, 0.9], [0.05, 0.0]])
        rows = reference.detections(boxes, scores, width=80, height=40)
        places = [[*row[:4], row[5]] for row in rows]
        self.assertEqual(places, [[60, 10, 80, 30, 1], [0, 0, 20, 20, 0], [0, 0, 20, 20, 1]])
        for row, score in zip(rows, (0.9, 0.6, 0.4)):
            self.assertAlmostEqual(row[4], score, places=6)


if __name__ == "__main__":
    unittest.main()
