"""Convex hulls and minimum-area rectangles of many groups of points at once, and what is done with them.

Groups are numbers beside the points, ascending; coordinates are any, y downwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ragged import first_of_groups, ranges

Array = NDArray[Any]
Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Rectangles:
    """Rectangles that may be turned.

    centers: f64 [N, 2]. axes: f64 [N, 2], the unit vector along the width; the height's is it turned by 90
    degrees. sizes: f64 [N, 2], width and height.
    """

    centers: Floats
    axes: Floats
    sizes: Floats

    def __len__(self) -> int:
        return len(self.centers)

    def take(self, which: Array) -> Rectangles:
        """Some of them; which: indices, or a mask."""
        return Rectangles(self.centers[which], self.axes[which], self.sizes[which])


def convex_hulls(points: Array, groups: Indices) -> tuple[Array, Indices]:
    """The corners of each group's convex hull, clockwise from its topmost (then leftmost), and their groups.

    points: [P, 2]; groups: i64 [P], ascending. Collinear points are left out; a group whose points are one
    or on one line keeps one or two. Exact for integers.
    """
    if not len(points):
        return points, groups
    points, groups = _sorted_once(points, groups)
    right, left = _chain(points, groups, 1), _chain(points, groups, -1)
    ends = _is_end(groups)
    left = left[~ends[left]][::-1]  # back up, without the ends that both chains have
    corners = np.concatenate([right, left])
    corners = corners[np.argsort(groups[corners], kind="stable")]
    return points[corners], groups[corners]


def minimum_rectangles(corners: Array, groups: Indices) -> Rectangles:
    """The rectangle of the least area around each group's convex hull, as `convex_hulls` gives it.

    One of its sides lies along a side of the hull (Freeman and Shapira, 1975), so those are tried. N is the
    number of groups.
    """
    if not len(corners):
        return Rectangles(np.empty((0, 2)), np.empty((0, 2)), np.empty((0, 2)))
    corners = corners.astype(np.float64)
    firsts = first_of_groups(groups)
    sizes = np.diff(np.append(firsts, len(corners)))
    axes = _sides(corners, firsts, sizes)
    low, high = _extents(corners, axes, firsts, sizes)
    extent = high - low
    order = np.lexsort((extent[:, 0] * extent[:, 1], groups))
    best = order[firsts]
    axis, middle = axes[best], (low[best] + high[best]) / 2
    return Rectangles(middle[:, :1] * axis + middle[:, 1:] * _turned(axis), axis, extent[best])


def corners_of(rectangles: Rectangles) -> Floats:
    """f64 [N, 4, 2], in the order of the axes: a walk around each."""
    along = rectangles.axes * rectangles.sizes[:, :1] / 2
    across = _turned(rectangles.axes) * rectangles.sizes[:, 1:] / 2
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64)
    return np.asarray(
        rectangles.centers[:, None] + signs[:, :1] * along[:, None] + signs[:, 1:] * across[:, None]
    )


def grow(rectangles: Rectangles, distances: Floats) -> Rectangles:
    """Every side moved outwards by its rectangle's distance, f64 [N]."""
    return Rectangles(rectangles.centers, rectangles.axes, rectangles.sizes + 2 * distances[:, None])


def upright_order(quads: Floats) -> Floats:
    """Corners of rectangles, [N, 4, 2], clockwise from the top left.

    The first side is the one that comes nearest to pointing right. So all lines of one page begin at the same
    corner, short and long, level and askew; of a column of text the top left corner is the first.
    """
    from_middle = quads - quads.mean(axis=1, keepdims=True)
    angles = np.arctan2(from_middle[..., 1], from_middle[..., 0])  # y points down, so rising is clockwise
    walks = np.take_along_axis(quads, np.argsort(angles, axis=1)[..., None], axis=1)
    sides = np.roll(walks, -1, axis=1) - walks
    lengths = np.maximum(np.hypot(sides[..., 0], sides[..., 1]), 1e-12)
    # Of a diamond two sides point right alike: the one that falls.
    first = np.argmax(sides[..., 0] / lengths + 1e-9 * np.sign(sides[..., 1]), axis=1)
    rows = (first[:, None] + np.arange(4)) % 4
    return np.take_along_axis(walks, rows[..., None], axis=1)


def _sorted_once(points: Array, groups: Indices) -> tuple[Array, Indices]:
    """By group, then from top to bottom, then from left to right, each point once."""
    if _is_sorted(points, groups):
        return points, groups
    order = np.lexsort((points[:, 0], points[:, 1], groups))
    points, groups = points.take(order, axis=0), groups[order]
    new = np.ones(len(points), np.bool_)
    new[1:] = groups[1:] != groups[:-1]
    for axis in range(2):
        new[1:] |= points[1:, axis] != points[:-1, axis]
    return points[new], groups[new]


def _is_sorted(points: Array, groups: Indices) -> bool:
    """Whether they are as `_sorted_once` leaves them: pixels come so, and looking is quicker than sorting."""
    x, y = points[:, 0], points[:, 1]
    lower = (y[1:] > y[:-1]) | ((y[1:] == y[:-1]) & (x[1:] > x[:-1]))
    return bool((lower | (groups[1:] > groups[:-1])).all())


def _is_end(groups: Indices) -> NDArray[np.bool_]:
    """Which are the first or the last of their group."""
    changes = groups[1:] != groups[:-1]
    ends = np.ones(len(groups), np.bool_)
    ends[1:-1] = changes[1:] | changes[:-1]
    return ends


def _chain(points: Array, groups: Indices, side: int) -> Indices:
    """Indices of the hull's corners from each group's first point to its last; side: 1 right, -1 left.

    A point on the chord between its neighbours, or inside of it, is no corner whatever the others are, so
    that all such points go at once, until there are none.
    """
    kept = np.arange(len(points))
    ends = _is_end(groups)
    while len(kept) > 2:
        at = points.take(kept, axis=0)  # several times faster than by index
        before, here, after = at[:-2], at[1:-1], at[2:]
        a, b = here - before, after - before
        outside = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) * side > 0
        stays = np.ones(len(kept), np.bool_)
        stays[1:-1] = outside | ends[kept[1:-1]]
        if stays.all():
            break
        kept = kept[stays]
    return kept


def _sides(corners: Floats, firsts: Indices, sizes: Indices) -> Floats:
    """Unit vectors along the side after each corner; (1, 0) where a group is a single point."""
    after = np.arange(1, len(corners) + 1)
    after[firsts + sizes - 1] = firsts
    sides = corners[after] - corners
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    sides[lengths == 0] = [1, 0]
    return np.asarray(sides / np.where(lengths == 0, 1, lengths)[:, None])


def _extents(corners: Floats, axes: Floats, firsts: Indices, sizes: Indices) -> tuple[Floats, Floats]:
    """For each axis the least and the greatest coordinate of its group's corners along and across it."""
    counts = np.repeat(sizes, sizes)
    points = corners.take(ranges(np.repeat(firsts, sizes), counts), axis=0)
    axis = np.repeat(axes, counts, axis=0)
    along = points[:, 0] * axis[:, 0] + points[:, 1] * axis[:, 1]
    across = points[:, 1] * axis[:, 0] - points[:, 0] * axis[:, 1]
    both, begins = np.stack([along, across], axis=1), np.cumsum(counts) - counts
    return np.minimum.reduceat(both, begins), np.maximum.reduceat(both, begins)


def _turned(axes: Floats) -> Floats:
    """By 90 degrees: (x, y) to (-y, x)."""
    return np.stack([-axes[:, 1], axes[:, 0]], axis=1)
