"""What a user's words stand for, one source each."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeai.errors import InputError
from edgeai.sources import open_source
from edgeai.sources.listing import list_sources, shown_source


def test_folders_and_patterns_become_their_files_and_the_rest_stays(tmp_path: Path) -> None:
    for name in ("b10.png", "b2.png", "c.txt"):
        (tmp_path / name).write_bytes(b"x")
    listed = list_sources([str(tmp_path), "-", str(tmp_path / "*.txt")], "image")
    assert [shown_source(text) for text in listed] == [
        str(tmp_path / "b2.png"),
        str(tmp_path / "b10.png"),
        "-",
        str(tmp_path / "c.txt"),
    ]


def test_a_listed_file_is_opened_as_a_file_whatever_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("-", "file:x.txt", "[1].txt"):
        Path(name).write_text(f"this is {name}")
    listed = list_sources(["file:-", "file:file:x.txt", "[[]1].txt"], "text")
    found = []
    for text in listed:
        with open_source(text, "text") as source:
            found += [item.value for item in source]
    assert found == ["this is -", "this is file:x.txt", "this is [1].txt"]


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        list_sources([str(tmp_path / "nosuch.png")], "image")
    with pytest.raises(InputError, match="holds no image files"):
        list_sources([str(tmp_path)], "image")
