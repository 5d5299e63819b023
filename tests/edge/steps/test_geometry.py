"""Affine maps on points, boxes and polygons."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edgeai.steps import geometry

NUMBERS = st.floats(-100, 100, width=32)
MATRICES = hnp.arrays(np.float64, (2, 3), elements=NUMBERS)
POINTS = hnp.arrays(np.float64, st.tuples(st.integers(0, 5), st.just(2)), elements=NUMBERS)


def homogeneous(matrix: NDArray[np.float64]) -> NDArray[Any]:
    return np.vstack([matrix, [0, 0, 1]])


@given(MATRICES, MATRICES)
@settings(max_examples=50)
def test_composing_is_the_product_of_the_matrices_in_homogeneous_coordinates(
    first: NDArray[np.float64], then: NDArray[np.float64]
) -> None:
    expected = (homogeneous(then) @ homogeneous(first))[:2]
    np.testing.assert_allclose(geometry.compose(first, then), expected, rtol=1e-12, atol=1e-9)


@given(MATRICES, POINTS)
@settings(max_examples=50)
def test_points_go_where_the_formula_says(matrix: NDArray[np.float64], points: NDArray[Any]) -> None:
    (a, b, c), (d, e, f) = matrix
    expected = [(a * x + b * y + c, d * x + e * y + f) for x, y in points]
    np.testing.assert_allclose(
        geometry.apply_to_points(matrix, points), np.reshape(expected, (-1, 2)), rtol=1e-12, atol=1e-9
    )


@given(MATRICES)
@settings(max_examples=50)
def test_the_way_back_undoes_the_way(matrix: NDArray[np.float64]) -> None:
    assume(abs(np.linalg.det(matrix[:, :2])) > 1e-3)
    inverse = geometry.invert(matrix)
    np.testing.assert_allclose(inverse, np.linalg.inv(homogeneous(matrix))[:2], rtol=1e-6, atol=1e-6)


def test_a_flattening_map_has_no_way_back() -> None:
    for matrix in (geometry.scaling(0, 1), geometry.affine(1, 2, 0, 2, 4, 0), geometry.scaling(np.nan, 1)):
        with pytest.raises(ValueError, match="no way back"):
            geometry.invert(matrix)


def test_a_halved_picture_has_the_factors_two_and_no_shift() -> None:
    matrix = geometry.compose(geometry.scaling(2, 2), geometry.shift(10, 20))
    assert geometry.apply_to_points(matrix, np.array([[0, 0], [3.5, 1]])).tolist() == [[10, 20], [17, 22]]


def test_the_way_back_from_every_flip_and_turn_finds_each_pixel() -> None:
    picture = np.arange(6).reshape(2, 3)
    for mirrored in (False, True):
        for turns in range(-4, 5):
            turned = np.rot90(picture[:, ::-1] if mirrored else picture, -turns)
            matrix = geometry.from_turned(3, 2, mirrored, turns)
            for (row, column), value in np.ndenumerate(turned):
                x, y = geometry.apply_to_points(matrix, np.array([column + 0.5, row + 0.5]))
                assert (x % 1, y % 1) == (0.5, 0.5)
                assert picture[int(y), int(x)] == value


def test_boxes_stay_upright_and_ordered_under_flips_and_turns() -> None:
    boxes = np.array([[1, 2, 4, 8]], np.float32)
    mirrored = geometry.apply_to_boxes(geometry.affine(-1, 0, 10, 0, 1, 0), boxes)
    assert mirrored.tolist() == [[6, 2, 9, 8]]
    turned = geometry.apply_to_boxes(geometry.affine(0, -1, 0, 1, 0, 0), boxes)  # (x, y) to (-y, x)
    assert turned.tolist() == [[-8, 1, -2, 4]]


def test_a_box_turned_by_an_angle_is_the_box_around_its_corners() -> None:
    s = np.sqrt(0.5)
    box = geometry.apply_to_boxes(geometry.affine(s, -s, 0, s, s, 0), np.array([0.0, 0.0, 2.0, 2.0]))
    np.testing.assert_allclose(box, [-2 * s, 0, 2 * s, 4 * s], atol=1e-12)


def test_floats_keep_their_type_and_integers_become_doubles() -> None:
    matrix = geometry.shift(0.5, 0)
    assert geometry.apply_to_points(matrix, np.zeros((3, 4, 2), np.float32)).dtype == np.float32
    assert geometry.apply_to_points(matrix, np.zeros((1, 2), np.int64)).tolist() == [[0.5, 0.0]]
    assert geometry.apply_to_boxes(matrix, np.zeros((2, 4), np.float32)).dtype == np.float32


def test_no_points_and_no_boxes_stay_none() -> None:
    assert geometry.apply_to_points(geometry.identity(), np.empty((0, 4, 2))).shape == (0, 4, 2)
    assert geometry.apply_to_boxes(geometry.identity(), np.empty((0, 4))).shape == (0, 4)


def test_polygons_are_points() -> None:
    polygons = np.arange(16, dtype=np.float64).reshape(2, 4, 2)
    moved = geometry.apply_to_points(geometry.affine(2, 0, 1, 0, 3, 0), polygons)
    np.testing.assert_array_equal(moved, polygons * [2, 3] + [1, 0])
