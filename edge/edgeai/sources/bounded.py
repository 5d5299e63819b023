"""Reads lines and whole contents up to a limit: what never ends must not fill a small board's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

LARGEST_BYTES = 256 << 20
"""Of one picture, text or line: a frame of 8K video in RGB has 100 MB, a thick book as text 3 MB."""

_BLOCK_BYTES = 1 << 20
_MARK = b"\xef\xbb\xbf"  # what Windows puts in front of UTF-8


def read_all(file: BinaryIO, name: str, limit_bytes: int = LARGEST_BYTES) -> bytes:
    """The whole content. Raises InputError where it is longer than the limit."""
    content = bytearray()
    while block := file.read(_BLOCK_BYTES):
        content += block
        if len(content) > limit_bytes:
            raise InputError(f"{name} is longer than {limit_bytes:,} bytes or endless; give a part of it")
    return bytes(content)


def read_lines(file: BinaryIO, name: str, limit_bytes: int = LARGEST_BYTES) -> Iterator[tuple[str, bytes]]:
    """The lines that are not blank, without their ends, each with its place: `NAME:3`.

    A line is handed on as soon as it is there. Raises InputError where one is longer than the limit.
    """
    number = 0
    while line := file.readline(limit_bytes + 1):
        number += 1
        place = f"{name}:{number}"
        if len(line) > limit_bytes:
            raise InputError(f"{place}: the line is longer than {limit_bytes:,} bytes or endless; split it")
        if number == 1:
            line = line.removeprefix(_MARK)
        if line and not line.isspace():
            yield place, line.rstrip(b"\r\n")


def as_text(content: bytes, name: str) -> str:
    """Decode UTF-8. Raises InputError where it is none."""
    try:
        return content.removeprefix(_MARK).decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: byte {error.start} is not UTF-8; convert it (iconv -t UTF-8)") from None
