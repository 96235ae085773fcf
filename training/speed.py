"""Time a detector in PyTorch, as backbench times its ONNX form: copies to the device and back count.

    python3 -m training.speed resnest26 --batch 1 8 --size 416 --precision fp16

The network is the exported one: bytes in, boxes and scores out, norms folded into convolutions,
and, in half precision, predictors and decoding in float32 (see half.py). Pictures and results lie
in page-locked memory of the host.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from training import checkpoint
from training.data import CLASSES
from training.detector import Detector
from training.layers import fuse

PRECISIONS = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
EAGER = "eager"
MODES = (EAGER, "default", "reduce-overhead", "max-autotune")  # of torch.compile, but the first
WARM = 5  # inferences at least, of which the first compiles

Result = dict[str, Any]


class InFloat(nn.Module):
    """A layer that computes in float32, whatever comes in."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer.float()

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.float())


class Served(nn.Module):
    """What is exported, but that it normalises and computes in one precision, as half.py's does."""

    def __init__(self, detector: Detector, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.detector = fuse(detector.eval()).to(dtype)
        if dtype is not torch.float32:
            for head in self.detector.heads:
                head.score, head.box = InFloat(head.score), InFloat(head.box)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        predictions = self.detector(images.permute(0, 3, 1, 2).to(self.dtype))
        return predictions.boxes, predictions.logits.sigmoid()


def load(name: str) -> Detector:
    """A checkpoint's detector, or one of random weights on the backbone of that name."""
    if name.endswith(".pt"):
        return checkpoint.load_detector(name)
    return Detector(name, len(CLASSES))


def prepare(detector: Detector, precision: str, mode: str, device: torch.device) -> nn.Module:
    """The network ready to run, compiled when it first does."""
    torch.backends.cudnn.benchmark = True  # the best that PyTorch can do
    served = Served(detector, PRECISIONS[precision]).eval().to(device)
    served = served.to(memory_format=torch.channels_last)
    if mode == EAGER:
        return served
    if not hasattr(torch, "compile"):
        raise SystemExit(f"torch {torch.__version__} does not compile: use --mode {EAGER}")
    return torch.compile(served, mode=mode, dynamic=False)


def inference(
    network: nn.Module, batch: int, size: int, device: torch.device
) -> Callable[[], None]:
    """One inference of pictures of noise, from the host's memory into the host's memory."""
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (batch, size, size, 3), generator=generator)
    images = pictures.to(torch.uint8)
    if device.type != "cuda":
        return lambda: network(images)
    images = images.pin_memory()
    results = [torch.empty_like(x, device="cpu").pin_memory() for x in network(images.to(device))]

    def infer() -> None:
        for result, x in zip(results, network(images.to(device, non_blocking=True))):
            result.copy_(x, non_blocking=True)
        torch.cuda.synchronize(device)

    return infer


def timed(infer: Callable[[], None], seconds: float) -> list[float]:
    """The milliseconds of each inference, sorted; at least one. Warm-up does not count."""
    start, runs = time.perf_counter(), 0
    while runs < WARM or time.perf_counter() - start < seconds / 10:
        infer()
        runs += 1
    times: list[float] = []
    start = time.perf_counter()
    while not times or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        infer()
        times.append(1000 * (time.perf_counter() - before))
    return sorted(times)


def quantile(ordered: Sequence[float], q: float) -> float:
    """The nearest rank."""
    return ordered[int(q * (len(ordered) - 1) + 0.5)]


@torch.inference_mode()
def measure(
    network: nn.Module, batch: int, size: int, seconds: float, device: torch.device
) -> Result:
    times = timed(inference(network, batch, size, device), seconds)
    p50 = quantile(times, 0.5)
    return {
        "input": f"{size}x{size}",
        "batch": batch,
        "p50_ms": p50,
        "p95_ms": quantile(times, 0.95),
        "pictures_per_second": 1000 * batch / p50,
        "runs": len(times),
    }


def describe(name: str, precision: str, mode: str, device: torch.device) -> Result:
    """What every row says of the session."""
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    version = torch.__version__
    return {"model": name, "device": where, "torch": version, "precision": precision, "mode": mode}


def table(results: Sequence[Result]) -> str:
    """The results for people to read."""
    rows = [
        ["model", "device", "precision", "mode", "input", "batch", "p50 ms", "p95 ms", "pict/s"]
    ]
    for r in results:
        row = [str(r[key]) for key in ("model", "device", "precision", "mode", "input", "batch")]
        numbers = [f"{r['p50_ms']:.2f}", f"{r['p95_ms']:.2f}", f"{r['pictures_per_second']:.1f}"]
        rows.append(row + numbers)
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a backbone, for random weights, or a checkpoint (.pt)")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8], help="pictures at a time")
    parser.add_argument("--size", type=int, default=416, help="pixels a side, a multiple of 32")
    parser.add_argument("--seconds", type=float, default=3, help="for each batch size")
    parser.add_argument("--precision", choices=PRECISIONS, help="default: fp16, on a CPU fp32")
    parser.add_argument("--mode", choices=MODES, default="default", help="of torch.compile")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(arguments)

    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    precision = args.precision or ("fp16" if device.type == "cuda" else "fp32")
    network = prepare(load(args.model), precision, args.mode, device)
    session = describe(args.model, precision, args.mode, device)
    results = []
    for batch in args.batch:
        results.append({**session, **measure(network, batch, args.size, args.seconds, device)})
    print(json.dumps(results, indent=2) if args.json else table(results))


if __name__ == "__main__":
    main()
