"""Softmax, sigmoid and the best classes, against SciPy and plain sorting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edgeai.steps import classify

LOGITS = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=1, max_dims=3), elements=st.floats(-200, 200, width=32)
)


@given(LOGITS)
@settings(max_examples=50)
def test_softmax_is_scipys(logits: NDArray[np.float32]) -> None:
    expected = scipy.special.softmax(logits.astype(np.float64), axis=-1)
    found = classify.softmax(logits)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=3e-5, atol=1e-30)


@given(LOGITS)
@settings(max_examples=50)
def test_sigmoid_is_scipys_to_the_last_digits_at_both_ends(logits: NDArray[np.float32]) -> None:
    expected = scipy.special.expit(logits.astype(np.float64))
    found = classify.sigmoid(logits)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-38)


def test_huge_logits_neither_warn_nor_overflow() -> None:
    huge = np.array([-1e30, 1e30, -np.inf, np.inf], np.float32)
    assert classify.sigmoid(huge).tolist() == [0, 1, 0, 1]
    assert classify.softmax(np.array([-1e30, 1e30], np.float32)).tolist() == [0, 1]


def test_a_sigmoid_may_be_clipped() -> None:
    found = classify.sigmoid(np.array([-9.0, -1.0, 9.0]), clip=2.0)
    np.testing.assert_allclose(found, scipy.special.expit([-2.0, -1.0, 2.0]), rtol=1e-15)


@pytest.mark.parametrize(
    ("given_dtype", "comes_out"), [("f2", "f4"), ("f4", "f4"), ("f8", "f8"), ("i1", "f4"), ("u1", "f4")]
)
def test_halves_and_small_integers_become_singles(given_dtype: str, comes_out: str) -> None:
    values: Any = np.array([0, 3, 1], given_dtype)
    for found in (classify.softmax(values), classify.sigmoid(values)):
        assert found.dtype == np.dtype(comes_out)
    np.testing.assert_allclose(classify.softmax(values), scipy.special.softmax([0.0, 3.0, 1.0]), rtol=1e-6)


@given(
    hnp.arrays(np.float32, st.integers(1, 30), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])),
    st.integers(1, 40),
)
@settings(max_examples=50)
def test_the_best_are_sorted_and_of_equal_ones_the_earlier_is_first(scores: NDArray[Any], k: int) -> None:
    expected = sorted(range(len(scores)), key=lambda index: (-scores[index], index))[:k]
    assert classify.top_k(scores, k).tolist() == expected


def test_nan_is_never_among_the_best_before_a_number() -> None:
    assert classify.top_k(np.array([np.nan, 0.1, np.nan, 0.9]), 3).tolist() == [3, 1, 0]
