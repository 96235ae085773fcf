"""Average precision of a checkpoint or an ONNX model on a packed set.

    python3 -m training.evaluate mobilenetv2 --size 320

COCO's measure (Lin et al., ECCV 2014): greedy matching by score, precision at 101 recalls, 100
boxes a picture, crowds ignored. A class is judged only in the pictures whose source annotates it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import batched_nms

from training import paths
from training.augment import letterbox_views, render
from training.data import CLASSES, Store

THRESHOLDS = np.arange(0.5, 1.0, 0.05)
RECALLS = np.linspace(0, 1, 101)
MOST = 100  # detections a picture
LEAST_SCORE = 0.01
NMS_IOU = 0.6

Network = Callable[[Tensor], tuple[Tensor, Tensor]]  # [N,3,H,W], 0..255 -> boxes, scores


@dataclass
class Found:
    """The detections or the truth of one picture."""

    boxes: np.ndarray  # [K,4]: x1,y1,x2,y2
    classes: np.ndarray  # [K]
    scores: np.ndarray  # [K]; unused in truth
    ignored: np.ndarray  # bool [K]; unused in detections


def average_precision(
    detections: Sequence[Found], truth: Sequence[Found], labelled: np.ndarray
) -> np.ndarray:
    """AP by class and threshold, [C,10]; NaN for a class without objects.

    `labelled`, bool [N,C], says which classes each picture is judged for.
    """
    classes = labelled.shape[1]
    result = np.full((classes, len(THRESHOLDS)), np.nan)
    for c in range(classes):
        scores, hits, skips, objects = [], [], [], 0
        for i in np.flatnonzero(labelled[:, c]).tolist():
            mine, real = pick(detections[i], c), pick(truth[i], c)
            hit, skip = match(mine, real)
            scores.append(mine.scores)
            hits.append(hit)
            skips.append(skip)
            objects += int((~real.ignored).sum())
        if objects:
            order = np.argsort(-np.concatenate(scores), kind="stable")
            hit, skip = np.concatenate(hits, 1)[:, order], np.concatenate(skips, 1)[:, order]
            for t in range(len(THRESHOLDS)):
                result[c, t] = area(hit[t][~skip[t]], objects)
    return result


def best_score(detections: Sequence[Found], truth: Sequence[Found], labelled: np.ndarray) -> float:
    """The least score of a detection with which F1 at IoU 0.5 is best, over all classes together."""
    scores, hits, objects = [], [], 0
    for i, c in zip(*np.nonzero(labelled)):
        mine, real = pick(detections[i], c), pick(truth[i], c)
        hit, skip = match(mine, real)
        scores.append(mine.scores[~skip[0]])
        hits.append(hit[0][~skip[0]])
        objects += int((~real.ignored).sum())
    every, hit = np.concatenate(scores), np.concatenate(hits)
    if not len(every):
        return LEAST_SCORE
    order = np.argsort(-every, kind="stable")
    right = hit[order].cumsum()
    f1 = 2 * right / (np.arange(1, len(right) + 1) + objects)
    return float(every[order][f1.argmax()])


def pick(found: Found, label: int) -> Found:
    """One class of a picture, best scores first."""
    where = np.flatnonzero(found.classes == label)
    where = where[np.argsort(-found.scores[where], kind="stable")]
    return Found(*(v[where] for v in vars(found).values()))


def match(found: Found, real: Found) -> tuple[np.ndarray, np.ndarray]:
    """Which detections hit an object and which to skip, bool [10,K] each, by threshold.

    An object is hit once; an ignored one swallows any number, and only what hits no other.
    """
    count, shape = len(found.boxes), (len(THRESHOLDS), len(found.boxes))
    hit, skip = np.zeros(shape, bool), np.zeros(shape, bool)
    if not count or not len(real.boxes):
        return hit, skip
    overlap = overlaps(found.boxes, real.boxes, real.ignored)
    for t, threshold in enumerate(THRESHOLDS):
        free = ~real.ignored
        for k in range(count):
            best = np.where(free, overlap[k], 0.0)
            j = int(best.argmax())
            if best[j] >= threshold:
                hit[t, k], free[j] = True, False
            else:
                skip[t, k] = bool((overlap[k][real.ignored] >= threshold).any())
    return hit, skip


def overlaps(a: np.ndarray, b: np.ndarray, ignored: np.ndarray) -> np.ndarray:
    """IoU [K,J]; with an ignored box the share of the detection that lies in it."""
    side = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    shared = side.clip(0).prod(-1)
    area_a, area_b = ((x[:, 2:] - x[:, :2]).prod(-1) for x in (a, b))
    union = np.where(ignored, area_a[:, None], area_a[:, None] + area_b - shared)
    return np.asarray(shared / np.maximum(union, 1e-9))


def area(hit: np.ndarray, objects: int) -> float:
    """Area under the precision-recall curve of detections sorted by score."""
    if not len(hit):
        return 0.0
    right = hit.cumsum()
    precision = right / np.arange(1, len(hit) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(right / objects, RECALLS, side="left")
    return float(np.append(envelope, 0.0)[at].mean())


@torch.no_grad()
def detect(network: Network, store: Store, size: int, batch: int = 16) -> Iterator[Found]:
    """Run a network over the set; boxes are in letterbox pixels."""
    for pictures in torch.arange(len(store), device=store.device).split(batch):
        boxes, scores = network(render(store, letterbox_views(store, pictures, size)))
        for b, s in zip(boxes.float().cpu(), scores.float().cpu()):
            yield suppress(b, s)


def suppress(boxes: Tensor, scores: Tensor) -> Found:
    """Non-maximum suppression, class by class, of boxes [A,4] with scores [A,C]."""
    cell, label = (scores > LEAST_SCORE).nonzero(as_tuple=True)
    score, box = scores[cell, label], boxes[cell]
    keep = batched_nms(box, score, label, NMS_IOU)[:MOST]
    found = (box[keep].numpy(), label[keep].numpy(), score[keep].numpy())
    return Found(*found, np.zeros(len(keep), bool))


def truth_of(store: Store, size: int) -> list[Found]:
    """The objects of the set in letterbox pixels."""
    views = letterbox_views(store, torch.arange(len(store), device=store.device), size)
    scale, shift = (x[:, :1].repeat(1, 1, 2) for x in (views.scale, views.shift))
    boxes = store.boxes * scale + shift
    result = []
    for box, label, ignored in zip(boxes, store.classes, store.ignored):
        here = label >= 0
        box, label, ignored = (x[here].cpu().numpy() for x in (box, label, ignored))
        result.append(Found(box, label, np.ones(len(box)), ignored))
    return result


def score(network: Network, store: Store, size: int) -> dict[str, Any]:
    """AP50, AP, the score to tell objects by, and the classes' AP50 with their counts of objects."""
    truth, found = truth_of(store, size), list(detect(network, store, size))
    labelled = store.labelled.cpu().numpy()
    precision = average_precision(found, truth, labelled)
    objects = np.zeros(len(CLASSES), int)
    for i, real in enumerate(truth):
        mine = real.classes[~real.ignored]
        np.add.at(objects, mine[labelled[i][mine]], 1)
    return {
        "ap50": float(np.nanmean(precision[:, 0])),
        "ap": float(np.nanmean(precision)),
        "conf": best_score(found, truth, labelled),
        "classes": {
            name: {"ap50": float(p[0]), "ap": float(p.mean()), "objects": int(n)}
            for name, p, n in zip(CLASSES, precision, objects)
        },
    }


