"""Labels are drawn evenly, by seed, and never from the test part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeai.errors import ExportError
from edgeai_exporters.distill.dataset import open_dataset, split
from edgeai_exporters.distill.recipe import DataChoice


def npz(folder: Path, **arrays: object) -> DataChoice:
    np.savez(folder / "data.npz", **arrays)  # type: ignore[arg-type,unused-ignore]
    return DataChoice(str(folder / "data.npz"), None, labels=20, validation=5, test=50)


def test_parts_do_not_overlap_and_classes_take_turns(tmp_path: Path) -> None:
    choice = npz(tmp_path, x=np.arange(200.0)[:, None], y=np.arange(200) % 5)
    data = open_dataset(choice)
    assert len(data.y_test) == 50
    assert set(data.x.ravel()) | set(data.x_test.ravel()) == set(range(200))
    assert np.bincount(data.y_test).tolist() == [10] * 5
    parts = split(data, choice, seed=1)
    rows = np.concatenate([parts.labelled, parts.validation, parts.unlabelled])
    assert sorted(rows) == list(range(150))
    assert np.bincount(data.y[parts.validation]).tolist() == [1] * 5
    assert np.bincount(data.y[parts.labelled]).tolist() == [3] * 5
    assert not np.array_equal(parts.labelled, split(data, choice, seed=2).labelled)
    assert len(split(data, replace(choice, labels=None, validation=0), seed=1).unlabelled) == 0


@pytest.mark.parametrize(
    ("arrays", "error"),
    [
        ({"x": np.zeros((9, 2))}, "has no y; it has: x"),
        ({"x": np.zeros((9, 2)), "y": np.zeros(8, int)}, r"x has shape \(9, 2\), y \(8,\)"),
        ({"x": np.zeros((9, 2)), "y": np.zeros(9)}, "y must hold classes"),
        ({"x": np.zeros((9, 2)), "y": np.zeros(9, int)}, "give data.test, how many of its 9 samples prove"),
    ],
)
def test_data_that_does_not_fit_is_refused(tmp_path: Path, arrays: dict[str, object], error: str) -> None:
    with pytest.raises(ExportError, match=error):
        open_dataset(npz(tmp_path, **arrays))
