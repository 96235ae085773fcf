from __future__ import annotations

import unittest

import torch
from torch import Tensor

from training import augment
from training.augment import Options, Targets, Views
from training.data import Store, pack
from training.tests.fixtures import gradient, record

CLASSES = ("person", "car")


def store() -> Store:
    pictures = [gradient(80, 60), gradient(50, 90), gradient(64, 64)]
    records = [
        record([[10, 10, 30, 40], [50, 20, 70, 30]], [0, 1], size=(80, 60)),
        record([[5, 50, 45, 85]], [1], labelled=("car",), size=(50, 90)),
        record([[20, 20, 40, 40]], [0], ignored=[True]),
    ]
    return pack(pictures, records, CLASSES)


def alone(picture: int, scale: tuple[float, float], shift: tuple[float, float]) -> Views:
    """One picture over the whole of a 64-pixel view."""
    return Views(
        torch.full((1, 4), picture),
        torch.tensor(scale).expand(1, 4, 2),
        torch.tensor(shift).expand(1, 4, 2),
        torch.zeros(1, 2),
        64,
    )


class Letterbox(unittest.TestCase):
    def test_centres_the_whole_picture(self) -> None:
        views = augment.letterbox_views(store(), torch.tensor([0, 1]), 96)
        torch.testing.assert_close(
            views.scale[:, 0], torch.tensor([[1.2, 1.2], [53 / 50, 96 / 90]])
        )
        torch.testing.assert_close(views.shift[:, 0], torch.tensor([[0.0, 12.0], [21.0, 0.0]]))

    def test_pads_with_grey(self) -> None:
        s = store()
        view = augment.render(s, augment.letterbox_views(s, torch.tensor([0]), 96))
        self.assertTrue((view[0, :, :12] == augment.PADDING).all())
        self.assertTrue((view[0, :, 84:] == augment.PADDING).all())
        self.assertFalse((view[0, :, 12:84] == augment.PADDING).all(0).any())


class Render(unittest.TestCase):
    def test_identity_copies_the_pixels(self) -> None:
        s = store()
        for render in (augment.render_each, augment.render_batch):
            with self.subTest(render=render.__name__):
                view = render(s, alone(2, (1.0, 1.0), (0.0, 0.0)))
                want = torch.from_numpy(s.picture(2).copy()).permute(2, 0, 1)[None].float()
                torch.testing.assert_close(view, want)

    def test_mirror_reverses_the_columns(self) -> None:
        s = store()
        for render in (augment.render_each, augment.render_batch):
            with self.subTest(render=render.__name__):
                view = render(s, alone(2, (-1.0, 1.0), (64.0, 0.0)))
                want = torch.from_numpy(s.picture(2).copy()).permute(2, 0, 1)[None].float()
                torch.testing.assert_close(view, want.flip(-1))

    def test_both_renderers_agree_on_random_views(self) -> None:
        s, rng = store(), torch.Generator().manual_seed(3)
        first = torch.arange(3).repeat(4)
        views = augment.random_views(s, first, 96, Options(mosaic=0.5), rng)
        each, batch = augment.render_each(s, views), augment.render_batch(s, views)
        difference = (each - batch).abs().numpy()
        # OpenCV rounds positions to 1/32 pixel and values to integers.
        self.assertLess(difference.max(), 2.0)


class Mix(unittest.TestCase):
    def mixed(self, chance: float) -> tuple[Tensor, Targets, Tensor, Targets]:
        s = store()
        views = augment.letterbox_views(s, torch.tensor([0, 1, 2]), 96)
        picture, goal = augment.render(s, views), augment.targets(s, views)
        rng = torch.Generator().manual_seed(5)
        return (picture, goal, *augment.mix(picture, goal, Options(mixup=chance), rng))

    def test_a_chance_of_none_changes_nothing(self) -> None:
        picture, goal, mixed, joined = self.mixed(0.0)
        self.assertIs(mixed, picture)
        self.assertIs(joined, goal)

    def test_the_objects_of_both_are_wanted(self) -> None:
        picture, goal, mixed, joined = self.mixed(1.0)
        own = goal.boxes.shape[1]
        found = 0
        for b in range(len(mixed)):
            halves = [o for o in range(3) if torch.equal(mixed[b], (picture[b] + picture[o]) / 2)]
            self.assertEqual(len(halves), 1)
            other = halves[0]
            want = goal.classes[other] if other != b else torch.full_like(goal.classes[b], -1)
            torch.testing.assert_close(joined.classes[b], torch.cat([goal.classes[b], want]))
            torch.testing.assert_close(joined.boxes[b, own:], goal.boxes[other])
            both = goal.labelled[b] & goal.labelled[other]
            torch.testing.assert_close(joined.labelled[b], both)
            found += other != b
        self.assertGreater(found, 0)

    def test_a_mosaic_is_nobodys_partner(self) -> None:
        s = store()
        rng = torch.Generator().manual_seed(3)
        views = augment.random_views(s, torch.arange(3), 96, Options(mosaic=1.0), rng)
        picture, goal = augment.render(s, views), augment.targets(s, views)
        mixed, joined = augment.mix(picture, goal, Options(mixup=1.0), rng)
        self.assertIs(mixed, picture)
        self.assertIs(joined, goal)


