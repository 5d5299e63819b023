"""Affine maps of the plane as 2x3 matrices: a picture's way back to its source, on points and boxes.

A matrix [[a, b, c], [d, e, f]] takes (x, y) to (a*x + b*y + c, d*x + e*y + f). Coordinates are of pixel
edges: a picture of width w spans 0 to w, and pixel i spans i to i + 1. All matrices are f64 [2, 3].
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Array = NDArray[Any]


def identity() -> Matrix:
    """The map that leaves every point where it is."""
    return affine(1, 0, 0, 0, 1, 0)


def affine(a: float, b: float, c: float, d: float, e: float, f: float) -> Matrix:
    """The matrix [[a, b, c], [d, e, f]]."""
    return np.array([[a, b, c], [d, e, f]], np.float64)


def scaling(x: float, y: float) -> Matrix:
    """(x, y) times these factors."""
    return affine(x, 0, 0, 0, y, 0)


def shift(x: float, y: float) -> Matrix:
    """(x, y) plus these."""
    return affine(1, 0, x, 0, 1, y)


def from_turned(width: float, height: float, mirrored: bool, turns: int) -> Matrix:
    """The way back from a picture of this size that was mirrored left to right, if so, and then turned.

    turns: quarter turns clockwise, any integer.
    """
    unturned = {
        0: identity(),
        1: affine(0, 1, 0, -1, 0, height),
        2: affine(-1, 0, width, 0, -1, height),
        3: affine(0, -1, width, 1, 0, 0),
    }[turns % 4]
    return compose(unturned, affine(-1, 0, width, 0, 1, 0)) if mirrored else unturned


def compose(first: Matrix, then: Matrix) -> Matrix:
    """One map that does `first` and `then` the other."""
    composed = then[:, :2] @ first
    composed[:, 2] += then[:, 2]
    return composed


def invert(matrix: Matrix) -> Matrix:
    """The way back. Raises ValueError for a map that flattens the plane, such as a scaling by 0."""
    a, b, c, d, e, f = matrix.ravel()
    determinant = a * e - b * d
    if not determinant or not np.isfinite(determinant):
        raise ValueError(f"no way back from an affine map with determinant {determinant}")
    inverse = affine(e, -b, b * f - c * e, -d, a, c * d - a * f)
    return np.asarray(inverse / determinant)


def apply_to_points(matrix: Matrix, points: Array) -> Array:
    """points: [..., 2] (x, y): points, keypoints or polygons; returns the same shape.

    Floats keep their dtype; integers become f64.
    """
    dtype = points.dtype if points.dtype.kind == "f" else np.dtype(np.float64)
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2]).astype(dtype, copy=False)


def apply_to_boxes(matrix: Matrix, boxes: Array) -> Array:
    """boxes: [..., 4] left, top, right, bottom; returns the upright boxes around what they become.

    Exact for scalings, shifts, flips and quarter turns; under other maps the boxes grow. Floats keep their
    dtype; integers become f64.
    """
    corners = apply_to_points(matrix, boxes[..., [0, 1, 2, 1, 2, 3, 0, 3]].reshape(*boxes.shape[:-1], 4, 2))
    return np.concatenate([corners.min(-2), corners.max(-2)], axis=-1)
