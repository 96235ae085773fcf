#!/usr/bin/env python3
"""Turn the SSD-MobileNetV2 of MediaPipe Objectron (TFLite, fp16 weights) into ONNX (fp32).

    convert_ssd.py objectron_solution_packed_assets.data manifest.json OUTPUT_DIR

writes the model under the name the manifest gives, and the manifest beside it, once the model's
SHA-256 is the manifest's. Standard library only: the same bytes come out on every machine.

The graph takes what the tracker's models take: `images`, uint8 [N,300,300,3], BGR. It gives
`raw_boxes`, float32 [N,1917,4]: ty,tx,th,tw against the anchors, times 10,10,5,5; and `raw_scores`,
float32 [N,1917,24]: logits, the background first. Anchors run over the feature maps from fine
(19x19) to coarse (1x1), and within a map by row, column, shape.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx_writer as onnx
import tflite

LABELS_END = 184  # the packed assets are the label list, then the TFLite model
BACKGROUND = "???"
INPUT, BOXES, SCORES = "images", "raw_boxes", "raw_scores"
PIXEL_CENTRE = 127.5  # the network was trained on x/127.5-1
SCALARS = {"pixel_centre": PIXEL_CENTRE, "zero": 0.0, "six": 6.0}

Manifest = dict[str, Any]


def convert(assets: bytes, manifest: Manifest) -> bytes:
    """The ONNX model in `assets`, described by `manifest`."""
    labels = assets[:LABELS_END].decode().splitlines()
    if labels != [BACKGROUND, *manifest["labels"]]:
        raise ValueError(f"the manifest's labels are not the model's: {labels}")
    converter = Converter(tflite.read(assets[LABELS_END:]))
    converter.run()
    size = [manifest["input"]["height"], manifest["input"]["width"]]
    anchors = converter.anchors
    return onnx.model(
        name=manifest["name"],
        nodes=converter.nodes,
        initializers=converter.initializers,
        inputs=[onnx.value(INPUT, onnx.UINT8, ["N", *size, 3])],
        outputs=[
            onnx.value(BOXES, onnx.FLOAT, ["N", anchors, 4]),
            onnx.value(SCORES, onnx.FLOAT, ["N", anchors, len(labels)]),
        ],
        metadata=metadata(manifest),
    )


def metadata(manifest: Manifest) -> dict[str, str]:
    """What a model file says about itself when it is met without its manifest."""
    copied = ["backbone", "licence", "source", "training_data"]
    return {
        **{key: manifest[key] for key in copied},
        "labels": json.dumps(manifest["labels"]),
        "input_size": f"{manifest['input']['width']}x{manifest['input']['height']}",
    }


class Converter:
    """Emits an ONNX node for every TFLite operator; images become [N,C,H,W]."""

    def __init__(self, model: tflite.Model) -> None:
        self.model = model
        self.nodes: list[bytes] = []
        self.initializers: list[bytes] = []
        (self._image,) = model.inputs
        self._names = dict(zip(model.outputs, [BOXES, SCORES]))
        self._constants: dict[int, tflite.Tensor] = {}
        self._flat: set[int] = set()  # tensors that list anchors, no longer images

    @property
    def anchors(self) -> int:
        return self.model.tensors[self.model.outputs[0]].shape[1]

    def run(self) -> None:
        emitters = {
            "ADD": self._add,
            "CONCATENATION": self._concatenate,
            "CONV_2D": self._convolve,
            "DEPTHWISE_CONV_2D": self._convolve,
            "DEQUANTIZE": self._dequantize,
            "RESHAPE": self._flatten,
        }
        for name, number in SCALARS.items():
            self._floats(name, [], [number])
        self._centre()
        for operator in self.model.operators:
            emitters[operator.name](operator)

    def _centre(self) -> None:
        """uint8 [N,H,W,C] to centred float [N,C,H,W]; the first convolution's kernel does the rest.

        The centre cannot move into that convolution's bias: its zero padding stands for mid-grey.
        """
        self._emit("Transpose", [INPUT], "images_nchw", perm=[0, 3, 1, 2])
        self._emit("Cast", ["images_nchw"], "pixels", to=onnx.FLOAT)
        self._emit("Sub", ["pixels", "pixel_centre"], self._name(self._image))

    def _dequantize(self, operator: tflite.Operator) -> None:
        self._constants[operator.outputs[0]] = self.model.tensors[operator.inputs[0]]

    def _add(self, operator: tflite.Operator) -> None:
        self._emit("Add", self._inputs(operator), self._output(operator))

    def _convolve(self, operator: tflite.Operator) -> None:
        if operator.options["padding"] != tflite.SAME:
            raise ValueError(f"TFLite padding {operator.options['padding']}; want SAME")
        image, weight, bias = operator.inputs
        _, height, width, channels = self.model.tensors[image].shape
        count, rows, columns, depth = self.model.tensors[weight].shape
        depthwise = operator.name == "DEPTHWISE_CONV_2D"
        # [O,h,w,I] to [O,I,h,w]; a depthwise kernel is [1,h,w,O] and becomes [O,1,h,w].
        kernel = swap_axes(self._constants[weight].half_floats(), rows * columns, depth)
        if image == self._image:
            kernel = for_centred_bgr(kernel, rows * columns)
        shape = [depth, 1] if depthwise else [count, depth]

        name = self._output(operator)
        self._floats(f"{name}_weight", [*shape, rows, columns], kernel)
        self._floats(f"{name}_bias", shape[:1], self._constants[bias].half_floats())
        stride = [operator.options["stride_h"], operator.options["stride_w"]]
        top, bottom = same_padding(height, rows, stride[0])
        left, right = same_padding(width, columns, stride[1])
        clipped = operator.options["activation"] == tflite.RELU6
        linear = f"{name}_linear" if clipped else name
        self._emit(
            "Conv",
            [self._name(image), f"{name}_weight", f"{name}_bias"],
            linear,
            group=channels // shape[1],
            kernel_shape=[rows, columns],
            pads=[top, left, bottom, right],
            strides=stride,
        )
        if clipped:
            self._emit("Clip", [linear, "zero", "six"], name)

    def _flatten(self, operator: tflite.Operator) -> None:
        """A predictor's [N,C,H,W] to [N,anchors,K]; the anchors run by row, column, shape."""
        (source, _), (target,) = operator.inputs, operator.outputs
        name, values = self._name(target), self._name(source)
        if source not in self._flat:
            self._emit("Transpose", [values], f"{name}_nhwc", perm=[0, 2, 3, 1])
            values = f"{name}_nhwc"
        shape = [0, -1, self.model.tensors[target].shape[-1]]  # 0 keeps the batch
        self.initializers.append(
            onnx.tensor(f"{name}_shape", onnx.INT64, [3], onnx.int64_bytes(shape))
        )
        self._emit("Reshape", [values, f"{name}_shape"], name)
        self._flat.add(target)

    def _concatenate(self, operator: tflite.Operator) -> None:
        self._emit("Concat", self._inputs(operator), self._output(operator), axis=1)
        self._flat.add(operator.outputs[0])

    def _inputs(self, operator: tflite.Operator) -> list[str]:
        return [self._name(tensor) for tensor in operator.inputs]

    def _output(self, operator: tflite.Operator) -> str:
        return self._name(operator.outputs[0])

    def _name(self, tensor: int) -> str:
        return self._names.get(tensor, f"t{tensor}")

    def _floats(self, name: str, shape: Sequence[int], values: Sequence[float]) -> None:
        self.initializers.append(onnx.tensor(name, onnx.FLOAT, shape, onnx.float_bytes(values)))

    def _emit(
        self, op: str, inputs: Sequence[str], output: str, **attributes: onnx.Attribute
    ) -> None:
        self.nodes.append(onnx.node(op, inputs, output, **attributes))


