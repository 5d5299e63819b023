"""Files that are written beside and renamed, and what must not be replaced."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from edgeai.whole_file import write_whole


def test_a_link_stays_and_its_file_is_written(tmp_path: Path) -> None:
    file, link = tmp_path / "real.toml", tmp_path / "link.toml"
    file.write_text("old")
    link.symlink_to(file)
    write_whole(link, b"new")
    assert link.is_symlink()
    assert file.read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.toml", "real.toml"]


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, b"report")
    reader.join()
    assert got == [b"report"]
    assert pipe.is_fifo()


def test_a_folder_and_no_name_at_all_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, Path("")):  # noqa: PTH201 - what an empty option becomes
        with pytest.raises(IsADirectoryError):
            write_whole(path, b"x")
