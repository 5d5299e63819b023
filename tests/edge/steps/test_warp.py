"""Quads as upright rectangles against OpenCV and exact maps."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeai.errors import InputError
from edgeai.steps import geometry, warp

Array = NDArray[Any]


def smooth(height: int = 90, width: int = 120, channels: int = 3) -> Array:
    """Noise that does not change faster than pixels can show, as photos do."""
    noise = np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 2).reshape(height, width, channels)


def coordinates(height: int, width: int) -> Array:
    """Each pixel holds where its middle is: f32 [H, W, 2] of x and y."""
    y, x = np.mgrid[:height, :width] + 0.5
    return np.stack([x, y], axis=-1).astype(np.float32)


def rectangle(x: float, y: float, width: float, height: float, degrees: float) -> Array:
    """Clockwise from the top left, about its middle at x, y, turned clockwise."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [width / 2, height / 2]
    return corners @ np.array([[cos, sin], [-sin, cos]]) + [x, y]


def by_opencv(pixels: Array, quad: Array, flag: int) -> Array:
    """OpenCV counts from the middles of pixels, so both sides are shifted by half a one."""
    width, height = warp.quad_size(quad)
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform((quad - 0.5).astype(np.float32), target - np.float32(0.5))
    return cv2.warpPerspective(pixels, matrix, (width, height), flags=flag, borderMode=cv2.BORDER_REPLICATE)


QUADS = st.builds(
    lambda x, y, width, height, degrees, bends: (
        rectangle(x, y, width, height, degrees)
        + np.reshape(bends, (4, 2)) * min(width, height) / 5
    ),
    st.floats(-10, 130),
    st.floats(-10, 100),
    st.floats(3, 80),
    st.floats(3, 40),
    st.floats(-180, 180),
    st.lists(st.floats(-1, 1), min_size=8, max_size=8),
)  # fmt: skip


@given(QUADS)
@settings(max_examples=60, deadline=None)
def test_bilinear_crops_are_opencvs_within_two_levels(quad: Array) -> None:
    pixels = smooth()
    cut, _ = warp.crop_quad(pixels, quad, "bilinear")
    difference = np.abs(cut.astype(int) - by_opencv(pixels, quad, cv2.INTER_LINEAR))
    # Pillow rounds down; OpenCV looks at 1/32 of a pixel, and these slopes are up to 20 levels a pixel.
    assert difference.max() <= 2


@given(QUADS)
@settings(max_examples=30, deadline=None)
def test_bicubic_crops_are_near_opencvs(quad: Array) -> None:
    # Pillow's cubic has the slope -1, OpenCV's -0.75: they differ a little on every curve.
    pixels = smooth()
    cut, _ = warp.crop_quad(pixels, quad, "bicubic")
    assert np.abs(cut.astype(int) - by_opencv(pixels, quad, cv2.INTER_CUBIC)).max() <= 6


@given(QUADS)
@settings(max_examples=60, deadline=None)
def test_each_pixel_of_a_crop_comes_from_where_the_perspective_says(quad: Array) -> None:
    inside = quad.clip(3, [117, 87])
    size = warp.quad_size(inside)
    perspective = warp.homography(inside, *size)
    assume(perspective is not None)
    assert perspective is not None
    cut, _ = warp.crop_quad(coordinates(90, 120), inside, "bilinear")
    y, x = np.mgrid[: size[1], : size[0]] + 0.5
    mapped = np.stack([x, y, np.ones_like(x)], axis=-1) @ perspective.T
    np.testing.assert_allclose(cut, mapped[..., :2] / mapped[..., 2:], atol=0.02)


@given(QUADS)
@settings(max_examples=60, deadline=None)
def test_a_perspective_takes_the_corners_to_the_quad_as_opencvs_does(quad: Array) -> None:
    perspective = warp.homography(quad, 50, 20)
    rectangle_corners = np.array([[0, 0], [50, 0], [50, 20], [0, 20]], np.float32)
    assume(perspective is not None and np.linalg.cond(perspective) < 1e6)
    assert perspective is not None
    mapped = np.c_[rectangle_corners, np.ones(4)] @ perspective.T
    np.testing.assert_allclose(mapped[:, :2] / mapped[:, 2:], quad, atol=1e-6)
    expected = cv2.getPerspectiveTransform(rectangle_corners, quad.astype(np.float32))
    middle = perspective @ [25, 10, 1], expected @ [25, 10, 1]
    np.testing.assert_allclose(*(point[:2] / point[2] for point in middle), atol=1e-3)


@given(st.floats(20, 100), st.floats(20, 70), st.floats(4, 60), st.floats(4, 30), st.floats(-180, 180))
@settings(max_examples=60, deadline=None)
def test_the_way_back_from_a_rectangle_is_exact(
    x: float, y: float, width: float, height: float, degrees: float
) -> None:
    quad = rectangle(x, y, width, height, degrees)
    pixels = np.pad(coordinates(90, 120), ((0, 0), (0, 0), (0, 1)))
    cut, back = warp.crop_quad(pixels, quad, "bilinear")
    rows, columns = cut.shape[:2]
    corners = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]])
    np.testing.assert_allclose(geometry.apply_to_points(back, corners), quad, atol=1e-9)
    places = geometry.apply_to_points(back, np.moveaxis(np.mgrid[:columns, :rows] + 0.5, 0, -1))
    seen = np.swapaxes(cut[..., :2], 0, 1)
    within = ((places > 1) & (places < [119, 89])).all(-1)
    np.testing.assert_allclose(seen[within], places[within], atol=0.02)


