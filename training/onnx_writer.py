"""Write an ONNX model with the standard library alone.

The `onnx` package would do, but its serialisation may change between versions. Written here, the
same weights give the same bytes, and so the same checksum, on every machine.
Field numbers are those of onnx.proto; https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

FLOAT, UINT8, INT64 = 1, 2, 7  # TensorProto.DataType
Attribute = int | Sequence[int]

_IR_VERSION, _OPSET = 8, 17
_VARINT, _LENGTH = 0, 2  # protobuf wire types
_ATTRIBUTE_INT, _ATTRIBUTE_INTS = 2, 7  # AttributeProto.AttributeType


def node(op: str, inputs: Sequence[str], output: str, **attributes: Attribute) -> bytes:
    """A NodeProto, named after its one output."""
    return b"".join(
        [
            *(_text(1, name) for name in inputs),
            _text(2, output),
            _text(3, output),
            _text(4, op),
            *(_message(5, _attribute(key, value)) for key, value in attributes.items()),
        ]
    )


def tensor(name: str, data_type: int, shape: Sequence[int], raw: bytes) -> bytes:
    """A TensorProto; `raw` holds the little-endian values in row-major order."""
    return _ints(1, shape) + _int(2, data_type) + _text(8, name) + _message(9, raw)


def value(name: str, data_type: int, shape: Sequence[int | str]) -> bytes:
    """A ValueInfoProto: an input or output of the graph. A string names a dynamic dimension."""
    dimensions = (_text(2, size) if isinstance(size, str) else _int(1, size) for size in shape)
    shape_proto = b"".join(_message(1, dimension) for dimension in dimensions)
    tensor_type = _int(1, data_type) + _message(2, shape_proto)
    return _text(1, name) + _message(2, _message(1, tensor_type))


def model(
    name: str,
    nodes: Sequence[bytes],
    initializers: Sequence[bytes],
    inputs: Sequence[bytes],
    outputs: Sequence[bytes],
    metadata: Mapping[str, str],
) -> bytes:
    """A ModelProto of `nodes` in topological order."""
    graph = b"".join(
        [
            *(_message(1, item) for item in nodes),
            _text(2, name),
            *(_message(5, item) for item in initializers),
            *(_message(11, item) for item in inputs),
            *(_message(12, item) for item in outputs),
        ]
    )
    return b"".join(
        [
            _int(1, _IR_VERSION),
            _text(2, "tracker"),
            _message(7, graph),
            _message(8, _text(1, "") + _int(2, _OPSET)),
            *(_message(14, _text(1, key) + _text(2, text)) for key, text in metadata.items()),
        ]
    )


def float_bytes(values: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def int64_bytes(values: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(values)}q", *values)


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, int):
        return _text(1, name) + _int(3, value) + _int(20, _ATTRIBUTE_INT)
    return _text(1, name) + _ints(8, value) + _int(20, _ATTRIBUTE_INTS)


def _int(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value)


def _ints(field: int, values: Sequence[int]) -> bytes:
    return b"".join(_int(field, value) for value in values)


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode())


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | _LENGTH) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
