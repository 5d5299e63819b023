"""Reads tables of a FlatBuffers file by field number (flatbuffers.dev/internals), checking every offset."""

from __future__ import annotations

import mmap
import struct
from typing import TYPE_CHECKING, Any

from .mapped import LONGEST_NAME_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

MOST_VISITS = 1_000_000
"""Of tables before a file is given up, after seconds. Models of ten thousand operators take a tenth."""

Fields: TypeAlias = "dict[int, int | dict[int, Any] | list[dict[int, Any]]]"
"""What to check in a table, by field number: a table, [a table] for a vector of them, or the size in bytes of
a vector's elements. {} is a table whose vectors, if any, are not looked at."""


def root(data: mmap.mmap) -> Table:
    """The table that a file starts with."""
    return Table(_File(data), struct.unpack_from("<I", data)[0])


class _File:
    """The bytes, and how much may be read of them.

    A vector may hold one table a million times over, and that table such a vector in its turn. An honest file
    has each table and text once, of 8 bytes at least, and is gone through a few times.
    """

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self._left = min(MOST_VISITS, len(data) + 64)

    def visit(self, text_bytes: int = 0) -> None:
        self._left -= 1 + text_bytes // 8
        if self._left < 0:
            raise ValueError("its tables refer to each other without end")


class Table:
    """One table. Raises ValueError or struct.error for what lies outside the file."""

    def __init__(self, file: _File, position: int) -> None:
        file.visit()
        self._file = file
        self._data = file.data
        self._position = position
        self._fields = position - self._unpack("<i", position)
        self._check_end(self._fields + self._unpack("<H", self._fields))
        self._check_end(position + self._unpack("<H", self._fields + 2))

    def check(self, fields: Fields) -> None:
        """Raise ValueError or struct.error where a part of the table lies outside the file."""
        for field, kind in fields.items():
            if isinstance(kind, int):
                self._check_end(self._vector(field) + kind * self.length(field))
            elif isinstance(kind, list):
                for table in self.tables(field):
                    table.check(kind[0])
            else:
                one = self.table(field)
                if one is not None:
                    one.check(kind)

    def number(self, field: int, format_: str) -> int:
        """A number; 0, which is the default of all fields used here, where the field is left out."""
        position = self._field(field)
        return self._unpack(format_, position) if position else 0

    def table(self, field: int) -> Table | None:
        """A table; None where the field is left out."""
        position = self._field(field)
        return Table(self._file, self._follow(position)) if position else None

    def tables(self, field: int) -> Iterator[Table]:
        """The tables of a vector."""
        start = self._vector(field)
        for index in range(self.length(field)):
            yield Table(self._file, self._follow(start + 4 * index))

    def numbers(self, field: int, most: int, letter: str = "i") -> tuple[Any, ...]:
        """The first numbers of a vector, at most so many. letter: of struct, int32 unless told."""
        count = min(self.length(field), most)
        return struct.unpack_from(f"<{count}{letter}", self._data, self._vector(field))

    def text(self, field: int) -> str:
        """A text; empty where the field is left out."""
        start, length = self._vector(field), self.length(field)
        if length > LONGEST_NAME_BYTES:
            raise ValueError(f"the name at byte {start} has {length:,} bytes")
        self._file.visit(length)
        return self._data[start : start + length].decode("utf-8", "replace")

    def length(self, field: int) -> int:
        """Elements of a vector, or bytes of a text; 0 where the field is left out."""
        start = self._vector(field)
        return self._unpack("<I", start - 4) if start else 0

    def _vector(self, field: int) -> int:
        position = self._field(field)
        return self._follow(position) + 4 if position else 0

    def _field(self, field: int) -> int:
        """Where a field lies, or 0 where it is left out."""
        entry = 4 + 2 * field
        if entry >= self._unpack("<H", self._fields):
            return 0
        offset = self._unpack("<H", self._fields + entry)
        return self._position + offset if offset else 0

    def _follow(self, position: int) -> int:
        return position + self._unpack("<I", position)

    def _check_end(self, end: int) -> None:
        if end > len(self._data):
            raise ValueError(f"it ends at byte {len(self._data)} and refers to byte {end}")

    def _unpack(self, format_: str, position: int) -> int:
        if position < 0:  # which struct would count from the end
            raise ValueError(f"it refers to byte {position}")
        number: int = struct.unpack_from(format_, self._data, position)[0]
        return number
