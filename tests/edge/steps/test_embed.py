"""Pooling and normalizing, against plain loops in double precision."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeai.errors import InputError
from edgeai.steps.embed import l2_normalize, pool


def loops(hidden: np.ndarray, mask: np.ndarray, how: str) -> np.ndarray:
    """f64 [N, D], one number after the other."""
    texts, tokens, size = hidden.shape
    out = np.zeros((texts, size))
    for text in range(texts):
        kept = [token for token in range(tokens) if mask[text, token]]
        for column in range(size):
            values = [float(hidden[text, token, column]) for token in kept]
            if values:
                out[text, column] = {"mean": math.fsum(values) / len(values), "max": max(values)}.get(
                    how, values[0]
                )
    return out


def random_batch(seed: int, texts: int = 3, tokens: int = 7, size: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    hidden = (rng.standard_normal((texts, tokens, size)) * 10.0 ** rng.integers(-3, 4)).astype(np.float32)
    return hidden, rng.integers(0, 2, (texts, tokens))


@given(st.integers(0, 2**32), st.integers(0, 4), st.integers(0, 9), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("how", ["mean", "max", "cls"])
def test_pooling_is_exact(how: str, seed: int, texts: int, tokens: int, size: int) -> None:
    hidden, mask = random_batch(seed, texts, tokens, size)
    pooled = pool(hidden, mask, how)
    assert (pooled.dtype, pooled.shape) == (np.float32, (texts, size))
    # Sums in double precision round differently from fsum's in the last bit of f32 at most.
    np.testing.assert_allclose(pooled, loops(hidden, mask, how), rtol=2.0**-23, atol=1e-30)


@pytest.mark.parametrize("how", ["mean", "max", "cls"])
@pytest.mark.parametrize("filling", [0.0, 1e30, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("is_left", [False, True])
def test_padding_changes_no_bit(how: str, filling: float, is_left: bool) -> None:
    hidden, _ = random_batch(1)
    sides = (4, 0) if is_left else (0, 4)
    padded = np.pad(hidden, ((0, 0), sides, (0, 0)), constant_values=filling)
    mask = np.pad(np.ones(hidden.shape[:2], np.int64), ((0, 0), sides))
    np.testing.assert_array_equal(
        pool(padded, mask, how), pool(hidden, np.ones(hidden.shape[:2], np.int64), how)
    )


@pytest.mark.parametrize("how", ["mean", "max", "cls"])
def test_a_text_in_a_batch_is_pooled_as_alone(how: str) -> None:
    hidden, mask = random_batch(2, texts=4)
    batch = pool(hidden, mask, how)
    for row in range(4):
        np.testing.assert_array_equal(
            batch[row : row + 1], pool(hidden[row : row + 1], mask[row : row + 1], how)
        )


@pytest.mark.parametrize("how", ["mean", "max", "cls"])
def test_a_text_without_tokens_gives_zeros(how: str) -> None:
    hidden = np.full((1, 3, 2), np.nan, np.float32)
    assert pool(hidden, np.zeros((1, 3), np.int64), how).tolist() == [[0, 0]]


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int8])
@pytest.mark.parametrize("how", ["mean", "max", "cls"])
def test_other_dtypes_come_out_as_f32(how: str, dtype: type) -> None:
    hidden = np.arange(-6, 6).reshape(1, 4, 3).astype(dtype)
    mask = np.array([[1, 1, 1, 0]])
    pooled = pool(hidden, mask, how)
    assert pooled.dtype == np.float32
    assert pooled.tolist() == loops(hidden, mask, how).tolist()


def test_what_goes_in_is_left_as_it_was() -> None:
    hidden, mask = random_batch(3)
    hidden.flags.writeable = mask.flags.writeable = False
    for how in ("mean", "max", "cls"):
        pool(hidden, mask, how)


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match=r"it got \[1, 3, 2\] and \[1, 4\]"):
        pool(np.zeros((1, 3, 2), np.float32), np.ones((1, 4)))
    with pytest.raises(InputError, match=r"it got \[3, 2\] and \[3\]"):
        pool(np.zeros((3, 2), np.float32), np.ones(3))


def test_an_unknown_pooling_is_refused() -> None:
    with pytest.raises(InputError, match="how is 'sum'; give one of: mean, max, cls"):
        pool(np.zeros((1, 3, 2), np.float32), np.ones((1, 3)), "sum")


@given(st.integers(0, 2**32), st.integers(0, 3), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_normalized_vectors_are_those_of_plain_loops(seed: int, texts: int, size: int) -> None:
    vectors = np.random.default_rng(seed).standard_normal((texts, size)).astype(np.float32)
    unit = l2_normalize(vectors)
    assert (unit.dtype, unit.shape) == (np.float32, (texts, size))
    for row, vector in zip(unit, vectors.tolist(), strict=True):
        length = math.sqrt(math.fsum(value * value for value in vector))
        np.testing.assert_allclose(row, [value / length for value in vector], rtol=2.0**-23)


@pytest.mark.parametrize("scale", [1e-38, 1e-30, 1e30, 1e38])
def test_lengths_neither_vanish_nor_overflow(scale: float) -> None:
    unit = l2_normalize(np.array([[3, 4]], np.float32) / np.float32(5) * np.float32(scale))
    np.testing.assert_allclose(unit, [[0.6, 0.8]], rtol=1e-6)


def test_zeros_stay_zeros_and_nan_stays_nan() -> None:
    unit = l2_normalize(np.array([[0, 0], [np.nan, 1], [np.inf, 1]], np.float32))
    assert unit[0].tolist() == [0, 0]
    assert np.isnan(unit[1]).all()
    assert np.isnan(unit[2, 0])


def test_any_number_of_dimensions_is_normalized_along_the_last() -> None:
    vectors = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)
    np.testing.assert_array_equal(l2_normalize(vectors)[1, 2], l2_normalize(vectors[1, 2]))
    assert l2_normalize(np.array([3, 4], np.int8)).tolist() == [np.float32(0.6), np.float32(0.8)]
