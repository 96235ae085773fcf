"""Decode an annotated set once, into the packed form that training reads.

    python3 -m training.data --data annotations_train.json --images images --split train

The annotations are COCO's JSON. Two keys of ours are optional: an image's `labelled` lists the
category ids that its source annotates in full (absent: all), and its `source` names where it is
from. Only the chosen categories are kept, so COCO itself can be read; a kept category whose objects
another source left out is told by `labelled`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training import paths

CLASSES = (
    "person", "bicycle", "car", "motorcycle", "bus", "truck", "train",
    "boat", "bird", "cat", "dog", "horse", "sheep", "cow",
)  # fmt: skip
LONGEST_SIDE = 448  # pixels; larger pictures are shrunk, since training crops at most 416


@dataclass
class Store:
    """A set of N pictures, packed row after row, with at most M boxes each.

    Pixels are BGR. Boxes are x1,y1,x2,y2 in pixels of their picture. A class of -1 is padding. An
    ignored box (a crowd, an unclear object) is neither an object nor background.
    """

    pixels: Tensor  # uint8 [P,3]
    start: Tensor  # int64 [N]: the first pixel of a picture
    size: Tensor  # int64 [N,2]: width, height
    boxes: Tensor  # float32 [N,M,4]
    classes: Tensor  # int64 [N,M]
    ignored: Tensor  # bool [N,M]
    labelled: Tensor  # bool [N,C]: which classes are annotated in full
    names: list[str]  # file names
    sources: list[str]

    def __len__(self) -> int:
        return len(self.start)

    def picture(self, index: int) -> np.ndarray:
        """One picture, uint8 [height,width,3], not copied."""
        start, (width, height) = int(self.start[index]), self.size[index].tolist()
        return np.asarray(self.pixels[start : start + width * height].view(height, width, 3))

    def to(self, device: torch.device) -> Store:
        """The same set in another memory; a GPU holds all of it."""
        moved = {k: v.to(device) for k, v in vars(self).items() if isinstance(v, Tensor)}
        return replace(self, **moved)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for key, value in vars(self).items():
            if isinstance(value, Tensor):
                np.save(folder / f"{key}.npy", value.numpy())
        text = {"names": self.names, "sources": self.sources}
        (folder / "index.json").write_text(json.dumps(text), encoding="utf-8")

    @staticmethod
    def load(folder: Path) -> Store:
        """Read a set; the pixels stay on disk and come into memory as they are used."""
        if not (folder / "index.json").exists():
            raise SystemExit(f"{folder}: no packed data; make it with python3 -m training.data")
        text = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        keys = [k for k, t in Store.__annotations__.items() if t == "Tensor"]
        # "c": copy on write, because torch knows no read-only memory
        arrays = {k: torch.from_numpy(np.load(folder / f"{k}.npy", mmap_mode="c")) for k in keys}
        return Store(**arrays, **text)


def pack(
    pictures: Iterable[np.ndarray], records: Sequence[dict[str, Any]], classes: Sequence[str]
) -> Store:
    """Pack BGR pictures with their records: boxes, classes, ignored, labelled, name, source."""
    most = max((len(r["classes"]) for r in records), default=0)
    count = len(records)
    boxes = torch.zeros(count, most, 4)
    labels = torch.full((count, most), -1)
    ignored = torch.zeros(count, most, dtype=torch.bool)
    rows, starts, sizes, position = [], [], [], 0
    for i, (picture, record) in enumerate(zip(pictures, records)):
        height, width = picture.shape[:2]
        rows.append(picture.reshape(-1, 3))
        starts.append(position)
        sizes.append((width, height))
        position += width * height
        n = len(record["classes"])
        if n:
            boxes[i, :n] = torch.tensor(record["boxes"], dtype=torch.float32)
            labels[i, :n] = torch.tensor(record["classes"])
            ignored[i, :n] = torch.tensor(record["ignored"])
    return Store(
        pixels=torch.from_numpy(np.concatenate(rows)),
        start=torch.tensor(starts),
        size=torch.tensor(sizes),
        boxes=boxes,
        classes=labels,
        ignored=ignored,
        labelled=torch.tensor([[c in r["labelled"] for c in classes] for r in records]),
        names=[r["name"] for r in records],
        sources=[r["source"] for r in records],
    )


def read_coco(
    annotations: Path, classes: Sequence[str] = CLASSES, exclude: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """The records of a COCO file, without the pictures; sources in `exclude` are left out."""
    coco = json.loads(annotations.read_text(encoding="utf-8"))
    name_of = {c["id"]: c["name"] for c in coco["categories"]}
    missing = set(classes) - set(name_of.values())
    if missing:
        raise SystemExit(f"{annotations}: has no category {', '.join(sorted(missing))}")
    objects: dict[int, list[dict[str, Any]]] = {}
    for a in coco["annotations"]:
        if name_of[a["category_id"]] in classes:
            objects.setdefault(a["image_id"], []).append(a)
    records = []
    for image in coco["images"]:
        source = image.get("source", annotations.stem)
        if source in exclude:
            continue
        found = objects.get(image["id"], [])
        records.append(
            {
                "name": image["file_name"],
                "source": source,
                "width": image["width"],
                "boxes": [[x, y, x + w, y + h] for x, y, w, h in (a["bbox"] for a in found)],
                "classes": [classes.index(name_of[a["category_id"]]) for a in found],
                "ignored": [bool(a.get("iscrowd", 0)) for a in found],
                "labelled": {name_of[i] for i in image.get("labelled", name_of)},
            }
        )
    return records


def read_picture(path: Path, record: dict[str, Any]) -> np.ndarray:
    """Decode a picture, shrink it to LONGEST_SIDE, and scale the record's boxes with it."""
    import cv2

    picture = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if picture is None:
        raise SystemExit(f"{path}: cannot be decoded")
    height, width = picture.shape[:2]
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    ratio = picture.shape[1] / record["width"]
    record["boxes"] = [[v * ratio for v in box] for box in record["boxes"]]
    return np.asarray(picture)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="COCO annotations, JSON")
    parser.add_argument("--images", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--split", required=True, help="name of the result: train, val")
    parser.add_argument("--exclude", nargs="*", default=[], help="sources to leave out")
    args = parser.parse_args()

    records = read_coco(args.data, exclude=args.exclude)
    store = pack((read_picture(args.images / r["name"], r) for r in records), records, CLASSES)
    store.save(paths.cache() / args.split)
    objects = int(((store.classes >= 0) & ~store.ignored).sum())
    print(
        f"{args.split}: {len(store)} pictures, {objects} objects, {store.pixels.numel() >> 20} MiB"
    )


if __name__ == "__main__":
    main()