def test_the_way_back_from_a_bent_quad_is_the_least_squares_fit() -> None:
    quad = np.array([[10, 12], [60, 8], [66, 41], [7, 33]], np.float64)
    corners = np.array([[0, 0, 1], [50, 0, 1], [50, 30, 1], [0, 30, 1]])
    expected = np.linalg.lstsq(corners, quad, rcond=None)[0].T
    np.testing.assert_allclose(warp.best_affine(quad, 50, 30), expected, atol=1e-9)


def test_the_size_is_that_of_the_longer_sides() -> None:
    quad = np.array([[0, 0], [30, 0], [34, 10], [0, 12]], np.float64)
    assert warp.quad_size(quad) == (round(math.hypot(34, 2)), 12)
    assert warp.quad_size(np.zeros((4, 2))) == (1, 1)


def test_a_rectangle_of_whole_pixels_gives_the_pixels_themselves() -> None:
    pixels = smooth()
    quad = np.array([[10, 20], [70, 20], [70, 45], [10, 45]], np.float32)
    cut, back = warp.crop_quad(pixels, quad)
    np.testing.assert_array_equal(cut, pixels[20:45, 10:70])
    assert np.shares_memory(cut, pixels)
    assert back.tolist() == [[1, 0, 10], [0, 1, 20]]
    for name in warp.FILTERS:
        nearly, _ = warp.crop_quad(pixels, quad + np.float32(0.005), name)
        assert np.abs(nearly.astype(int) - cut).max() <= 1


def test_a_quad_clockwise_from_another_corner_turns_the_text() -> None:
    pixels = smooth()
    quad = np.array([[10, 20], [70, 20], [70, 45], [10, 45]], np.float32)
    for turns in range(4):
        cut, _ = warp.crop_quad(pixels, np.roll(quad, -turns, axis=0), "nearest")
        np.testing.assert_array_equal(cut, np.rot90(pixels[20:45, 10:70], turns))


def test_beyond_the_picture_its_border_goes_on() -> None:
    pixels = smooth()
    quad = np.array([[-5, -4], [15, -4], [15, 6], [-5, 6]], np.float32)
    cut, _ = warp.crop_quad(pixels, quad)
    np.testing.assert_array_equal(cut, np.pad(pixels, ((4, 0), (5, 0), (0, 0)), mode="edge")[:10, :20])
    turned = rectangle(118, 88, 30, 20, 30)
    cut, _ = warp.crop_quad(pixels, turned, "bilinear")
    assert np.abs(cut.astype(int) - by_opencv(pixels, turned, cv2.INTER_LINEAR)).max() <= 2


def test_grey_and_floats_are_cut_as_colours_are() -> None:
    pixels, quad = smooth(), rectangle(60, 45, 50, 20, 17)
    cut, _ = warp.crop_quad(pixels, quad, "bilinear")
    grey, _ = warp.crop_quad(pixels[..., 1:2], quad, "bilinear")
    np.testing.assert_array_equal(grey[..., 0], cut[..., 1])
    floats, _ = warp.crop_quad(pixels.astype(np.float32), quad, "bilinear")
    assert floats.dtype == np.float32
    assert np.abs(floats - cut).max() <= 1.001


@pytest.mark.parametrize(
    "quad",
    [
        [[5, 5], [5, 5], [5, 5], [5, 5]],  # a point
        [[5, 5], [25, 5], [25, 5], [5, 5]],  # a line
        [[5, 5], [10, 10], [15, 15], [20, 20]],  # corners in a row
        [[5, 5], [40, 5], [12, 9], [5, 30]],  # bent inwards
        [[5, 5], [40, 30], [40, 5], [5, 30]],  # crossed
        [[5, 5], [5, 30], [40, 30], [40, 5]],  # anticlockwise
        [[5, 5], [40, 5], [40, 5], [5, 30]],  # a triangle
    ],
)
def test_strange_quads_give_some_crop(quad: list[list[float]]) -> None:
    cut, back = warp.crop_quad(smooth(), np.array(quad, np.float32), "bilinear")
    assert cut.shape == (*warp.quad_size(np.array(quad))[::-1], 3)
    assert np.isfinite(back).all()


def test_wild_corners_cost_no_more_than_nine_pictures() -> None:
    quad = np.array([[-1e9, -1e9], [1e9, -1e9], [1e9, 1e9], [-1e9, 1e9]], np.float64)
    cut, _ = warp.crop_quad(smooth(9, 12), quad, "nearest")
    assert cut.shape == (27, 36, 3)
    with pytest.raises(InputError, match="corners must be finite"):
        warp.crop_quad(smooth(9, 12), quad * np.nan)


def test_a_picture_of_one_pixel_can_be_cut() -> None:
    pixels = np.full((1, 1, 3), 7, np.uint8)
    cut, _ = warp.crop_quad(pixels, rectangle(0.5, 0.5, 2, 1.5, 45))
    assert np.unique(cut).tolist() == [7]


def test_an_unknown_filter_is_refused() -> None:
    with pytest.raises(
        InputError, match="filter: 'lanczos' is not known; choose of nearest, bilinear, bicubic"
    ):
        warp.crop_quad(smooth(), rectangle(20, 20, 9, 9, 0), "lanczos")
