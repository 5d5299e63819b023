"""Runs and connected components against SciPy and OpenCV."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edgeai.steps.components import Runs, connect, find_runs

Mask = NDArray[np.bool_]
MASKS = st.tuples(st.integers(1, 14), st.integers(1, 14)).flatmap(lambda size: hnp.arrays(np.bool_, size))


def painted(mask: Mask, runs: Runs, components: NDArray[Any]) -> NDArray[np.int64]:
    """A picture of the components, numbered from 1."""
    picture = np.zeros(mask.shape, np.int64)
    for row, start, stop, component in zip(runs.rows, runs.starts, runs.stops, components, strict=True):
        picture[row, start:stop] = component + 1
    return picture


def in_reading_order(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Components numbered by their first pixels, as ours are."""
    names = dict.fromkeys(labels[labels > 0].tolist())
    order = {0: 0} | {name: place + 1 for place, name in enumerate(names)}
    return np.vectorize(order.__getitem__, otypes=[np.int64])(labels)


def labelled(mask: Mask, reach: int = 1) -> NDArray[np.int64]:
    runs = find_runs(mask)
    return painted(mask, runs, connect(runs, reach))


@given(MASKS)
@settings(max_examples=100)
def test_runs_are_the_stretches_of_each_row(mask: Mask) -> None:
    runs = find_runs(mask)
    assert (painted(mask, runs, np.zeros(len(runs))) > 0).tolist() == mask.tolist()
    keys = list(zip(runs.rows.tolist(), runs.starts.tolist(), runs.stops.tolist(), strict=True))
    assert all(start < stop for _, start, stop in keys)
    assert all(a[0] < b[0] or a[2] < b[1] for a, b in pairwise(keys))


@given(MASKS)
@settings(max_examples=200)
def test_components_are_scipys(mask: Mask) -> None:
    expected = scipy.ndimage.label(mask, structure=np.ones((3, 3)))[0]
    np.testing.assert_array_equal(labelled(mask), in_reading_order(expected))


@given(MASKS)
@settings(max_examples=200)
def test_a_reach_of_two_joins_what_a_dilation_by_two_joins(mask: Mask) -> None:
    # OpenCV's dilation by 2x2 goes to the right and down; a margin keeps what it would lose.
    wide = np.pad(mask, ((0, 1), (0, 1))).astype(np.uint8)
    dilated = cv2.dilate(wide, np.ones((2, 2), np.uint8))
    joined = cv2.connectedComponents(dilated, connectivity=8)[1][: mask.shape[0], : mask.shape[1]]
    np.testing.assert_array_equal(labelled(mask, 2), in_reading_order(joined * mask))


@pytest.mark.parametrize("seed", range(3))
def test_large_noise_is_labelled_as_scipy_does(seed: int) -> None:
    mask = np.random.default_rng(seed).random((300, 400)) < (0.3, 0.4, 0.5)[seed]
    expected = scipy.ndimage.label(mask, structure=np.ones((3, 3)))[0]
    np.testing.assert_array_equal(labelled(mask), in_reading_order(expected))


def test_a_spiral_is_one_component() -> None:
    mask = np.ones((41, 41), np.bool_)
    for depth in range(1, 20, 2):  # walls, each with a door on the other side
        mask[depth, depth:-depth] = mask[-depth - 1, depth:-depth] = False
        mask[depth:-depth, depth] = mask[depth:-depth, -depth - 1] = False
        mask[depth, depth + 1 if depth % 4 == 1 else -depth - 2] = True
    expected, count = scipy.ndimage.label(mask, structure=np.ones((3, 3)))
    assert count == 1
    np.testing.assert_array_equal(labelled(mask), expected)


def test_rows_do_not_hang_together_around_the_border() -> None:
    mask = np.array([[0, 0, 1], [1, 0, 0], [0, 0, 1]], np.bool_)
    assert labelled(mask).tolist() == [[0, 0, 1], [2, 0, 0], [0, 0, 3]]


def test_an_empty_mask_has_no_components() -> None:
    for shape in ((3, 4), (0, 4), (3, 0)):
        runs = find_runs(np.zeros(shape, np.bool_))
        assert len(runs) == 0
        assert connect(runs).tolist() == connect(runs, 2).tolist() == []
