"""`file_ends@1` as a manifest calls it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeai.errors import InputError
from edgeai.pipeline.ops.content import file_ends

SIZES: dict[str, Any] = {"begin": 4, "end": 3, "block": 8}


def test_the_ends_of_a_file_become_tokens(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"  begin, middle and end\n")
    wanted = [[*b"begi", *b"end"]]
    for source in (path, str(path), path.read_bytes(), bytearray(path.read_bytes())):
        tokens = file_ends(source, **SIZES)
        assert (tokens.dtype, tokens.tolist()) == (np.int32, wanted)


def test_what_is_missing_is_padding() -> None:
    assert file_ends(b" a\n", **SIZES).tolist() == [[*b"a\n", 256, 256, 256, *b" a"]]
    assert file_ends(b"", **SIZES, padding=0).tolist() == [[0] * 7]


def test_only_white_space_within_a_block_is_stripped() -> None:
    assert file_ends(b" " * 9 + b"x" * 9 + b" " * 9, **SIZES).tolist() == [[256] * 7]


def test_a_file_that_says_too_little_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "small"
    path.write_bytes(b" \n abc")
    assert file_ends(path, **SIZES, minimum=3).shape == (1, 7)
    with pytest.raises(InputError, match=f"^{path} has 3 bytes beside white space, and 4 are needed"):
        file_ends(path, **SIZES, minimum=4)
    with pytest.raises(InputError, match=r"^the content has 0 bytes"):
        file_ends(b"", **SIZES, minimum=1)


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="block is 2; give at least"):
        file_ends(b"abc", begin=4, end=3, block=2)


def test_what_is_neither_bytes_nor_a_path_is_refused() -> None:
    with pytest.raises(InputError, match="takes a file's bytes or its path, it got a int"):
        file_ends(3, **SIZES)
