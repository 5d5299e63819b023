"""YOLO's three forms of output against plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeai.steps import yolo

Array = NDArray[Any]
THRESHOLD = 0.3


def predictions(seed: int, count: int, values: int) -> Array:
    chance = np.random.default_rng(seed)
    return chance.uniform(0, 1, (count, values)).astype(np.float32)


def corners(x: float, y: float, width: float, height: float) -> list[float]:
    return [x - width / 2, y - height / 2, x + width / 2, y + height / 2]


def check(found: yolo.Found, expected: list[tuple[list[float], float, int]]) -> None:
    boxes, scores, classes = found
    assert boxes.shape == (len(expected), 4)
    assert (boxes.dtype, scores.dtype, classes.dtype) == (np.float32, np.float32, np.int64)
    np.testing.assert_allclose(boxes, np.reshape([row[0] for row in expected], (-1, 4)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scores, [row[1] for row in expected], rtol=1e-6)
    assert classes.tolist() == [row[2] for row in expected]


@given(st.integers(0, 10_000), st.integers(0, 40), st.integers(1, 6))
@settings(max_examples=40)
def test_v5_scores_are_objectness_times_class(seed: int, count: int, kinds: int) -> None:
    rows = predictions(seed, count, 5 + kinds)
    expected = []
    for row in rows.tolist():
        kind = max(range(kinds), key=lambda index, row=row: row[5 + index])  # type: ignore[misc]
        if row[4] * row[5 + kind] >= THRESHOLD:
            expected.append((corners(*row[:4]), row[4] * row[5 + kind], kind))
    check(yolo.decode_v5(rows, THRESHOLD), expected)


@given(st.integers(0, 10_000), st.integers(0, 40), st.integers(1, 6))
@settings(max_examples=40)
def test_v8_scores_are_the_best_classes(seed: int, count: int, kinds: int) -> None:
    columns = predictions(seed, 4 + kinds, count)
    expected = []
    for column in columns.T.tolist():
        kind = max(range(kinds), key=lambda index, column=column: column[4 + index])  # type: ignore[misc]
        if column[4 + kind] >= THRESHOLD:
            expected.append((corners(*column[:4]), column[4 + kind], kind))
    check(yolo.decode_v8(columns, THRESHOLD), expected)


@given(st.integers(0, 10_000), st.integers(0, 40))
@settings(max_examples=20)
def test_v10_rows_are_taken_as_they_are(seed: int, count: int) -> None:
    rows = predictions(seed, count, 6)
    rows[:, 5] = np.arange(count) % 7
    check(
        yolo.decode_v10(rows, THRESHOLD),
        [(row[:4], row[4], int(row[5])) for row in rows.tolist() if row[4] >= THRESHOLD],
    )


def test_a_score_on_the_threshold_stays_and_nan_goes() -> None:
    columns = np.array([[5, 5, 5], [5, 5, 5], [2, 2, 2], [2, 2, 2], [0.25, np.nan, 0.125]], np.float32)
    boxes, scores, classes = yolo.decode_v8(columns, 0.25)
    assert (boxes.tolist(), scores.tolist(), classes.tolist()) == ([[4, 4, 6, 6]], [0.25], [0])


@pytest.mark.parametrize("decode", [yolo.decode_v5, yolo.decode_v8, yolo.decode_v10])
def test_halves_come_out_as_singles(decode: Any) -> None:
    boxes, scores, _ = decode(np.full((6, 6), 0.5, np.float16), 0.1)
    assert (boxes.dtype, scores.dtype) == (np.float32, np.float32)
