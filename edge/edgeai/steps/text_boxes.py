"""Boxes around text out of a map of where text is: the post-processing of Differentiable Binarization.

Liao et al., "Real-time Scene Text Detection with Differentiable Binarization" (2020), with rectangles as
PaddleOCR draws them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import quads
from .components import Runs, connect, find_runs
from .quads import Rectangles
from .ragged import first_of_groups, ranges

Array = NDArray[Any]
Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


def find_text(
    probabilities: Array,
    *,
    threshold: float = 0.3,
    box_threshold: float = 0.5,
    unclip_ratio: float = 1.6,
    min_size: float = 3.0,
    join: bool = True,
    max_boxes: int = 1000,
) -> tuple[Floats, Floats]:
    """The lines of text in a map of probabilities, [height, width].

    Returns corners, f64 [N, 4, 2], clockwise from the text's top left, in coordinates of the map's pixel
    edges, and scores, f64 [N], the mean probability inside each rectangle before it is grown. In no order
    that means anything; not clipped to the map.

    threshold: a pixel above it is text. box_threshold: the least score. unclip_ratio: the map shows text
    shrunk, so each side moves out by area * ratio / perimeter. min_size: the least short side before that,
    in map pixels. join: bridge gaps of one pixel, as a dilation by 2x2 does; the edges stay where they are.
    max_boxes: only the largest are looked at. The defaults are those of rapidocr 1.4.
    """
    runs = find_runs(probabilities > threshold)
    runs, components = _largest(runs, connect(runs, 2 if join else 1), max_boxes)
    rectangles = quads.minimum_rectangles(*_outlines(runs, components))
    rectangles = rectangles.take(rectangles.sizes.min(axis=1) >= min_size)
    scores = mean_inside(probabilities, rectangles)
    good = scores >= box_threshold
    rectangles, scores = rectangles.take(good), scores[good]
    area, half_perimeter = rectangles.sizes.prod(axis=1), rectangles.sizes.sum(axis=1)
    grown = quads.grow(rectangles, area * unclip_ratio / (2 * half_perimeter))
    return quads.upright_order(quads.corners_of(grown)), scores


def mean_inside(values: Array, rectangles: Rectangles) -> Floats:
    """The mean of a map, [height, width], over the pixels whose middles lie in each rectangle; f64 [N].

    0 where there are none.
    """
    owners, starts, counts = _spans(rectangles, *values.shape)
    if not len(owners):
        return np.zeros(len(rectangles))
    inside = values.reshape(-1)[ranges(starts, counts)]
    sums = np.add.reduceat(inside, np.cumsum(counts) - counts)
    total = np.bincount(owners, weights=sums, minlength=len(rectangles))
    pixels = np.bincount(owners, weights=counts, minlength=len(rectangles))
    return np.asarray(total / np.maximum(pixels, 1))


def reading_order(quads: Floats, same_row: float = 10.0) -> Indices:
    """The order in which boxes are read, i64 [N]: rows from top to bottom, within a row from left to right.

    quads: [N, 4, 2], the first corner the text's top left. Boxes that follow each other by height are of one
    row while their top left corners differ by less than `same_row`, in the quads' pixels (10 in PaddleOCR).
    """
    corners = quads[:, 0]
    tops, lefts = corners[:, 1].tolist(), corners[:, 0].tolist()
    order: list[int] = []
    for box in np.lexsort((corners[:, 0], corners[:, 1])).tolist():
        place = len(order)
        while (
            place and tops[box] - tops[order[place - 1]] < same_row and lefts[box] < lefts[order[place - 1]]
        ):
            place -= 1
        order.insert(place, box)
    return np.array(order, np.int64)


def _largest(runs: Runs, components: Indices, count: int) -> tuple[Runs, Indices]:
    """The runs of the components with the most pixels, and their components, ascending."""
    areas = np.bincount(components, weights=runs.stops - runs.starts)
    if len(areas) > count:
        keep = np.zeros(len(areas), np.bool_)
        keep[np.argsort(-areas, kind="stable")[:count]] = True
        runs, components = runs.take(keep[components]), components[keep[components]]
    order = np.argsort(components, kind="stable")
    return runs.take(order), components[order]


def _outlines(runs: Runs, components: Indices) -> tuple[Array, Indices]:
    """The convex hull of each component's pixels, and the components again: [C, 2] and [C].

    Of their corners and not of their middles, so that what fills columns 3 to 5 has edges at 3.0 and 6.0.
    (Corners stick out of slanted sides, by 0.7 at 45 degrees.) The middles' hull comes first: it is of far
    fewer points, and only its pixels can have corners of the other.
    """
    rows = first_of_groups(components * (runs.rows.max(initial=0) + 1) + runs.rows)
    lasts = np.append(rows, len(runs))[1:] - 1
    ends = np.stack([runs.starts[rows], runs.stops[lasts] - 1], axis=1).ravel()
    pixels = np.stack([ends, np.repeat(runs.rows[rows], 2)], axis=1)
    single = np.ones(len(pixels), np.bool_)
    single[1::2] = ends[1::2] > ends[::2]  # a row of one pixel has one end
    pixels, owners = quads.convex_hulls(pixels[single], np.repeat(components[rows], 2)[single])
    corners = pixels[:, None] + np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    return quads.convex_hulls(corners.reshape(-1, 2), np.repeat(owners, 4))


def _spans(rectangles: Rectangles, height: int, width: int) -> tuple[Indices, Indices, Indices]:
    """The stretches of pixels inside each rectangle: of whom, from which pixel of the flat map, how many."""
    y = quads.corners_of(rectangles)[..., 1]
    tops = np.clip(np.floor(y.min(axis=1)), 0, height).astype(np.int64)
    bottoms = np.clip(np.ceil(y.max(axis=1)), 0, height).astype(np.int64)
    owners, rows = np.repeat(np.arange(len(tops)), bottoms - tops), ranges(tops, bottoms - tops)
    lefts, rights = _crossings(rectangles, bottoms - tops, rows + 0.5)
    starts = np.clip(np.ceil(lefts - 0.5), 0, width).astype(np.int64)
    stops = np.clip(np.floor(rights - 0.5) + 1, 0, width).astype(np.int64)
    some = stops > starts
    return owners[some], (rows * width + starts)[some], (stops - starts)[some]


def _crossings(rectangles: Rectangles, counts: Indices, y: Array) -> tuple[Floats, Floats]:
    """Between which x the lines at each rectangle's y, as many as its count, lie inside of it.

    The first is the larger one where a line passes it by. Inside is within half the width along the axis, and
    within half the height across it: between two pairs of lines.
    """
    x_steps = np.stack([rectangles.axes[:, 0], -rectangles.axes[:, 1]])
    x_steps[np.abs(x_steps) < 1e-12] = 1e-12  # level lines: all of the line at y is between them, or nothing
    shear = np.stack([rectangles.axes[:, 1], rectangles.axes[:, 0]]) / x_steps
    reach = rectangles.sizes.T / 2 / np.abs(x_steps)
    of_pair = [rectangles.centers[:, 0] - reach, rectangles.centers[:, 0] + reach, shear]
    left, right, shear = (np.repeat(each, counts, axis=1) for each in of_pair)
    shift = shear * (y - np.repeat(rectangles.centers[:, 1], counts))
    return (left - shift).max(axis=0), (right - shift).min(axis=0)
