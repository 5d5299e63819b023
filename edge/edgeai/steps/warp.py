"""Quadrilaterals of a picture as upright rectangles: what lies inside, seen from straight above."""
# ruff: noqa: A002 - `filter` is what manifests, Pillow and OpenCV call it

from __future__ import annotations

import numpy as np

from ..errors import InputError
from ..extras import require
from . import geometry
from .geometry import Array, Matrix
from .image import choose, through_pillow

FILTERS = ("nearest", "bilinear", "bicubic")

# Bicubic looks at two pixels each way.
_REACH = 2
# How far outside, in sizes of the picture, a corner is believed: it bounds the memory that a wild one costs.
_BELIEVED = 1.0
# Corners this near to whole pixels give those pixels: interpolating would change none by more than one level.
_WHOLE = 1 / 256


def quad_size(quad: Array) -> tuple[int, int]:
    """Width and height of the rectangle that a quad becomes: its longer sides, rounded, 1 at least.

    quad: [4, 2], clockwise from what becomes the top left corner.
    """
    sides = np.hypot(*(np.roll(quad, -1, axis=0) - quad).T)  # top, right, bottom, left
    return max(1, round(float(max(sides[0], sides[2])))), max(1, round(float(max(sides[1], sides[3]))))


def crop_quad(pixels: Array, quad: Array, filter: str = "bicubic") -> tuple[Array, Matrix]:
    """What lies in a quad as an upright rectangle of `quad_size`, and the way back to the old pixels.

    pixels: u8 or f32 [H, W, C]. quad: [4, 2] in edge coordinates, clockwise from what becomes the top left
        corner. Beyond the picture its border goes on.
    Returns pixels [height, width, C] and f64 [2, 3]: exact for parallelograms, else the affine map that fits
    the corners best (least squares). A quad without area or not convex has no perspective and is cut by that
    affine map too. Raises InputError where a corner is not finite.
    """
    choose("filter", filter, FILTERS)
    if not np.isfinite(quad).all():
        raise InputError(f"a quad's corners must be finite, these are {quad.tolist()}")
    limits = np.array([pixels.shape[1], pixels.shape[0]])
    quad = np.clip(quad.astype(np.float64), -_BELIEVED * limits, (1 + _BELIEVED) * limits)
    size = quad_size(quad)
    to_old = best_affine(quad, *size)
    corner = np.rint(quad[0]).astype(int)
    if np.abs(quad - corner - _rectangle(*size)).max() < _WHOLE:
        return window(pixels, *corner, *(corner + size)), to_old
    return _warp(pixels, quad, size, to_old, filter), to_old


def best_affine(quad: Array, width: int, height: int) -> Matrix:
    """The affine map that takes a rectangle at the origin nearest to the quad's corners (least squares)."""
    along = (quad[1] - quad[0] + quad[2] - quad[3]) / (2 * width)
    down = (quad[3] - quad[0] + quad[2] - quad[1]) / (2 * height)
    origin = quad.mean(axis=0) - along * (width / 2) - down * (height / 2)
    return np.stack([along, down, origin], axis=1)


def homography(quad: Array, width: int, height: int) -> Matrix | None:
    """f64 [3, 3], takes a rectangle at the origin to the quad; None where the quad is not strictly convex.

    The closed form for a square: P. Heckbert, Fundamentals of Texture Mapping and Image Warping, 1989, 2.2.3.
    """
    (x0, y0), (x1, y1), _, (x3, y3) = quad
    skew = quad[0] - quad[1] + quad[2] - quad[3]
    right, below = quad[1] - quad[2], quad[3] - quad[2]
    area = right[0] * below[1] - right[1] * below[0]
    if not area:
        return None
    g = (skew[0] * below[1] - skew[1] * below[0]) / area
    h = (right[0] * skew[1] - right[1] * skew[0]) / area
    if min(1 + g, 1 + h, 1 + g + h) <= 0:  # the horizon crosses the square
        return None
    square = [[x1 - x0 + g * x1, x3 - x0 + h * x3, x0], [y1 - y0 + g * y1, y3 - y0 + h * y3, y0], [g, h, 1]]
    return np.array(square) / [width, height, 1]


def window(pixels: Array, left: int, top: int, right: int, bottom: int) -> Array:
    """Pixels left to right and top to bottom; what lies beyond the picture repeats its border.

    A view where the window lies inside.
    """
    height, width = pixels.shape[:2]
    if left >= 0 and top >= 0 and right <= width and bottom <= height:
        return pixels[top:bottom, left:right]
    rows = np.arange(top, bottom).clip(0, height - 1)
    columns = np.arange(left, right).clip(0, width - 1)
    return np.asarray(pixels[rows[:, None], columns])


def _rectangle(width: int, height: int) -> Array:
    return np.array([[0, 0], [width, 0], [width, height], [0, height]])


def _warp(pixels: Array, quad: Array, size: tuple[int, int], to_old: Matrix, filter: str) -> Array:
    """Only the part of the picture around the quad goes through Pillow, which copies what it gets."""
    pillow = require("PIL.Image", "image", "cropping images")
    corner = np.floor(quad.min(axis=0)).astype(int) - _REACH
    part = window(pixels, *corner, *(np.ceil(quad.max(axis=0)).astype(int) + _REACH))
    perspective = homography(quad - corner, *size)
    if perspective is None:
        kind, map_back = pillow.Transform.AFFINE, geometry.compose(to_old, geometry.shift(*-corner)).ravel()
    else:
        kind, map_back = pillow.Transform.PERSPECTIVE, perspective.ravel()[:8]
    resampling = pillow.Resampling[filter.upper()]
    return through_pillow(part, lambda image: image.transform(size, kind, map_back.tolist(), resampling))
