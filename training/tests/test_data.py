from __future__ import annotations

import json
import tempfile
import unittest
from pathlib import Path
from typing import Any

import numpy as np

from training.data import CLASSES, Store, pack, read_coco, repeats
from training.tests.fixtures import gradient, record

COCO = {
    "categories": [
        {"id": 7, "name": "cat"},
        {"id": 9, "name": "dog"},
        {"id": 11, "name": "toaster"},
    ],
    "images": [
        {"id": 1, "file_name": "a.jpg", "width": 40, "height": 20, "source": "s", "labelled": [9]},
        {"id": 2, "file_name": "b.jpg", "width": 40, "height": 20, "source": "secret"},
        {"id": 3, "file_name": "c.jpg", "width": 40, "height": 20},
    ],
    "annotations": [
        {"image_id": 1, "category_id": 9, "bbox": [1, 2, 10, 5], "iscrowd": 1},
        {"image_id": 1, "category_id": 11, "bbox": [1, 2, 3, 4], "iscrowd": 0},
        {"image_id": 3, "category_id": 7, "bbox": [0, 0, 4, 4]},
    ],
}


class ReadCoco(unittest.TestCase):
    def read(self, **options: Any) -> list[dict[str, Any]]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "coco.json"
            path.write_text(json.dumps(COCO), encoding="utf-8")
            return read_coco(path, **options)

    def test_keeps_chosen_classes_and_what_is_labelled(self) -> None:
        one, two, three = self.read(classes=("dog", "cat"))
        self.assertEqual(one["boxes"], [[1, 2, 11, 7]])
        self.assertEqual((one["classes"], one["ignored"]), ([0], [True]))
        self.assertEqual(one["labelled"], {"dog"})
        self.assertEqual(two["classes"], [])
        self.assertEqual(three["labelled"], {"cat", "dog", "toaster"})

    def test_leaves_excluded_sources_out(self) -> None:
        names = [r["name"] for r in self.read(classes=("dog",), exclude=["secret"])]
        self.assertEqual(names, ["a.jpg", "c.jpg"])

    def test_refuses_a_set_without_a_class(self) -> None:
        with self.assertRaisesRegex(SystemExit, "no category unicorn"):
            self.read(classes=("dog", "unicorn"))

    def test_shrinks_to_the_longest_side(self) -> None:
        first = self.read(classes=("dog",), longest=20)[0]
        self.assertEqual(first["size"], (20, 10))
        self.assertEqual(first["boxes"], [[0.5, 1, 5.5, 3.5]])


class Packed(unittest.TestCase):
    def test_survives_the_disk(self) -> None:
        pictures = [gradient(30, 20), gradient(10, 40)]
        records = [
            record([[1, 2, 3, 4], [5, 6, 9, 9]], [0, 1], [False, True], size=(30, 20)),
            record(size=(10, 40)),
        ]
        with tempfile.TemporaryDirectory() as folder:
            pack(pictures, records, ("person", "car")).save(Path(folder))
            store = Store.load(Path(folder))
            for i, picture in enumerate(pictures):
                np.testing.assert_array_equal(store.picture(i), picture)
            self.assertEqual(store.classes.tolist(), [[0, 1], [-1, -1]])
            self.assertEqual(store.ignored.tolist(), [[False, True], [False, False]])
            self.assertEqual(store.size.tolist(), [[30, 20], [10, 40]])


class Repeats(unittest.TestCase):
    def store(self) -> Store:
        """Sixteen pictures: persons in all but one, dogs in four, a cat in one, crowded cats in two."""
        person, cat, dog = (CLASSES.index(name) for name in ("person", "cat", "dog"))
        held = [[person]] * 9 + [[person, dog]] * 4 + [[person, cat]] * 2 + [[cat]]
        crowds = [False] * 14 + [True, True]  # the second and the third cat
        records = [
            record([[1, 1, 9, 9]] * len(labels), labels, [crowd and c == cat for c in labels])
            for labels, crowd in zip(held, crowds)
        ]
        return pack([gradient(64, 64)] * len(records), records, CLASSES)

    def test_a_rare_class_brings_its_pictures_oftener(self) -> None:
        wanted = [1.0] * 9 + [2**0.5] * 4 + [8**0.5] + [1.0] * 2  # dogs in 1/4, the cat in 1/16
        np.testing.assert_allclose(repeats(self.store(), 0.5).numpy(), wanted, rtol=1e-6)

    def test_without_a_share_every_picture_comes_once(self) -> None:
        self.assertEqual(repeats(self.store(), 0.0).tolist(), [1.0] * 16)


if __name__ == "__main__":
    unittest.main()
