"""Data in numpy's files, from a user's function, and noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeai.bundle import TensorSpec
from edgeai.errors import ExportError
from edgeai_exporters.data.opening import open_data

X = TensorSpec("x", "f32", ("N", 4))
IDS = (TensorSpec("ids", "i64", ("N", "T")), TensorSpec("mask", "i64", ("N", "T")))


def _rows(count: int = 5) -> np.ndarray:
    return np.arange(count * 4, dtype=np.float32).reshape(count, 4)


def test_a_row_of_an_array_is_a_batch_of_one(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", _rows())
    data = open_data(tmp_path / "x.npy", (X,))
    assert (data.count, data.kind, data.told, data.label) == (5, "arrays", "x.npy", None)
    np.testing.assert_array_equal(data.feed(3)["x"], [[12, 13, 14, 15]])
    assert data.feed(3)["x"].dtype == np.float32


def test_an_axis_more_counts_samples_of_an_input_that_has_no_batch(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((6, 2, 4), np.float32))
    data = open_data(tmp_path / "x.npy", (TensorSpec("x", "f32", (2, 4)),))
    assert data.count == 6
    assert data.feed(0)["x"].shape == (2, 4)


def test_an_archive_goes_by_input_names_and_may_hold_labels(tmp_path: Path) -> None:
    ids = np.array([[1, 2], [3, 4], [5, 6]])
    np.savez(tmp_path / "d.npz", ids=ids, mask=np.ones_like(ids), y=[2, 0, 1])
    data = open_data(tmp_path / "d.npz", IDS)
    assert data.labels() == [2, 0, 1]
    assert data.feed(1)["ids"].tolist() == [[3, 4]]


def test_a_number_for_all_samples_goes_to_each(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=_rows(), sr=np.int64(16000))
    data = open_data(tmp_path / "d.npz", (X, TensorSpec("sr", "i64", ())))
    assert data.feed(4)["sr"] == 16000


def test_floats_of_another_width_are_converted(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", _rows().astype(np.float64))
    assert open_data(tmp_path / "x.npy", (X,)).feed(0)["x"].dtype == np.float32


def test_labels_lie_beside_or_are_names_of_classes(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=_rows(3), labels=["cat", "dog", "cat"])
    (tmp_path / "names.txt").write_text("dog\ncat\n")
    np.save(tmp_path / "y.npy", [[1], [0], [1]])
    (tmp_path / "y.csv").write_text("label\n0\n1\n0\n")
    assert open_data(tmp_path / "d.npz", (X,)).labels() == ["cat", "dog", "cat"]
    for file, labels in (("names.txt", [1, 0, 1]), ("y.npy", [1, 0, 1]), ("y.csv", [0, 1, 0])):
        assert open_data(tmp_path / "d.npz", (X,), labels=tmp_path / file).labels() == labels


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"x": np.zeros((5, 3), np.float32)}, r"sample 0: the model wants x: f32\[N, 4\], and \[1, 3\] came"),
        (
            {"x": np.zeros((5, 4), np.uint8)},
            r"\(float32\), and uint8 came; scale and convert it as for training",
        ),
        ({"x": np.zeros((0, 4), np.float32)}, "holds no samples"),
        ({"x": np.full((5, 4), np.nan, np.float32)}, r"x holds nan at \[0, 0\]; clean the data"),
        ({"a": _rows(), "b": _rows()}, r"holds the arrays a, b; the model wants x: f32\[N, 4\]"),
        ({"x": _rows(), "labels": np.zeros(4, int)}, "4 labels for 5 samples"),
    ],
)
def test_what_does_not_fit_the_model_is_one_clear_error(
    tmp_path: Path, arrays: dict[str, np.ndarray], says: str
) -> None:
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(ExportError, match=says) as caught:
        open_data(tmp_path / "d.npz", (X,))
    assert "\n" not in str(caught.value)


def test_arrays_of_different_lengths_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", ids=np.zeros((3, 2), int), mask=np.zeros((2, 2), int))
    with pytest.raises(ExportError, match=r"different lengths: ids int64\[3, 2\]; mask int64\[2, 2\]"):
        open_data(tmp_path / "d.npz", IDS)


def test_a_damaged_or_missing_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "d.npz").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01")
    for name in ("d.npz", "x.npy"):
        with pytest.raises(ExportError, match=f"{name} is damaged"):
            open_data(tmp_path / name, (X,))
    with pytest.raises(ExportError, match=r"gone\.npz cannot be read: No such file"):
        open_data(tmp_path / "gone.npz", (X,))


def test_noise_is_loud_and_the_same_for_the_same_seed() -> None:
    inputs = (TensorSpec("x", "f32", ("N", 3, 8, 8)), TensorSpec("ids", "i64", (1, "T")))
    one, same, other = (open_data("random", inputs, seed=seed) for seed in (1, 1, 2))
    assert (one.kind, one.count, one.told) == ("random", 32, "NOISE (seed 1), which proves nothing")
    np.testing.assert_array_equal(one.feed(5)["x"], same.feed(5)["x"])
    assert not np.array_equal(one.feed(5)["x"], other.feed(5)["x"])
    assert not np.array_equal(one.feed(5)["x"], one.feed(6)["x"])
    assert one.feed(0)["x"].shape == (1, 3, 8, 8)
    assert set(np.unique(one.feed(0)["ids"])) <= {0, 1}


def test_a_users_function_gives_feeds_with_labels_or_without(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import numpy as np\n"
        "def listed():\n    return [({'x': np.full((1, 4), i, np.float32)}, i) for i in range(3)]\n"
        "def stream():\n    while True:\n        yield np.ones((1, 4), np.float32)\n"
        "def empty():\n    return []\n"
        "def wrong():\n    return 3\n"
        "def broken():\n    raise OSError('no disk')\n"
        "def short():\n    return [np.ones((1, 3), np.float32)]\n"
    )
    data = open_data(f"{file}:listed", (X,))
    assert data.labels() == [0, 1, 2]
    assert data.feed(2)["x"].tolist() == [[2, 2, 2, 2]]
    endless = open_data(f"{file}:stream", (X,), limit=7)
    assert (endless.count, endless.label) == (7, None)
    for name, says in (
        ("empty", "gave no samples"),
        ("wrong", "gave a int; return a sequence"),
        ("broken", r"failed: no disk \(OSError\)"),
        ("short", r"sample 0: the model wants x: f32\[N, 4\], and \[1, 3\] came"),
        ("gone", "has no function 'gone' for data"),
    ):
        with pytest.raises(ExportError, match=says):
            open_data(f"{file}:{name}", (X,))


def test_a_sequence_is_asked_only_when_a_sample_is_needed(tmp_path: Path) -> None:
    file = tmp_path / "lazy.py"
    file.write_text(
        "import numpy as np\nasked = []\n"
        "class Lazy:\n"
        "    def __len__(self):\n        return 1000\n"
        "    def __getitem__(self, i):\n        asked.append(i)\n        return np.full((1, 4), i, "
        "np.float32)\ndef dataset():\n    return Lazy()\n"
    )
    data = open_data(f"{file}:dataset", (X,), limit=10)
    import sys

    asked = sys.modules["edgeai_own_lazy"].asked
    assert set(asked) == {0}
    data.feed(3)
    assert len(set(asked)) == 2
