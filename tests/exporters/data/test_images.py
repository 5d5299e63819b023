"""Pictures become feeds through declared steps, or through default ones that are told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgeai.bundle import TensorSpec
from edgeai.errors import ExportError
from edgeai_exporters.data.opening import open_data

Image = pytest.importorskip("PIL.Image")

NCHW = (TensorSpec("x", "f32", ("N", 3, 4, 6)),)


def _png(path: Path, color: tuple[int, int, int] = (255, 0, 51), size: tuple[int, int] = (6, 4)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)
    return path


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """Three cats, two dogs."""
    for name in ("cat/1.png", "cat/2.png", "cat/10.png", "dog/a.png", "dog/b.png"):
        _png(tmp_path / "photos" / name)
    (tmp_path / "photos" / "cat" / "notes.md").write_text("no picture")
    return tmp_path / "photos"


def test_folders_are_classes_in_the_order_of_their_names(classes: Path) -> None:
    data = open_data(classes, NCHW)
    assert (data.count, data.kind, data.told) == (5, "images", "photos")
    assert data.labels() == [0, 0, 0, 1, 1]
    assert data.notes[0] == "classes are in the order of the folders' names (0 cat, 1 dog)"


def test_names_of_classes_give_the_models_order(classes: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("fish\ndog\ncat\n")
    assert open_data(classes, NCHW, labels=tmp_path / "names.txt").labels() == [2, 2, 2, 1, 1]
    (tmp_path / "names.txt").write_text("fish\ndog\n")
    with pytest.raises(ExportError, match="the label 'cat' is none of the 2 classes: fish, dog"):
        open_data(classes, NCHW, labels=tmp_path / "names.txt")


def test_folders_called_by_numbers_are_these(tmp_path: Path) -> None:
    for name in ("10", "2"):
        _png(tmp_path / "digits" / name / "a.png")
    assert open_data(tmp_path / "digits", NCHW).labels() == [10, 2]


def test_default_steps_resize_scale_and_lay_out(tmp_path: Path) -> None:
    _png(tmp_path / "p" / "a.png", size=(12, 8))
    data = open_data(tmp_path / "p", NCHW)
    feed = data.feed(0)["x"]
    assert feed.shape == (1, 3, 4, 6)
    np.testing.assert_allclose(feed[0, :, 0, 0], [1, 0, 0.2], atol=1e-6)
    assert data.stage == {
        "source": {"kind": "image"},
        "pre": [
            {"op": "decode@1"},
            {"op": "resize@1", "size": [6, 4]},
            {"op": "normalize@1"},
            {"op": "layout@1", "to": "NCHW", "dtype": "f32"},
        ],
    }
    assert data.notes == (
        "pictures are resized to 6 x 4, RGB, 0 to 1, NCHW; give --steps if the model was trained otherwise",
    )


def test_default_steps_follow_the_input(tmp_path: Path) -> None:
    _png(tmp_path / "p" / "a.png")
    grey = open_data(tmp_path / "p", (TensorSpec("x", "u8", (1, 4, 6, 1)),)).feed(0)["x"]
    # BT.601: 0.299 * 255 + 0.114 * 51.
    assert (grey.dtype, grey.shape, int(grey[0, 0, 0, 0])) == (np.uint8, (1, 4, 6, 1), 82)
    plain = open_data(tmp_path / "p", (TensorSpec("x", "f32", (4, 6, 3)),)).feed(0)["x"]
    assert plain.shape == (4, 6, 3)


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        (("N", 3, "H", "W"), "pictures of any size; give --steps with a resize@1"),
        (("N", 8, 4, 6), "1 or 3 channels cannot be told"),
        (("N", 40), "which is no picture"),
    ],
)
def test_an_input_that_is_no_picture_of_a_size_asks_for_steps(
    tmp_path: Path, shape: tuple[int | str, ...], says: str
) -> None:
    _png(tmp_path / "p" / "a.png")
    with pytest.raises(ExportError, match=says):
        open_data(tmp_path / "p", (TensorSpec("x", "f32", shape),))


def _manifest(tmp_path: Path, **model: object) -> Path:
    """A manifest whose variants are still to be made."""
    path = tmp_path / "manifest.json"
    stage = {
        "run": "net",
        "pre": [
            {"op": "letterbox@1", "size": [6, 4], "fill": 51},
            {"op": "normalize@1", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
            {"op": "layout@1"},
        ],
        "post": [{"op": "softmax@1"}, {"op": "top_k@1"}],
    }
    path.write_text(
        json.dumps(
            {
                "schema": 1,
                "id": "acme/net",
                "version": "1.0.0",
                "source": {"kind": "image"},
                "models": {"net": model},
                "pipeline": [stage],
            }
        )
    )
    return path


def test_declared_steps_are_those_of_the_device(tmp_path: Path) -> None:
    _png(tmp_path / "p" / "a.png", size=(4, 4))
    data = open_data(tmp_path / "p", NCHW, steps=_manifest(tmp_path))
    feed = data.feed(0)["x"]
    np.testing.assert_allclose(feed[0, :, 0, 0], [-0.6, -0.6, -0.6], atol=1e-6)  # the letterbox's margin
    np.testing.assert_allclose(feed[0, :, 0, 3], [1, -1, -0.6], atol=1e-6)
    assert data.stage is not None
    assert data.stage["pre"][0] == {"op": "letterbox@1", "size": [6, 4], "fill": 51}
    assert data.notes == ()


def test_the_steps_behind_the_model_make_answers_as_far_as_they_are_arrays(tmp_path: Path) -> None:
    _png(tmp_path / "p" / "a.png")
    data = open_data(tmp_path / "p", NCHW, steps=_manifest(tmp_path))
    assert data.answer is not None
    answer = data.answer(0, {"y": np.array([[0.0, np.log(3)]], np.float32)})
    np.testing.assert_allclose(next(iter(answer.values())).ravel(), [0.25, 0.75], atol=1e-6)


def test_steps_that_do_not_fit_the_model_are_told(tmp_path: Path) -> None:
    _png(tmp_path / "p" / "a.png")
    inputs = (TensorSpec("x", "f32", ("N", 3, 8, 8)),)
    with pytest.raises(
        ExportError, match=r"a\.png: the model wants x: f32\[N, 3, 8, 8\], and \[1, 3, 4, 6\] came"
    ):
        open_data(tmp_path / "p", inputs, steps=_manifest(tmp_path))
    with pytest.raises(ExportError, match="no stage runs 'other'; its stages run: net"):
        open_data(tmp_path / "p", NCHW, steps=_manifest(tmp_path), model="other")


def test_a_table_names_files_and_labels(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        _png(tmp_path / "p" / f"{name}.png")
    table = tmp_path / "p" / "index.csv"
    table.write_text("file,label\nb.png,1\na.png,0\n")
    data = open_data(table, NCHW)
    assert (data.labels(), [Path(name).name for name in data.names]) == ([1, 0], ["b.png", "a.png"])
    beside = open_data(tmp_path / "p", NCHW, labels=table)
    assert beside.labels() == [1, 0]
    assert beside.notes[0].startswith("1 files of ")


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (
            "file,label\na.png,0\ngone.png,1\n",
            r"names 1 of 2 files that are not there, the first .*gone\.png",
        ),
        ("file,label\na.png,0,7\n", "line 2 has not as many fields as the header"),
        ("file,label\na.png\n", "line 2 has not as many fields as the header"),
        ("file,label\n", "has no rows below its header"),
        ("file,this,that\na.png,0,1\n", "call that of the labels `label`"),
    ],
)
def test_tables_that_do_not_match_are_told(tmp_path: Path, table: str, says: str) -> None:
    _png(tmp_path / "p" / "a.png")
    file = tmp_path / "p" / "index.csv"
    file.write_text(table)
    with pytest.raises(ExportError, match=says):
        open_data(tmp_path / "p", NCHW, labels=file)


def test_a_folder_without_pictures_or_with_files_beside_classes_is_told(
    tmp_path: Path, classes: Path
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ExportError, match=r"empty holds no images or sounds \(nothing\)"):
        open_data(tmp_path / "empty", NCHW)
    _png(classes / "stray.png")
    with pytest.raises(ExportError, match="holds 1 files beside folders of classes"):
        open_data(classes, NCHW)
    with pytest.raises(ExportError, match="no such file or folder of data"):
        open_data(tmp_path / "gone", NCHW)


def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    _png(tmp_path / "p" / "a.png")
    (tmp_path / "p" / "b.png").write_bytes(b"no picture at all")
    data = open_data(tmp_path / "p", NCHW)
    with pytest.raises(ExportError, match=r"b\.png") as caught:
        data.feed(1)
    assert "\n" not in str(caught.value)
