from __future__ import annotations

import unittest

import torch

from training.augment import Targets
from training.detector import Predictions, centres
from training.loss import assign, contains, generalised_iou, iou, judged, loss

CLASSES = 3


def predictions(boxes: torch.Tensor | None = None, logit: float = -4.0) -> Predictions:
    """8 by 8 cells of 8 pixels, each with a box of 16 pixels around it."""
    points = centres(torch.zeros(1, 1, 8, 8), 8)
    if boxes is None:
        boxes = torch.cat([points - 8, points + 8], -1)[None]
    logits = torch.full((1, 64, CLASSES), logit)
    return Predictions(logits, boxes, points, torch.full((64,), 8.0), [])


def targets(
    boxes: list[list[float]], classes: list[int], ignored: list[bool], labelled: list[bool]
) -> Targets:
    return Targets(
        torch.tensor([boxes]),
        torch.tensor([classes]),
        torch.tensor([ignored]),
        torch.tensor([[labelled] * 4]),
        torch.zeros(1, 2),
    )


ALL = [True] * CLASSES


class Overlap(unittest.TestCase):
    def test_values(self) -> None:
        a = torch.tensor([[0.0, 0, 10, 10]] * 3)
        b = torch.tensor([[0.0, 0, 10, 10], [5, 0, 15, 10], [20, 0, 30, 10]])
        torch.testing.assert_close(iou(a, b), torch.tensor([1.0, 1 / 3, 0.0]))
        torch.testing.assert_close(generalised_iou(a, b), torch.tensor([1.0, 1 / 3, -1 / 3]))

    def test_reach_widens_small_boxes_only(self) -> None:
        boxes = torch.tensor([[[4.0, 4, 6, 6], [0, 0, 40, 40]]])
        points = torch.tensor([[10.0, 5.0], [41.0, 5.0]])
        self.assertEqual(contains(boxes, points).tolist(), [[[False, False], [True, False]]])
        reach = contains(boxes, points, torch.tensor([8.0, 8.0]))
        self.assertEqual(reach.tolist(), [[[True, False], [True, False]]])


class Assign(unittest.TestCase):
    def test_cells_in_the_object_answer_for_it(self) -> None:
        real = targets([[16, 16, 32, 32], [0, 0, 0, 0]], [1, -1], [False, False], ALL)
        goal = assign(predictions(), real)
        cells = goal.positive[0].view(8, 8).nonzero()
        self.assertTrue(((cells >= 2) & (cells < 4)).all())
        self.assertEqual(goal.boxes[0][goal.positive[0]][0].tolist(), [16, 16, 32, 32])
        self.assertEqual(goal.scores[0].nonzero()[:, 1].unique().tolist(), [1])
        # The best cell aims at its own overlap.
        best = iou(predictions().boxes[0], torch.tensor([16.0, 16, 32, 32])).max()
        torch.testing.assert_close(goal.scores.max(), best)

    def test_an_object_smaller_than_a_cell_is_not_lost(self) -> None:
        real = targets([[30, 30, 33, 33]], [0], [False], ALL)
        self.assertGreaterEqual(int(assign(predictions(), real).positive.sum()), 1)

    def test_a_cell_in_two_objects_takes_the_closer_one(self) -> None:
        real = targets([[16, 16, 32, 32], [0, 0, 64, 64]], [0, 2], [False, False], ALL)
        goal = assign(predictions(), real)
        cell = 2 * 8 + 2
        self.assertEqual(goal.boxes[0, cell].tolist(), [16, 16, 32, 32])
        self.assertGreater(float(goal.scores[0, cell, 0]), 0)
        self.assertEqual(float(goal.scores[0, cell, 2]), 0)

    def test_ignored_objects_and_empty_pictures_have_no_cells(self) -> None:
        real = targets([[16, 16, 32, 32], [0, 0, 0, 0]], [1, -1], [True, False], ALL)
        self.assertFalse(assign(predictions(), real).positive.any())


class Judged(unittest.TestCase):
    def test_unlabelled_classes_do_not_count(self) -> None:
        real = targets([[0, 0, 0, 0]], [-1], [False], [True, False, True])
        self.assertEqual(judged(predictions(), real)[0, 0].tolist(), [True, False, True])

    def test_ignored_boxes_hide_their_class_only(self) -> None:
        real = targets([[0, 0, 16, 16]], [1], [True], ALL)
        counted = judged(predictions(), real)[0].view(8, 8, CLASSES)
        self.assertEqual(counted[0, 0].tolist(), [True, False, True])
        self.assertEqual(counted[4, 4].tolist(), ALL)

    def test_tiles_keep_their_own_labels(self) -> None:
        real = targets([[0, 0, 0, 0]], [-1], [False], ALL)
        real.centre[:] = 32
        real.labelled[0, 1] = torch.tensor([False, False, True])  # top right
        counted = judged(predictions(), real)[0].view(8, 8, CLASSES)
        self.assertEqual(counted[0, 7].tolist(), [False, False, True])
        for row, column in ((0, 0), (7, 0), (7, 7)):
            self.assertEqual(counted[row, column].tolist(), ALL)


class Losses(unittest.TestCase):
    def test_perfect_predictions_cost_less(self) -> None:
        real = targets([[16, 16, 32, 32]], [1], [False], ALL)
        worse = loss(predictions(), real)
        exact = torch.tensor([16.0, 16, 32, 32]).expand(1, 64, 4)
        seen = predictions(exact)
        seen.logits[0, assign(seen, real).positive[0], 1] = 6
        better = loss(seen, real)
        self.assertLess(float(better.box), 1e-6)
        self.assertLess(float(better.score), float(worse.score))

    def test_an_object_counts_where_its_class_is_not_labelled(self) -> None:
        real = targets([[16, 16, 32, 32]], [1], [False], [False, False, False])
        seen = predictions(logit=0.0)
        seen.logits.requires_grad_()
        loss(seen, real).score.backward()
        assert seen.logits.grad is not None
        touched = seen.logits.grad[0].abs().sum(0)
        self.assertGreater(float(touched[1]), 0)
        self.assertEqual(touched[[0, 2]].tolist(), [0, 0])

    def test_a_batch_without_objects_has_a_finite_cost(self) -> None:
        real = targets([[0, 0, 0, 0]], [-1], [False], ALL)
        cost = loss(predictions(), real)
        self.assertEqual(float(cost.box), 0)
        self.assertTrue(bool(torch.isfinite(cost.total)))


if __name__ == "__main__":
    unittest.main()
