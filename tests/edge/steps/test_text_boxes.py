"""Boxes around text against OpenCV with Clipper, and against plain loops."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import pyclipper
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeai.steps import quads, text_boxes

Array = NDArray[Any]


def lines_of_text(seed: int, size: tuple[int, int]) -> Array:
    """A map [height, width] as a text detector gives it: soft bars, slightly turned."""
    chance = np.random.default_rng(seed)
    height, width = size
    bars = np.zeros(size, np.uint8)
    for middle in range(24, height - 24, 28):
        length, thickness = chance.uniform(0.2, 0.7) * width, chance.uniform(5, 12)
        angle = chance.uniform(-4, 4)
        center = (width / 2 + chance.uniform(-0.1, 0.1) * width, middle)
        corners = cv2.boxPoints((center, (length, thickness), angle))
        cv2.fillPoly(bars, [np.rint(corners).astype(np.int32)], (1,))
    soft = cv2.GaussianBlur(bars.astype(np.float32), (5, 5), 1.0)
    return np.asarray(soft * chance.uniform(0.8, 1, size), np.float32)


def with_opencv(probabilities: Array, scale: int, unclip_ratio: float = 1.6) -> tuple[Array, Array]:
    """The same with contours of the dilated mask, whose middles are our pixels' corners, and offset polygons.

    scale: Clipper computes in whole numbers, of which this many are a pixel; the usual code has 1, and so
    cuts off what is behind the point.
    """
    mask = np.pad((probabilities > 0.3).astype(np.uint8), ((0, 1), (0, 1)))
    dilated = cv2.dilate(mask, np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(dilated, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    found, scores = [], []
    for contour in contours:
        rectangle = cv2.minAreaRect(contour)
        width, height = rectangle[1]
        corners = cv2.boxPoints(rectangle)
        score = plain_mean(probabilities, corners)
        if min(width, height) < 3 or score < 0.5:
            continue
        offset = pyclipper.PyclipperOffset(2.0, 0.25)
        offset.AddPath((corners * scale).tolist(), pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
        [grown] = offset.Execute(scale * width * height * unclip_ratio / (2 * (width + height)))
        found.append(cv2.boxPoints(cv2.minAreaRect(np.array(grown, np.float32))) / scale)
        scores.append(score)
    return quads.upright_order(np.array(found, np.float64).reshape(-1, 4, 2)), np.array(scores)


def plain_mean(values: Array, corners: Array) -> float:
    """Over pixels whose middle is inside, one by one; corners: a walk around a rectangle."""
    sides = np.roll(corners, -1, axis=0).astype(np.float64) - corners
    left, top = np.maximum(corners.min(axis=0).astype(int) - 1, 0)
    right, bottom = np.maximum(corners.max(axis=0).astype(int) + 2, 0)
    inside = []
    for row, line in enumerate(values[:bottom]):
        for column in range(left, min(right, len(line)) if row >= top else 0):
            x, y = column + 0.5 - corners[:, 0], row + 0.5 - corners[:, 1]
            turns = sides[:, 0] * y - sides[:, 1] * x
            if (turns > 0).all() or (turns < 0).all():
                inside.append(float(line[column]))
    return sum(inside) / len(inside) if inside else 0.0


def matched(found: Array, expected: Array) -> Array:
    """For each expected quad the largest distance of a corner from that of the nearest found one."""
    assert len(found) == len(expected)
    distances = np.abs(found[:, None] - expected[None]).max(axis=(2, 3))
    return np.asarray(distances.min(axis=0))


@pytest.mark.parametrize("join", [False, True])
def test_a_filled_rectangle_of_pixels_has_exactly_its_edges(join: bool) -> None:
    probabilities = np.zeros((40, 60), np.float32)
    probabilities[7:15, 10:50] = 0.75
    corners, scores = text_boxes.find_text(probabilities, unclip_ratio=0, join=join)
    assert corners.tolist() == [[[10, 7], [50, 7], [50, 15], [10, 15]]]
    assert scores.tolist() == [0.75]


def test_a_rectangle_grows_by_area_times_ratio_over_perimeter() -> None:
    probabilities = np.zeros((40, 60), np.float32)
    probabilities[10:20, 10:50] = 1
    corners, _ = text_boxes.find_text(probabilities, unclip_ratio=1.5)
    assert corners.tolist() == [[[4, 4], [56, 4], [56, 26], [4, 26]]]  # 400 * 1.5 / 100 = 6


@pytest.mark.parametrize("degrees", [-35, -10, -3, 5, 20, 44])
def test_a_turned_bar_is_found_within_what_pixels_stick_out(degrees: int) -> None:
    # Drawn at 8 times the size and averaged: the share of each pixel that is covered.
    corners = cv2.boxPoints(((100.0 * 8, 90.0 * 8), (120 * 8, 14 * 8), degrees))
    large = np.zeros((180 * 8, 200 * 8), np.float32)
    cv2.fillPoly(large, [np.rint(corners).astype(np.int32)], (1,))
    covered = large.reshape(180, 8, 200, 8).mean(axis=(1, 3))
    found, _ = text_boxes.find_text(covered, threshold=0.5, unclip_ratio=0)
    # Corners of pixels stick out of a slanted side: by half a pixel's diagonal at most, on both sides.
    assert matched(found, quads.upright_order(corners[None].astype(np.float64) / 8)).max() < 1.2


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("turned", [False, True])
def test_boxes_are_those_of_opencv_and_clipper(seed: int, turned: bool) -> None:
    probabilities = lines_of_text(seed, (160, 200))
    if turned:
        probabilities = np.ascontiguousarray(np.rot90(probabilities))
    found, scores = text_boxes.find_text(probabilities)
    expected, expected_scores = with_opencv(probabilities, scale=1024)
    assert matched(found, expected).max() < 0.01
    np.testing.assert_allclose(np.sort(scores), np.sort(expected_scores), rtol=0.01)


def test_boxes_lie_within_a_pixel_and_a_half_of_those_that_are_cut_to_whole_pixels() -> None:
    probabilities = lines_of_text(5, (160, 240))
    expected, _ = with_opencv(probabilities, scale=1)
    assert matched(text_boxes.find_text(probabilities)[0], expected).max() < 1.5


@given(st.floats(-5, 25), st.floats(-5, 25), st.floats(0.5, 30), st.floats(0.5, 30), st.floats(-3.2, 3.2))
@settings(max_examples=60, deadline=None)
def test_the_mean_is_over_the_pixels_whose_middles_are_inside(
    x: float, y: float, width: float, height: float, angle: float
) -> None:
    values = np.random.default_rng(0).random((20, 17), np.float32)
    axis = np.array([[math.cos(angle), math.sin(angle)]])
    rectangles = quads.Rectangles(np.array([[x, y]]), axis, np.array([[width, height]]))
    rows, columns = np.mgrid[:20, :17] + 0.5
    along, across = columns - x, rows - y
    along, across = along * axis[0, 0] + across * axis[0, 1], across * axis[0, 0] - along * axis[0, 1]
    off = np.minimum(np.abs(np.abs(along) - width / 2), np.abs(np.abs(across) - height / 2))
    assume(off.min() > 1e-9)  # whether a middle on the side itself is inside is nobody's business
    expected = plain_mean(values, quads.corners_of(rectangles)[0])
    assert text_boxes.mean_inside(values, rectangles).tolist() == pytest.approx([expected], rel=1e-5)


def test_means_of_several_rectangles_do_not_mix() -> None:
    values = np.arange(30, dtype=np.float32).reshape(5, 6)
    centers = np.array([[1.0, 1], [50, 50], [4, 3]])  # the second is not on the map
    rectangles = quads.Rectangles(centers, np.array([[1.0, 0]] * 3), np.array([[2.0, 2]] * 3))
    assert text_boxes.mean_inside(values, rectangles).tolist() == [3.5, 0, 18.5]


def test_a_gap_of_one_pixel_is_bridged_where_asked() -> None:
    probabilities = np.zeros((20, 40), np.float32)
    probabilities[5:12, 5:35] = 1
    probabilities[:, 20] = 0
    joined, _ = text_boxes.find_text(probabilities, unclip_ratio=0)
    assert joined.tolist() == [[[5, 5], [35, 5], [35, 12], [5, 12]]]
    apart, _ = text_boxes.find_text(probabilities, unclip_ratio=0, join=False)
    assert sorted(apart[:, 0].tolist()) == [[5, 5], [21, 5]]


def test_what_is_thin_faint_or_beyond_the_largest_is_left_out() -> None:
    probabilities = np.zeros((60, 60), np.float32)
    probabilities[5:7, 5:50] = 1  # 2 pixels high
    probabilities[15:25, 5:50] = 0.4
    probabilities[30:40, 5:50] = 0.9
    probabilities[45:50, 5:50] = 0.8
    corners, scores = text_boxes.find_text(probabilities)
    assert sorted(scores.tolist()) == pytest.approx([0.8, 0.9])
    assert len(corners) == 2
    assert text_boxes.find_text(probabilities, box_threshold=0.85)[1].tolist() == pytest.approx([0.9])
    assert len(text_boxes.find_text(probabilities, box_threshold=0.3, min_size=2)[0]) == 4
    assert text_boxes.find_text(probabilities, box_threshold=0, max_boxes=1)[1].tolist() == pytest.approx(
        [0.4]
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (7, 7)])
def test_a_full_map_is_one_box_if_it_is_high_enough(shape: tuple[int, int]) -> None:
    corners, scores = text_boxes.find_text(np.ones(shape, np.float32), unclip_ratio=0)
    assert corners.tolist() == ([[[0, 0], [7, 0], [7, 7], [0, 7]]] if shape == (7, 7) else [])
    assert len(scores) == len(corners)


def test_an_empty_map_and_one_of_nan_hold_no_text() -> None:
    for value in (0, np.nan):
        corners, scores = text_boxes.find_text(np.full((20, 30), value, np.float32))
        assert (corners.shape, scores.shape) == ((0, 4, 2), (0,))


def test_a_score_of_nan_is_no_score() -> None:
    probabilities = np.zeros((20, 30), np.float32)
    probabilities[5:15, 5:25] = 1
    probabilities[10, 10] = np.nan  # a hole within the rectangle
    assert len(text_boxes.find_text(probabilities)[0]) == 0


def plain_order(corners: list[tuple[float, float]], same_row: float) -> list[int]:
    """Sorted by height, then each swapped to the left while it is of the same row: what PaddleOCR does."""
    order = sorted(range(len(corners)), key=lambda box: (corners[box][1], corners[box][0]))
    for first in range(len(order) - 1):
        for place in range(first, -1, -1):
            (x0, y0), (x1, y1) = corners[order[place]], corners[order[place + 1]]
            if not (abs(y1 - y0) < same_row and x1 < x0):
                break
            order[place], order[place + 1] = order[place + 1], order[place]
    return order


@given(st.lists(st.tuples(st.integers(0, 60).map(float), st.integers(0, 60).map(float)), max_size=15))
@settings(max_examples=200)
def test_reading_order_is_paddleocrs(corners: list[tuple[float, float]]) -> None:
    boxes = np.repeat(np.reshape(corners, (-1, 1, 2)), 4, axis=1)
    assert text_boxes.reading_order(boxes).tolist() == plain_order(corners, 10)


def test_two_columns_of_a_row_are_read_from_left_to_right() -> None:
    tops = np.array([[200.0, 10], [5, 14], [5, 40], [200, 38]])
    assert text_boxes.reading_order(np.repeat(tops[:, None], 4, axis=1)).tolist() == [1, 0, 2, 3]
