"""Read the operators and tensors of a TFLite model.

Field and operator numbers are those of TFLite's schema.fbs; only the operators that the
convolutional detectors here need are known.
"""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass

from flatbuffer import Table

RELU6 = 3  # ActivationFunctionType
SAME = 0  # Padding

_FLOAT16 = 1  # TensorType
_CONV = {"padding": (0, "b"), "stride_w": (1, "i"), "stride_h": (2, "i")}

# Builtin operator: its name, then option: position in its options table and scalar type.
_OPERATORS: dict[int, tuple[str, dict[str, tuple[int, str]]]] = {
    0: ("ADD", {"activation": (0, "b")}),
    2: ("CONCATENATION", {"axis": (0, "i")}),
    3: ("CONV_2D", {**_CONV, "activation": (3, "b")}),
    4: ("DEPTHWISE_CONV_2D", {**_CONV, "activation": (4, "b")}),
    6: ("DEQUANTIZE", {}),
    22: ("RESHAPE", {}),
}


@dataclass(frozen=True)
class Tensor:
    """Images are [N,H,W,C]; `data` is empty unless the tensor is a constant."""

    shape: list[int]
    type: int
    data: bytes

    def half_floats(self) -> array[float]:
        """The constant's float16 values, as float32, in row-major order."""
        if self.type != _FLOAT16:
            raise ValueError(f"constant of TFLite type {self.type}; want float16 ({_FLOAT16})")
        return array("f", struct.unpack(f"<{len(self.data) // 2}e", self.data))


@dataclass(frozen=True)
class Operator:
    """`inputs` and `outputs` index the model's tensors."""

    name: str
    inputs: list[int]
    outputs: list[int]
    options: dict[str, int]


@dataclass(frozen=True)
class Model:
    """The one graph of a model; its operators are in the order of execution."""

    tensors: list[Tensor]
    inputs: list[int]
    outputs: list[int]
    operators: list[Operator]


def read(data: bytes) -> Model:
    root = Table.root(data)
    (graph,) = root.tables(2)
    buffers = [buffer.raw(0) for buffer in root.tables(4)]
    # A code below 127 stands in the older, one-byte field.
    codes = [max(code.scalar(0, "b"), code.scalar(3, "i")) for code in root.tables(1)]
    return Model(
        tensors=[
            Tensor(tensor.ints(0), tensor.scalar(1, "b"), buffers[tensor.scalar(2, "I")])
            for tensor in graph.tables(0)
        ],
        inputs=graph.ints(1),
        outputs=graph.ints(2),
        operators=[_operator(codes[op.scalar(0, "I")], op) for op in graph.tables(3)],
    )


def _operator(code: int, table: Table) -> Operator:
    if code not in _OPERATORS:
        raise ValueError(f"TFLite operator {code} is not supported; known: {sorted(_OPERATORS)}")
    name, fields = _OPERATORS[code]
    options = {key: table.table(4).scalar(*field) for key, field in fields.items()}
    return Operator(name, table.ints(1), table.ints(2), options)