class RandomViews(unittest.TestCase):
    def test_the_same_seed_gives_the_same_views(self) -> None:
        s, first = store(), torch.arange(3)
        one, two = (
            augment.random_views(s, first, 64, Options(), torch.Generator().manual_seed(7))
            for _ in range(2)
        )
        self.assertTrue(torch.equal(one.scale, two.scale) and torch.equal(one.shift, two.shift))

    def test_the_picture_asked_for_is_shown(self) -> None:
        s, rng = store(), torch.Generator().manual_seed(1)
        first = torch.arange(3).repeat(20)
        views = augment.random_views(s, first, 64, Options(mosaic=0.5), rng)
        self.assertTrue((views.picture == first[:, None]).any(1).all())
        single = (views.centre == 0).all(1)
        self.assertTrue(single.any() and not single.all())
        self.assertTrue(torch.equal(views.picture[single, 3], first[single]))


class TargetsOfViews(unittest.TestCase):
    def test_boxes_follow_scale_shift_and_mirror(self) -> None:
        real = augment.targets(store(), alone(0, (-0.5, 0.5), (50.0, 4.0)))
        want = [[35.0, 9.0, 45.0, 24.0], [15.0, 14.0, 25.0, 19.0]]
        torch.testing.assert_close(real.boxes[0], torch.tensor(want))
        self.assertEqual(real.classes.tolist(), [[0, 1]])
        self.assertEqual(real.ignored.tolist(), [[False, False]])

    def test_cut_and_tiny_objects_are_ignored_and_lost_ones_absent(self) -> None:
        # The first object keeps a quarter of its width, the second lies outside.
        real = augment.targets(store(), alone(0, (1.0, 1.0), (-25.0, -60.0)))
        self.assertEqual(int((real.classes >= 0).sum()), 0)
        real = augment.targets(store(), alone(0, (-1.0, 1.0), (15.0, 0.0)))
        self.assertEqual((real.classes.tolist(), real.ignored.tolist()), ([[0]], [[True]]))
        real = augment.targets(store(), alone(0, (0.1, 0.1), (0.0, 0.0)))
        self.assertEqual(real.ignored.tolist(), [[True, True]])

    def test_a_mosaic_keeps_each_tile_s_labels(self) -> None:
        views = Views(
            torch.tensor([[0, 1, 2, 0]]),
            torch.full((1, 4, 2), 0.4),
            torch.tensor([[[0.0, 0.0], [32, 0], [0, 32], [32, 32]]]),
            torch.full((1, 2), 32.0),
            64,
        )
        real = augment.targets(store(), views)
        self.assertEqual(
            real.labelled.tolist(), [[[True, True], [False, True], [True, True], [True, True]]]
        )
        self.assertEqual(real.classes.tolist(), [[0, 1, 1, 0, 0, 1]])
        self.assertEqual(real.ignored.tolist(), [[False, False, False, True, False, False]])
        torch.testing.assert_close(real.boxes[0, 2], torch.tensor([34.0, 20.0, 50.0, 32.0]))


class Recolour(unittest.TestCase):
    def test_without_strength_nothing_changes(self) -> None:
        view = 255 * torch.rand(4, 3, 8, 8)
        still = Options(brightness=0, contrast=1, saturation=1, tint=1, grey=0)
        same = augment.recolour(view, still, torch.Generator().manual_seed(1))
        torch.testing.assert_close(same, view, rtol=1e-4, atol=1e-2)

    def test_grey_makes_channels_equal(self) -> None:
        view = 255 * torch.rand(2, 3, 8, 8)
        grey = Options(brightness=0, contrast=1, tint=1, grey=1)
        made = augment.recolour(view, grey, torch.Generator().manual_seed(1))
        torch.testing.assert_close(made[:, 0], made[:, 2])
        luma = (view * torch.tensor([0.114, 0.587, 0.299]).view(1, 3, 1, 1)).sum(1)
        torch.testing.assert_close(made[:, 1], luma, rtol=1e-3, atol=1e-2)


if __name__ == "__main__":
    unittest.main()
