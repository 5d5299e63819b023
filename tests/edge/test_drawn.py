"""Annotated images in a folder: their names, and what is never replaced."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeai.drawn import DrawnFiles
from edgeai.errors import UsageError
from edgeai.pipeline.values import Labels
from tests import real_bundles

PIXELS = np.zeros((8, 8, 3), np.uint8)
NOTHING = Labels(())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_sources_of_one_name_get_a_number(tmp_path: Path) -> None:
    files = DrawnFiles(tmp_path / "out")
    for source in ("a/x.jpg", "b/x.jpg", "c/x.gif", "a/x.png", "-"):
        files.save(source, PIXELS, NOTHING)
    assert names(tmp_path / "out") == ["stdin.jpg", "x-2.jpg", "x-3.jpg", "x.jpg", "x.png"]


@pytest.mark.parametrize("name", ["x.jpg", "x.png"])
def test_a_second_run_replaces_what_came_of_the_same_source(name: str, tmp_path: Path) -> None:
    first = DrawnFiles(tmp_path).save(f"photos/{name}", PIXELS, NOTHING)
    again = DrawnFiles(tmp_path).save(f"photos/{name}", PIXELS + 255, NOTHING)
    other = DrawnFiles(tmp_path).save(f"others/{name}", PIXELS, NOTHING)
    assert first == again != other
    with Image.open(again) as image:
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert len(names(tmp_path)) == 2


def test_a_file_of_somebody_else_is_never_replaced(tmp_path: Path) -> None:
    photo = real_bundles.picture(tmp_path / "x.png", "red")
    (tmp_path / "y.jpg").write_text("notes")
    os.mkfifo(tmp_path / "z.jpg")  # reading it would wait for ever
    before = photo.read_bytes()
    files = DrawnFiles(tmp_path)  # the folder of the sources themselves
    assert files.save(str(photo), PIXELS, NOTHING) == tmp_path / "x-2.png"
    assert files.save("y.jpg", PIXELS, NOTHING) == tmp_path / "y-2.jpg"
    assert files.save("z.jpg", PIXELS, NOTHING) == tmp_path / "z-2.jpg"
    assert photo.read_bytes() == before
    assert (tmp_path / "y.jpg").read_text() == "notes"


def test_two_pictures_from_standard_input_are_two_files(tmp_path: Path) -> None:
    for _ in range(2):
        DrawnFiles(tmp_path).save("-", PIXELS, NOTHING)
    assert names(tmp_path) == ["stdin-2.jpg", "stdin.jpg"]


def test_where_a_source_lay_is_not_written_into_the_image(tmp_path: Path) -> None:
    path = DrawnFiles(tmp_path).save("/home/somebody/secret/x.jpg", PIXELS, NOTHING)
    assert b"secret" not in path.read_bytes()


def test_a_folder_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written there: Not a directory"):
        DrawnFiles(tmp_path / "file/out")


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    files = DrawnFiles(tmp_path)
    with pytest.raises(UsageError):
        files.save("x" * 300 + ".jpg", PIXELS, NOTHING)
    assert names(tmp_path) == []
