"""The two ends of a file as numbers, from which a model tells what kind of file it is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..regular_file import open_regular

if TYPE_CHECKING:
    from numpy.typing import NDArray


def read_ends(source: bytes | str | os.PathLike[str], block: int) -> tuple[bytes, bytes]:
    """The first and the last `block` bytes of a file, or of its content; of a smaller one all bytes, twice.

    No more than the two ends is read. Raises InputError for what is no regular file.
    """
    if isinstance(source, bytes):
        return source[:block], source[-block:]
    with open_regular(source) as file:
        size_bytes = os.fstat(file.fileno()).st_size
        head = file.read(min(block, size_bytes))
        file.seek(max(size_bytes - block, 0))
        return head, file.read(min(block, size_bytes))


def file_ends(head: bytes, tail: bytes, begin: int, end: int, padding: int) -> NDArray[np.int32]:
    """A number for each byte: `begin` from a file's start, then `end` from its end; i32 [1, begin + end].

    head, tail: the first and the last bytes of the file. White space is stripped from the outer end of both
    (ASCII, as `bytes.strip` knows it). What is missing is `padding`: behind the start, and before the end.
    """
    tokens = np.full((1, begin + end), padding, np.int32)
    first, last = head.lstrip()[:begin], tail.rstrip()
    last = last[max(len(last) - end, 0) :]
    tokens[0, : len(first)] = np.frombuffer(first, np.uint8)
    tokens[0, begin + end - len(last) :] = np.frombuffer(last, np.uint8)
    return tokens


def check_sizes(begin: int, end: int, block: int, minimum: int) -> None:
    """Raise InputError for sizes that cannot be."""
    for name, value, least in (
        ("begin", begin, 0),
        ("end", end, 0),
        ("block", block, 1),
        ("minimum", minimum, 0),
    ):
        if value < least:
            raise InputError(f"{name} is {value}; give a number of bytes from {least}")
    if begin + end == 0:
        raise InputError("begin and end are both 0; give the number of bytes that the model takes of each")
    if block < max(begin, end):
        raise InputError(f"block is {block}; give at least what is taken of it, {max(begin, end)} bytes")
