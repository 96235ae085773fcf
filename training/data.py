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
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
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
PIXELS = "pixels"  # the one field that is large
AHEAD = 256  # pictures decoded at a time
LONGEST_SIDE = 448  # pixels; larger pictures are shrunk to it


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

    def save(self, folder: Path, but: str = "") -> None:
        """Write the set, all fields or all but one."""
        folder.mkdir(parents=True, exist_ok=True)
        for key, value in vars(self).items():
            if isinstance(value, Tensor) and key != but:
                np.save(folder / f"{key}.npy", value.numpy())
        text = {"names": self.names, "sources": self.sources}
        (folder / "index.json").write_text(json.dumps(text), encoding="utf-8")

    @property
    def device(self) -> torch.device:
        return self.pixels.device

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


def repeats(store: Store, share: float) -> Tensor:
    """How often an epoch wants each picture, float32 [N], at least once.

    Repeat-factor sampling (Gupta et al., LVIS, CVPR 2019): a class in a smaller share of the pictures
    than `share` brings its pictures root(share / its own) times.
    """
    classes = store.classes.masked_fill(store.ignored, -1).cpu()
    has = torch.stack([(classes == c).any(1) for c in range(store.labelled.shape[1])], 1)
    own = has.float().mean(0).clamp_min(1e-9)
    return torch.where(has, (share / own).sqrt(), 0.0).amax(1).clamp_min(1.0)


def pack(
    pictures: Iterable[np.ndarray],
    records: Sequence[dict[str, Any]],
    classes: Sequence[str],
    pixels: np.ndarray | None = None,
) -> Store:
    """Pack BGR pictures with their records: name, source, size, boxes, classes, ignored, labelled.

    `pixels` [P,3], if given, receives the pixels; a mapped file takes sets larger than memory.
    """
    most = max((len(r["classes"]) for r in records), default=0)
    size = torch.tensor([r["size"] for r in records]).view(-1, 2)
    end = size.prod(1).cumsum(0)
    if pixels is None:
        pixels = np.empty((int(end[-1]), 3), np.uint8)
    store = Store(
        pixels=torch.from_numpy(pixels),
        start=end - size.prod(1),
        size=size,
        boxes=torch.zeros(len(records), most, 4),
        classes=torch.full((len(records), most), -1),
        ignored=torch.zeros(len(records), most, dtype=torch.bool),
        labelled=torch.tensor([[c in r["labelled"] for c in classes] for r in records]),
        names=[r["name"] for r in records],
        sources=[r["source"] for r in records],
    )
    for i, (picture, record) in enumerate(zip(pictures, records)):
        store.picture(i)[:] = picture
        n = len(record["classes"])
        if n:
            store.boxes[i, :n] = torch.tensor(record["boxes"], dtype=torch.float32)
            store.classes[i, :n] = torch.tensor(record["classes"])
            store.ignored[i, :n] = torch.tensor(record["ignored"])
    return store


def read_coco(
    annotations: Path,
    classes: Sequence[str] = CLASSES,
    exclude: Sequence[str] = (),
    longest: int = LONGEST_SIDE,
) -> list[dict[str, Any]]:
    """The records of a COCO file, their sizes and boxes shrunk so that no side is above `longest`.

    Sources in `exclude` are left out.
    """
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
        width, height = image["width"], image["height"]
        shrink = min(1.0, longest / max(width, height))
        size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        x, y = size[0] / width, size[1] / height
        records.append(
            {
                "name": image["file_name"],
                "source": source,
                "size": size,
                "boxes": [
                    [left * x, top * y, (left + w) * x, (top + h) * y]
                    for left, top, w, h in (a["bbox"] for a in found)
                ],
                "classes": [classes.index(name_of[a["category_id"]]) for a in found],
                "ignored": [bool(a.get("iscrowd", 0)) for a in found],
                "labelled": {name_of[i] for i in image.get("labelled", name_of)},
            }
        )
    return records


def read_picture(path: Path, size: tuple[int, int]) -> np.ndarray:
    """Decode a picture to BGR and shrink it to the size, width and height."""
    import cv2

    picture = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if picture is None:
        raise SystemExit(f"{path}: cannot be decoded")
    if picture.shape[1::-1] != size:
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(picture)


def read_pictures(folder: Path, records: Sequence[dict[str, Any]]) -> Iterator[np.ndarray]:
    """Decode the pictures of the records in order, on every core."""
    with ThreadPoolExecutor() as pool:
        for first in range(0, len(records), AHEAD):  # never more than so many in memory
            part = records[first : first + AHEAD]
            yield from pool.map(lambda r: read_picture(folder / r["name"], r["size"]), part)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="COCO annotations, JSON")
    parser.add_argument("--images", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--split", required=True, help="name of the result: train, val")
    parser.add_argument("--exclude", nargs="*", default=[], help="sources to leave out")
    parser.add_argument("--longest", type=int, default=LONGEST_SIDE, help="side in pixels, at most")
    args = parser.parse_args()

    records = read_coco(args.data, exclude=args.exclude, longest=args.longest)
    folder = paths.cache() / args.split
    folder.mkdir(parents=True, exist_ok=True)
    total = sum(r["size"][0] * r["size"][1] for r in records)
    pixels = np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
        folder / f"{PIXELS}.partial", "w+", dtype=np.uint8, shape=(total, 3)
    )
    store = pack(read_pictures(args.images, records), records, CLASSES, pixels)
    pixels.flush()
    store.save(folder, but=PIXELS)
    (folder / f"{PIXELS}.partial").replace(folder / f"{PIXELS}.npy")
    objects = int(((store.classes >= 0) & ~store.ignored).sum())
    print(f"{args.split}: {len(store)} pictures, {objects} objects, {3 * total >> 20} MiB")


if __name__ == "__main__":
    main()