def swap_axes(values: array[float], rows: int, columns: int) -> array[float]:
    """Transpose [..., rows, columns] to [..., columns, rows]."""
    size = rows * columns
    swapped = array("f", bytes(4 * len(values)))
    for start in range(0, len(values), size):
        for row in range(rows):
            begin = start + row * columns
            swapped[start + row : start + size : rows] = values[begin : begin + columns]
    return swapped


def for_centred_bgr(kernel: array[float], area: int) -> array[float]:
    """A kernel [O,RGB,area] for x/127.5-1 as a kernel [O,BGR,area] for x-127.5."""
    flipped = array("f")
    for start in range(0, len(kernel), 3 * area):
        red, green, blue = (kernel[start + i * area : start + (i + 1) * area] for i in range(3))
        flipped.extend(blue + green + red)
    return array("f", [weight / PIXEL_CENTRE for weight in flipped])


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TFLite's SAME: ceil(size/stride) outputs; an odd pixel of padding goes to the end."""
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def main() -> int:
    parser = argparse.ArgumentParser(description="Convert MediaPipe's SSD-MobileNetV2 to ONNX.")
    parser.add_argument("assets", type=Path, help="objectron_solution_packed_assets.data")
    parser.add_argument("manifest", type=Path, help="description of the model, with its SHA-256")
    parser.add_argument("output", type=Path, help="folder for the model and its manifest")
    args = parser.parse_args()

    text = args.manifest.read_text(encoding="utf-8")
    manifest = json.loads(text)
    path = args.output / manifest["file"]
    unchecked = path.with_suffix(".unchecked")
    unchecked.write_bytes(convert(args.assets.read_bytes(), manifest))
    digest = hashlib.sha256(unchecked.read_bytes()).hexdigest()
    if digest != manifest["sha256"]:
        print(
            f"{unchecked}: its SHA-256 is {digest}, not the {manifest['sha256']} of "
            f"{args.manifest}: the assets or the converter changed; check the model, then pin it",
            file=sys.stderr,
        )
        return 1
    unchecked.replace(path)
    (args.output / args.manifest.name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
