"""The ends of files as numbers, against a reading that goes byte by byte."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeai.errors import InputError
from edgeai.steps.content import check_sizes, file_ends, read_ends

WHITE_SPACE = b" \t\n\r\x0b\x0c"
PADDING = 256


def byte_by_byte(content: bytes, begin: int, end: int, block: int) -> list[int]:
    """What magika's package computes (`_extract_features_from_seekable` of its version 1.0.3)."""
    size = min(block, len(content))
    first = list(content[:size])
    while first and first[0] in WHITE_SPACE:
        first.pop(0)
    last = list(content[len(content) - size :])
    while last and last[-1] in WHITE_SPACE:
        last.pop()
    begins = [first[index] if index < len(first) else PADDING for index in range(begin)]
    ends = [last[-index] if index <= len(last) else PADDING for index in range(end, 0, -1)]
    return begins + ends


contents = st.lists(st.sampled_from([b" ", b"\n", b"\x1c", b"\x00", b"a", b"\xff"]), max_size=40).map(
    b"".join
)


@given(contents, st.integers(0, 9), st.integers(0, 9), st.integers(1, 12))
@settings(max_examples=300, deadline=None)
def test_the_tokens_are_those_of_a_reading_byte_by_byte(
    content: bytes, begin: int, end: int, block: int
) -> None:
    tokens = file_ends(*read_ends(content, block), begin, end, PADDING)
    assert tokens.dtype == np.int32
    assert tokens.tolist() == [byte_by_byte(content, begin, end, block)]


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 15, 16, 17, 1000])
def test_a_path_gives_what_its_content_gives(tmp_path: Path, size: int) -> None:
    content = bytes(range(32, 256)) * 5
    (tmp_path / "file").write_bytes(content[:size])
    assert read_ends(tmp_path / "file", 8) == read_ends(content[:size], 8)
    assert read_ends(str(tmp_path / "file"), 8) == (content[:size][:8], content[:size][-8:])


def test_of_a_large_file_only_the_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.write(b"begin")
        file.truncate(3 << 40)  # a hole of 3 TB
        file.seek(0, os.SEEK_END)
        file.write(b"end")
    assert read_ends(path, 8) == (b"begin\0\0\0", b"\0\0\0\0\0end")


def test_an_empty_file_is_all_padding() -> None:
    assert file_ends(b"", b"", 2, 3, 256).tolist() == [[256] * 5]


def test_white_space_alone_is_all_padding() -> None:
    assert file_ends(b" \n\t", b" \n\t", 2, 3, 256).tolist() == [[256] * 5]


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is a pipe or a device, not a regular file"):
        read_ends(tmp_path / "pipe", 8)


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ((-1, 1, 4, 0), "begin is -1; give a number of bytes from 0"),
        ((1, -2, 4, 0), "end is -2"),
        ((1, 1, 0, 0), "block is 0; give a number of bytes from 1"),
        ((1, 1, 1, -1), "minimum is -1"),
        ((0, 0, 1, 0), "begin and end are both 0"),
        ((3, 5, 4, 0), "block is 4; give at least what is taken of it, 5 bytes"),
    ],
)
def test_sizes_that_cannot_be_are_refused(sizes: tuple[int, int, int, int], said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_sizes(*sizes)
