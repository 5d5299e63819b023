"""Rectangles drawn tight around ink, wherever a detector put them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeai.steps import ink
from edgeai.steps.geometry import Array

SEARCH = ink.Search(along=1.2, across=0.8, gap_along=1.0, gap_across=0.1, level=0.35)


def quad(left: float, top: float, right: float, bottom: float) -> Array:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)


def words(*boxes: tuple[int, int, int, int], paper: int = 230, letter: int = 30) -> Array:
    """u8 [200, 300, 3]: each box is a row of upright strokes, as letters are, from edge to edge."""
    page = np.full((200, 300, 3), paper, np.uint8)
    for left, top, right, bottom in boxes:
        page[top:bottom, left:right][:, ::4] = letter
        page[top:bottom, right - 1] = letter
    return page


def fit(page: Array, *quads: Array, align: float = 5.0, search: ink.Search = SEARCH) -> Array:
    return ink.fit_to_ink(page, np.array(quads).reshape(-1, 4, 2), search, align)


@settings(max_examples=60, deadline=None)
@given(st.integers(-3, 2), st.integers(-2, 3), st.integers(-8, 8), st.integers(-8, 8), st.booleans())
def test_a_rough_box_becomes_the_inks(up: int, down: int, left: int, right: int, inverted: bool) -> None:
    page = words((60, 80, 240, 104), paper=20 if inverted else 230, letter=240 if inverted else 30)
    rough = quad(60 + left, 85 + up, 240 + right, 99 + down)
    np.testing.assert_allclose(fit(page, rough)[0], quad(60, 80, 240, 104), atol=0.75)


def test_a_column_of_text_is_fitted_as_a_line_is_and_keeps_its_first_corner() -> None:
    page = np.ascontiguousarray(np.rot90(words((60, 80, 240, 104))))
    # Turned to the left by a quarter: x becomes y from below.
    np.testing.assert_allclose(fit(page, quad(86, 65, 98, 235))[0], quad(80, 60, 104, 240), atol=0.75)


def test_the_lines_above_and_below_and_the_word_far_behind_belong_to_others() -> None:
    page = words((60, 80, 180, 100), (60, 106, 180, 126), (60, 54, 180, 74), (230, 80, 280, 100))
    np.testing.assert_allclose(fit(page, quad(65, 84, 175, 96))[0], quad(60, 80, 180, 100), atol=0.75)


def test_a_word_a_space_away_belongs_to_the_line() -> None:
    page = words((60, 80, 140, 100), (150, 80, 180, 100))
    np.testing.assert_allclose(fit(page, quad(65, 84, 170, 96))[0], quad(60, 80, 180, 100), atol=0.75)


def test_where_ink_and_paper_cannot_be_told_apart_the_box_stays() -> None:
    page = words((60, 80, 240, 104), paper=128, letter=120)
    np.testing.assert_array_equal(fit(page, quad(65, 84, 235, 100))[0], quad(65, 84, 235, 100))
    blank = np.full((50, 50, 3), 255, np.uint8)
    np.testing.assert_array_equal(fit(blank, quad(5, 5, 40, 15))[0], quad(5, 5, 40, 15))


def test_a_box_without_area_stays_and_none_gives_none() -> None:
    page = words((60, 80, 240, 104))
    np.testing.assert_array_equal(fit(page, quad(70, 90, 70, 90))[0], quad(70, 90, 70, 90))
    assert fit(page).shape == (0, 4, 2)


@pytest.mark.parametrize("degrees", [-2.0, -0.7, 0.0, 0.4, 1.5])
@pytest.mark.parametrize("wrong", [-1.0, 0.6])
def test_lines_of_a_page_get_the_angle_of_their_ink(degrees: float, wrong: float) -> None:
    """The page lies askew; a detector's boxes are off by another angle, each about its own middle."""
    page = words((40, 40, 260, 60), (40, 80, 260, 100), (40, 120, 200, 140))
    turn = cv2.getRotationMatrix2D((150.0, 100.0), -degrees, 1.0)  # OpenCV counts the other way round
    page = cv2.warpAffine(page, turn, (300, 200), flags=cv2.INTER_LINEAR, borderValue=(230, 230, 230))
    true = np.array([quad(40, 40, 260, 60), quad(40, 80, 260, 100), quad(40, 120, 200, 140)])
    true = true @ turn[:, :2].T + turn[:, 2]
    middle = true.mean(axis=1, keepdims=True)
    shrunk = middle + (true - middle) * [0.95, 0.7]
    fitted = fit(page, *ink._turned(shrunk, np.full(3, np.radians(wrong))))
    assert np.abs(fitted - true).max() < 2.0
    assert np.abs(fitted - true).mean() < 1.0


def test_boxes_that_lie_otherwise_than_most_keep_their_angle() -> None:
    level = np.array([quad(0, 0, 100, 10), quad(0, 20, 80, 30), quad(0, 40, 20, 60)])
    other = ink._turned(quad(0, 100, 60, 110)[None], np.array([np.radians(30)]))
    turned = ink._turned(level[:2], np.radians([1.0, 1.0]))
    quads, shares = ink.align(np.concatenate([turned, level[2:], other]), 5.0)
    assert shares.tolist() == [True, True, True, False]
    np.testing.assert_allclose(quads[3], other[0])
    sides = quads[:3, 1] - quads[:3, 0]
    np.testing.assert_allclose(np.degrees(np.arctan2(sides[:, 1], sides[:, 0])), 1.0)


def test_otsus_level_is_opencvs() -> None:
    random = np.random.default_rng(5)
    for _ in range(20):
        levels = random.integers(0, 256, 2)
        grey = np.clip(random.normal(random.choice(levels, (40, 40)), 12), 0, 255).astype(np.uint8)
        wanted, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
        assert ink.otsu(grey) == wanted
