"""Parts of data are drawn by the seed, class by class, and never share a sample."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from edgeai.errors import ExportError
from edgeai_exporters.data import Data
from edgeai_exporters.data.selection import limited, split


def _data(labels: list[int] | None, count: int | None = None, groups: list[int] | None = None) -> Data:
    total = count if count is not None else len(labels or [])
    return Data(
        count=total,
        feed=lambda row: {"x": np.array([row])},
        told="test",
        kind="arrays",
        label=None if labels is None else labels.__getitem__,
        names=[f"s{row}" for row in range(total)],
        groups=groups or (),
    )


def _rows(data: Data) -> list[int]:
    return [int(data.feed(row)["x"][0]) for row in range(data.count)]


def test_the_parts_are_disjoint_and_together_all() -> None:
    first, second = split(_data([row % 3 for row in range(60)]), 0.3, seed=0)
    assert sorted(_rows(first) + _rows(second)) == list(range(60))
    assert (first.count, second.count) == (18, 42)
    assert first.names == [f"s{row}" for row in _rows(first)]


def test_each_class_is_divided_in_the_same_share() -> None:
    labels = [0] * 50 + [1] * 30 + [2] * 20
    first, second = split(_data(labels), 0.2, seed=4)
    assert Counter(first.labels() or []) == {0: 10, 1: 6, 2: 4}
    assert Counter(second.labels() or []) == {0: 40, 1: 24, 2: 16}


def test_the_seed_alone_decides() -> None:
    data = _data(None, 100)
    assert _rows(split(data, 0.5, seed=1)[0]) == _rows(split(data, 0.5, seed=1)[0])
    assert _rows(split(data, 0.5, seed=1)[0]) != _rows(split(data, 0.5, seed=2)[0])


def test_windows_of_one_recording_stay_together() -> None:
    groups = [row // 10 for row in range(80)]
    first, second = split(_data(None, 80, groups), 0.25, seed=0)
    assert first.count == 20
    assert not set(first.groups) & set(second.groups)


def test_both_parts_get_a_sample_and_one_sample_cannot_be_divided() -> None:
    first, second = split(_data([0, 0]), 0.01, seed=0)
    assert (first.count, second.count) == (1, 1)
    with pytest.raises(ExportError, match="--calibrate and --evaluate"):
        split(_data([0]), 0.5, seed=0)
    with pytest.raises(ExportError, match="1 sample or recording"):
        split(_data(None, 9, [0] * 9), 0.5, seed=0)


def test_a_limit_keeps_the_shares_of_classes_and_the_order() -> None:
    data = limited(_data([0] * 90 + [1] * 10), 20, seed=0)
    assert Counter(data.labels() or []) == {0: 18, 1: 2}
    assert _rows(data) == sorted(_rows(data))
    assert limited(_data(None, 5), 20, seed=0).count == 5


def test_texts_as_labels_are_no_classes() -> None:
    data = Data(8, lambda row: {}, "test", "text", label=lambda row: f"text {row}")
    assert [part.count for part in split(data, 0.5, seed=0)] == [4, 4]
