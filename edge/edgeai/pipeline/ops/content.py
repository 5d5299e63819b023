"""Steps on the bytes of files: file_ends."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ...errors import InputError, one_line
from ...steps import content

if TYPE_CHECKING:
    from numpy import int32
    from numpy.typing import NDArray


def file_ends(
    value: bytes | bytearray | memoryview | str | os.PathLike[str],
    *,
    begin: int,
    end: int,
    block: int,
    padding: int = 256,
    minimum: int = 0,
) -> NDArray[int32]:
    """`file_ends@1`: the first and the last bytes of a file, a number each: i32 [1, begin + end].

    value: the content, or a path, of which only the two ends are read. block: how many bytes are read at each
    end, before white space is stripped from it. padding: the number for what is missing; 256 is no byte.
    minimum: refuses a file with fewer bytes behind the white space it begins with, which say too little.
    """
    content.check_sizes(begin, end, block, minimum)
    if isinstance(value, (bytearray, memoryview)):
        value = bytes(value)
    if not isinstance(value, (bytes, str, os.PathLike)):
        raise InputError(f"file_ends takes a file's bytes or its path, it got a {type(value).__name__}")
    head, tail = content.read_ends(value, block)
    meaningful = len(head.lstrip())
    if meaningful < minimum:
        shown = "the content" if isinstance(value, bytes) else one_line(value)
        raise InputError(f"{shown} has {meaningful} bytes beside white space, and {minimum} are needed")
    return content.file_ends(head, tail, begin, end, padding)
