"""Hulls and minimum-area rectangles against SciPy and OpenCV."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import pytest
import scipy.spatial
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edgeai.steps import quads

Array = NDArray[Any]
POINTS = st.integers(1, 12).flatmap(
    lambda count: hnp.arrays(np.int64, (count, 2), elements=st.integers(-6, 6))
)
GROUPS = st.lists(POINTS, max_size=4)


def laid_out(groups: list[Array]) -> tuple[Array, Array]:
    """Groups end to end, numbered with gaps."""
    if not groups:
        return np.empty((0, 2), np.int64), np.empty(0, np.int64)
    sizes = [len(group) for group in groups]
    return np.concatenate(groups), np.repeat(np.arange(len(groups)) * 3, sizes)


def rectangles_of(groups: list[Array]) -> quads.Rectangles:
    return quads.minimum_rectangles(*quads.convex_hulls(*laid_out(groups)))


def plain_hull(points: Array) -> list[tuple[int, int]]:
    """Andrew's monotone chain, from the topmost (then leftmost), clockwise with y downwards."""
    ordered = sorted({(int(y), int(x)) for x, y in points})
    if len(ordered) == 1:
        return [ordered[0][::-1]]

    def chain(of: list[tuple[int, int]]) -> list[tuple[int, int]]:
        kept: list[tuple[int, int]] = []
        for y, x in of:
            while len(kept) > 1:
                (y0, x0), (y1, x1) = kept[-2:]
                if (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) > 0:
                    break
                kept.pop()
            kept.append((y, x))
        return kept[:-1]

    return [(x, y) for y, x in chain(ordered) + chain(ordered[::-1])]


@given(GROUPS)
@settings(max_examples=200)
def test_hulls_are_andrews(groups: list[Array]) -> None:
    corners, owners = quads.convex_hulls(*laid_out(groups))
    for index, group in enumerate(groups):
        assert [tuple(corner) for corner in corners[owners == index * 3].tolist()] == plain_hull(group)


def test_a_hull_of_thousands_of_points_is_scipys() -> None:
    points = np.random.default_rng(0).normal(size=(5000, 2))
    corners, _ = quads.convex_hulls(points, np.zeros(5000, np.int64))
    expected = points[scipy.spatial.ConvexHull(points).vertices]
    assert sorted(map(tuple, corners.tolist())) == sorted(map(tuple, expected.tolist()))


def test_a_disc_keeps_its_hull() -> None:
    y, x = np.mgrid[-40:41, -40:41]
    points = np.stack([x, y], axis=-1)[x * x + y * y <= 1600]
    corners, _ = quads.convex_hulls(points, np.zeros(len(points), np.int64))
    expected = cv2.convexHull(points.astype(np.int32))[:, 0]
    assert sorted(map(tuple, corners.tolist())) == sorted(map(tuple, expected.tolist()))


@given(GROUPS)
@settings(max_examples=200)
def test_rectangles_have_the_area_of_opencvs_and_hold_all_points(groups: list[Array]) -> None:
    found = rectangles_of(groups)
    assert len(found) == len(groups)
    for index, group in enumerate(groups):
        _, size, _ = cv2.minAreaRect(group.astype(np.float32))
        assert math.prod(found.sizes[index]) == pytest.approx(size[0] * size[1], rel=1e-4, abs=1e-3)
        away = group - found.centers[index]
        along = away @ found.axes[index]
        across = away @ [-found.axes[index, 1], found.axes[index, 0]]
        assert np.abs(along).max() <= found.sizes[index, 0] / 2 + 1e-9
        assert np.abs(across).max() <= found.sizes[index, 1] / 2 + 1e-9


@given(st.floats(-3.1, 3.1), st.floats(5, 50), st.floats(1, 50), st.floats(-20, 20))
@settings(max_examples=100)
def test_a_turned_rectangle_is_found_again(angle: float, width: float, height: float, shift: float) -> None:
    axis = np.array([[math.cos(angle), math.sin(angle)]])
    given_one = quads.Rectangles(np.array([[shift, -shift]]), axis, np.array([[width, height]]))
    corners = quads.corners_of(given_one)
    [found] = quads.corners_of(rectangles_of([corners[0]]))
    distances = np.hypot(*(found[:, None] - corners).transpose(2, 0, 1))
    assert distances.min(axis=0).max() < 1e-9


def test_points_on_a_line_have_a_rectangle_without_height() -> None:
    found = rectangles_of([np.array([[0, 0], [3, 4], [6, 8]]), np.array([[2, 5]])])
    np.testing.assert_allclose(np.sort(found.sizes), [[0, 10], [0, 0]], atol=1e-12)
    np.testing.assert_allclose(found.centers, [[3, 4], [2, 5]])


def test_no_groups_have_no_rectangles() -> None:
    found = rectangles_of([])
    assert quads.corners_of(quads.grow(found, np.empty(0))).shape == (0, 4, 2)
    assert quads.upright_order(quads.corners_of(found)).shape == (0, 4, 2)


def test_growing_moves_every_side_by_the_distance() -> None:
    axis = np.array([[0.6, 0.8]])
    grown = quads.grow(quads.Rectangles(np.array([[1.0, 2]]), axis, np.array([[4.0, 2]])), np.array([0.5]))
    assert grown.sizes.tolist() == [[5, 3]]
    assert grown.centers.tolist() == [[1, 2]]


@pytest.mark.parametrize("start", range(4))
@pytest.mark.parametrize("degrees", [-44, -10, -1, 0, 1, 10, 44])
def test_upright_order_begins_at_the_top_left_of_a_line_of_text(degrees: int, start: int) -> None:
    angle = math.radians(degrees)
    along = np.array([math.cos(angle), math.sin(angle)]) * 100
    down = np.array([-math.sin(angle), math.cos(angle)]) * 8
    text = 300 + np.array([[0, 0], along, along + down, down])
    for walk in (np.roll(text, start, axis=0), np.roll(text[::-1], start, axis=0)):
        np.testing.assert_array_equal(quads.upright_order(walk[None])[0], text)


@pytest.mark.parametrize("degrees", [-40, -3, 0, 3, 40])
def test_long_and_short_lines_of_a_page_that_lies_on_its_side_begin_at_the_same_corner(degrees: int) -> None:
    angle = math.radians(degrees)
    right = np.array([math.cos(angle), math.sin(angle)]) * 20
    down = np.array([-math.sin(angle), math.cos(angle)])
    for length in (30, 100, 900):
        line = 500 + np.array([[0, 0], right, right + down * length, down * length])
        for turn in range(4):
            np.testing.assert_array_equal(quads.upright_order(np.roll(line, turn, axis=0)[None])[0], line)


def test_upright_order_of_a_column_begins_at_its_top_left() -> None:
    column = np.array([[10.0, 0], [20, 0], [20, 90], [10, 90]])
    assert quads.upright_order(column[None, [2, 0, 3, 1]])[0].tolist() == column.tolist()


def test_a_square_on_its_corner_is_walked_around() -> None:
    diamond = np.array([[5.0, 0], [10, 5], [5, 10], [0, 5]])
    for turn in range(4):
        found = quads.upright_order(np.roll(diamond, turn, axis=0)[None])[0]
        sides = np.roll(found, -1, axis=0) - found
        assert np.hypot(*sides.T).tolist() == [math.hypot(5, 5)] * 4
        assert (sides[:, 0] * np.roll(sides[:, 1], -1) - sides[:, 1] * np.roll(sides[:, 0], -1) > 0).all()
