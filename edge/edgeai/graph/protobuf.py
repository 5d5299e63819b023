"""Walks the fields of a protobuf message without its schema (protobuf.dev/programming-guides/encoding).

Payloads are stepped over, never read, so that a walk costs by the number of fields and not by their bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .mapped import LONGEST_NAME_BYTES

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

MOST_FIELDS = 5_000_000
"""That are visited before a file is given up, after seconds. Models of thousands of nodes have a tenth."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def varint(field: int) -> int:
    """The tag of a field that holds a number."""
    return field << 3 | _VARINT


def block(field: int) -> int:
    """The tag of a field that holds a message, a text, bytes or packed numbers."""
    return field << 3 | _BYTES


class Wire:
    """A file of protobuf. Raises ValueError or IndexError where it is damaged."""

    def __init__(self, data: mmap.mmap | bytes) -> None:
        self._data = data
        self._left = MOST_FIELDS

    def __len__(self) -> int:
        return len(self._data)

    def fields(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Each field of the message in data[start:end]: its tag and two numbers.

        `block(n)`: where its content starts and ends. `varint(n)`: its value and where it ends.
        """
        data, position = self._data, start
        while position < end:
            self._left -= 1
            if not self._left:
                raise ValueError(f"it has more than {MOST_FIELDS:,} fields")
            # Most tags and lengths have one byte, and a call would cost more than reading it.
            tag = data[position]
            position += 1
            if tag > 127:
                tag, position = self._varint(position - 1)
            value = position
            kind = tag & 7
            if kind == _BYTES:
                size = data[position]
                position += 1
                if size > 127:
                    size, position = self._varint(position - 1)
                value, position = position, position + size
            elif kind == _VARINT:
                value, position = self._varint(position)
            elif kind in {_FIXED32, _FIXED64}:
                position += 4 if kind == _FIXED32 else 8
            else:
                raise ValueError(f"byte {position - 1} starts no field")
            if position > end or tag < 8:
                raise ValueError(f"the field before byte {value} does not fit into its message")
            yield tag, value, position

    def text(self, start: int, end: int) -> str:
        """A name."""
        if end - start > LONGEST_NAME_BYTES:
            raise ValueError(f"the name at byte {start} has {end - start:,} bytes")
        return self._data[start:end].decode("utf-8", "replace")

    def packed(self, start: int, end: int, most: int) -> list[int]:
        """Numbers packed into one block, at most so many."""
        numbers: list[int] = []
        while start < end and len(numbers) <= most:
            number, start = self._varint(start)
            numbers.append(number)
        return numbers

    def _varint(self, position: int) -> tuple[int, int]:
        """A number without sign, of 64 bits at most, and where it ends."""
        number = 0
        for shift in range(0, 70, 7):
            byte = self._data[position]
            position += 1
            number |= (byte & 127) << shift
            if byte < 128:
                return number & (1 << 64) - 1, position
        raise ValueError(f"the number before byte {position} has no end")


def signed(number: int) -> int:
    """A number of 64 bits as int64."""
    return number - (1 << 64) if number >> 63 else number
