#!/usr/bin/env python3
"""Compare the converted SSD with its TFLite original, both run on the frames of a video.

    pip install numpy onnxruntime==1.24.3 ai-edge-litert opencv-python-headless
    verify_ssd.py build/objectron_solution_packed_assets.data MODEL.onnx build/vtest.avi

prints the largest absolute difference of every output, and fails where it exceeds a tolerance that
float32 rounding over sixty convolutions explains.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from ai_edge_litert.interpreter import Interpreter

from convert_ssd import BOXES, INPUT, LABELS_END, SCORES

TOLERANCE = 1e-3
SIZE = (300, 300)
EVERY = 60  # frames of the video between two comparisons


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("assets", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("video", type=Path)
    args = parser.parse_args()

    original = Interpreter(model_content=args.assets.read_bytes()[LABELS_END:])
    original.allocate_tensors()
    pixels = original.get_input_details()[0]["index"]
    outputs = [detail["index"] for detail in original.get_output_details()]
    converted = onnxruntime.InferenceSession(args.model, providers=["CPUExecutionProvider"])

    worst = np.zeros(2)
    for frame in frames(args.video):
        original.set_tensor(pixels, frame[None, :, :, ::-1].astype(np.float32) / 127.5 - 1)
        original.invoke()
        want = [original.get_tensor(output) for output in outputs]
        got = converted.run([BOXES, SCORES], {INPUT: frame[None]})
        worst = np.maximum(worst, [np.abs(g - w).max() for g, w in zip(got, want)])
    print(f"largest difference: {BOXES} {worst[0]:.2e}, {SCORES} {worst[1]:.2e}")
    return int(worst.max() > TOLERANCE)


def frames(path: Path) -> list[np.ndarray]:
    video = cv2.VideoCapture(str(path))
    count = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    read = []
    for index in range(count):
        found, frame = video.read()
        if found and index % EVERY == 0:
            read.append(cv2.resize(frame, SIZE))
    if not read:
        sys.exit(f"{path}: no frame could be read")
    return read


if __name__ == "__main__":
    sys.exit(main())
