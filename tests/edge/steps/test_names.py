"""Lists of names in files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgeai.errors import InputError
from edgeai.steps.names import read_names


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"cat\ndog\n", ("cat", "dog")),
        (b"cat\r\ndog", ("cat", "dog")),
        ("\ufeffcat\n".encode(), ("cat",)),
        (b"a\n \n\nb\n", ("a", " ", "", "b")),  # a space and even nothing may be tokens
        ("\u2028\n\x85\n\u3000\n".encode(), ("\u2028", "\x85", "\u3000")),
        (b"", ()),
    ],
)
def test_a_text_file_has_a_name_a_line(tmp_path: Path, content: bytes, names: tuple[str, ...]) -> None:
    assert read_names(written(tmp_path, "labels.txt", content)) == names


def test_a_json_file_has_a_list(tmp_path: Path) -> None:
    assert read_names(written(tmp_path, "labels.json", b'["cat", "d\\u00f6g"]')) == ("cat", "dög")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"\xff\xfe", "is no list of names in UTF-8"),
        ("a.json", b"[1", "is no list of names in UTF-8"),
        ("a.json", b'{"0": "cat"}', "is not a JSON list of texts"),
        ("a.json", b'["cat", 3]', "is not a JSON list of texts"),
    ],
)
def test_what_is_no_list_of_names_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_names(written(tmp_path, name, content))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.txt cannot be read: No such file"):
        read_names(tmp_path / "nowhere.txt")


def test_a_file_is_read_once_until_it_changes(tmp_path: Path) -> None:
    path = written(tmp_path, "labels.txt", b"cat\n")
    assert read_names(path) is read_names(path)
    path.write_bytes(b"dog\n")
    os.utime(path, ns=(1, 1))
    assert read_names(path) == ("dog",)