def of_detector(model: torch.nn.Module) -> Network:
    device = next(model.parameters()).device

    def run(pictures: Tensor) -> tuple[Tensor, Tensor]:
        predictions = model(pictures.to(device))
        return predictions.boxes, predictions.logits.sigmoid()

    return run


def session_of(path: Path, threads: int) -> Any:
    """A session of ONNX Runtime on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def of_onnx(path: Path, threads: int) -> Network:
    """A model in the project's own contract, run by ONNX Runtime."""
    session = session_of(path, threads)

    def run(pictures: Tensor) -> tuple[Tensor, Tensor]:
        images = pictures.round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
        boxes, scores = session.run(["boxes", "scores"], {"images": images})
        return torch.from_numpy(boxes), torch.from_numpy(scores)

    return run


def table(result: dict[str, Any]) -> str:
    """The result for people to read, in percent."""
    rows = [f"{'class':<12} {'objects':>7} {'AP50':>6} {'AP':>6}"]
    for name, value in result["classes"].items():
        numbers = f"{100 * value['ap50']:6.1f} {100 * value['ap']:6.1f}"
        rows.append(f"{name:<12} {value['objects']:7d} {numbers}")
    rows.append(f"{'mean':<20} {100 * result['ap50']:6.1f} {100 * result['ap']:6.1f}")
    return "\n".join(rows)


def main() -> None:
    from training.checkpoint import load_detector

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="an .onnx file, a checkpoint, or the name of a run")
    parser.add_argument("--split", default="val")
    parser.add_argument("--size", type=int, default=320, help="pixels a side, a multiple of 32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    store = Store.load(paths.cache() / args.split)
    if args.model.endswith(".onnx"):
        network = of_onnx(Path(args.model), args.threads)
    else:
        network = of_detector(load_detector(args.model))
    result = score(network, store, args.size)
    print(json.dumps(result, indent=2) if args.json else table(result))


if __name__ == "__main__":
    main()
