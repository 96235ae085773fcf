"""Read a FlatBuffers message without its schema compiler.

Only what a TFLite model needs: tables, vectors, strings and little-endian scalars. Fields are
addressed by their position in the schema; an absent field reads as the default given.
https://flatbuffers.dev/internals/
"""

from __future__ import annotations

import struct
from collections.abc import Iterator


class Table:
    """One table of a FlatBuffers message: `buffer` at byte `position`."""

    def __init__(self, buffer: bytes, position: int) -> None:
        self._buffer = buffer
        self._position = position
        self._vtable = position - self._read("i", position)
        self._vtable_size: int = self._read("H", self._vtable)

    @classmethod
    def root(cls, buffer: bytes) -> Table:
        return cls(buffer, struct.unpack_from("<I", buffer)[0])

    def scalar(self, field: int, code: str, default: int = 0) -> int:
        """The number in `field`; `code` is its `struct` format character."""
        position = self._field(field)
        return default if position is None else self._read(code, position)

    def table(self, field: int) -> Table:
        position = self._field(field)
        if position is None:
            raise ValueError(f"FlatBuffers table at byte {self._position} lacks field {field}")
        return Table(self._buffer, self._follow(position))

    def tables(self, field: int) -> Iterator[Table]:
        start, count = self._vector(field)
        for position in range(start, start + 4 * count, 4):
            yield Table(self._buffer, self._follow(position))

    def ints(self, field: int) -> list[int]:
        start, count = self._vector(field)
        return list(struct.unpack_from(f"<{count}i", self._buffer, start))

    def raw(self, field: int) -> bytes:
        start, count = self._vector(field)
        return self._buffer[start : start + count]

    def _read(self, code: str, position: int) -> int:
        value: int = struct.unpack_from("<" + code, self._buffer, position)[0]
        return value

    def _follow(self, position: int) -> int:
        return position + self._read("I", position)

    def _field(self, field: int) -> int | None:
        entry = 4 + 2 * field
        if entry >= self._vtable_size:
            return None
        offset = self._read("H", self._vtable + entry)
        return self._position + offset if offset else None

    def _vector(self, field: int) -> tuple[int, int]:
        """Byte position and length of the vector in `field`; an absent one is empty."""
        position = self._field(field)
        if position is None:
            return 0, 0
        start = self._follow(position)
        return start + 4, self._read("I", start)
