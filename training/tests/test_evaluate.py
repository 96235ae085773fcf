from __future__ import annotations

import unittest

import numpy as np
import torch

from training import evaluate
from training.data import CLASSES, pack
from training.evaluate import LEAST_SCORE, Found, average_precision, best_score
from training.tests.fixtures import gradient, record

NONE: list[list[float]] = []


def found(boxes: list[list[float]], classes: list[int], scores: list[float] | None = None) -> Found:
    count = len(classes)
    return Found(
        np.array(boxes, float).reshape(-1, 4),
        np.array(classes, int),
        np.array(scores if scores is not None else [1.0] * count),
        np.zeros(count, bool),
    )


def ap50(detections: list[Found], truth: list[Found], labelled: list[list[bool]]) -> list[float]:
    return average_precision(detections, truth, np.array(labelled))[:, 0].tolist()


A, B, C = [0.0, 0, 10, 10], [20.0, 0, 30, 10], [40.0, 0, 50, 10]


class AveragePrecision(unittest.TestCase):
    def test_perfect(self) -> None:
        truth = [found([A, B], [0, 1])]
        result = average_precision(truth, truth, np.array([[True, True]]))
        np.testing.assert_allclose(result, 1.0)

    def test_a_miss_and_a_false_box(self) -> None:
        # By score: hit (recall 1/2, precision 1), false, nothing more.
        truth = [found([A, B], [0, 0])]
        got = [found([A, C], [0, 0], [0.9, 0.8])]
        # Recalls 0, 0.01, ..., 0.50 have precision 1: 51 of 101.
        self.assertAlmostEqual(ap50(got, truth, [[True]])[0], 51 / 101)

    def test_a_false_box_first(self) -> None:
        truth, got = [found([A], [0])], [found([C, A], [0, 0], [0.9, 0.8])]
        self.assertAlmostEqual(ap50(got, truth, [[True]])[0], 0.5)

    def test_the_order_is_over_all_pictures(self) -> None:
        truth = [found([A], [0]), found(NONE, [])]
        got = [found([A], [0], [0.3]), found([C], [0], [0.6])]
        self.assertAlmostEqual(ap50(got, truth, [[True], [True]])[0], 0.5)

    def test_a_second_box_on_an_object_is_false(self) -> None:
        truth = [found([A, B], [0, 0])]
        got = [found([A, A, B], [0, 0, 0], [0.9, 0.8, 0.7])]
        want = (51 * 1 + 50 * 2 / 3) / 101
        self.assertAlmostEqual(ap50(got, truth, [[True]])[0], want)

    def test_an_ignored_object_swallows_any_number(self) -> None:
        truth = [found([A, [20, 0, 60, 40]], [0, 0])]
        truth[0].ignored[1] = True
        got = [found([B, [22, 2, 30, 9], A], [0, 0, 0], [0.9, 0.8, 0.7])]
        self.assertAlmostEqual(ap50(got, truth, [[True]])[0], 1.0)

    def test_pictures_that_do_not_label_a_class_are_left_out(self) -> None:
        truth = [found([A], [0]), found(NONE, [])]
        got = [found([A], [0], [0.5]), found([A], [0], [0.9])]
        self.assertAlmostEqual(ap50(got, truth, [[True], [False]])[0], 1.0)

    def test_a_class_without_objects_has_no_value(self) -> None:
        truth = [found([A], [0])]
        one, two = ap50(truth, truth, [[True, True]])
        self.assertEqual(one, 1.0)
        self.assertTrue(np.isnan(two))

    def test_thresholds_rise_to_95(self) -> None:
        truth = [found([A], [0])]
        got = [found([[0, 0, 10, 7.7]], [0])]  # IoU 0.77
        result = average_precision(got, truth, np.array([[True]]))[0]
        np.testing.assert_allclose(result, [1, 1, 1, 1, 1, 1, 0, 0, 0, 0])

    def test_the_best_score_gives_the_best_f1(self) -> None:
        # From the best score down: right, right, false, right, false, false, of four objects.
        truth = [found([A], [0]) for _ in range(4)]
        got = [
            found([A, B], [0, 0], [0.9, 0.3]),
            found([A, B], [0, 0], [0.8, 0.7]),
            found([A, B], [0, 0], [0.6, 0.2]),
            found(NONE, []),
        ]
        every = np.ones((4, 1), bool)
        self.assertAlmostEqual(best_score(got, truth, every), 0.6)
        # Where the class is not judged, nothing counts.
        every[2] = False
        self.assertAlmostEqual(best_score(got, truth, every), 0.8)
        self.assertEqual(best_score([found(NONE, [])], [found([A], [0])], every[:1]), LEAST_SCORE)

    def test_no_detections(self) -> None:
        self.assertEqual(ap50([found(NONE, [])], [found([A], [0])], [[True]]), [0.0])


class Suppress(unittest.TestCase):
    def test_works_class_by_class(self) -> None:
        boxes = torch.tensor([A, [0, 0, 10, 9], B])
        scores = torch.tensor([[0.9, 0.0], [0.8, 0.7], [0.0, 0.005]])
        kept = evaluate.suppress(boxes, scores)
        self.assertEqual(kept.classes.tolist(), [0, 1])
        np.testing.assert_allclose(kept.scores, [0.9, 0.7])


class Score(unittest.TestCase):
    def test_a_network_that_knows_the_truth_scores_one(self) -> None:
        pictures = [gradient(64, 48), gradient(40, 64)]
        records = [
            record([[10, 10, 30, 40]], [0], labelled=("person",), size=(64, 48)),
            record([[4, 4, 30, 20], [2, 30, 20, 50]], [2, 0], size=(40, 64)),
        ]
        store = pack(pictures, records, CLASSES)
        truth = iter(evaluate.truth_of(store, 96))

        def oracle(batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            self.assertEqual(batch.shape, (2, 3, 96, 96))
            boxes, scores = torch.zeros(2, 2, 4), torch.zeros(2, 2, len(CLASSES))
            for i, real in enumerate(truth):
                for k, (box, label) in enumerate(zip(real.boxes, real.classes)):
                    boxes[i, k], scores[i, k, label] = torch.from_numpy(box), 0.9
            return boxes, scores

        result = evaluate.score(oracle, store, 96)
        self.assertAlmostEqual(result["ap"], 1.0)
        self.assertEqual(result["classes"]["person"], {"ap50": 1.0, "ap": 1.0, "objects": 2})
        self.assertEqual(result["classes"]["car"]["objects"], 1)


if __name__ == "__main__":
    unittest.main()
