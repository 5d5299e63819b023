"""Rectangles around lines of text, drawn tight around the ink; a detector only says roughly where it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .geometry import Array
from .warp import crop_quad

# Below so many grey levels between ink and paper there is nothing to go by.
_LEAST_CONTRAST = 24
# Slopes that are tried, down per right: 0.05 is 3 degrees, more than a detector errs on a page; 0.002 moves
# the end of a line of 500 pixels by one.
_STEEPEST, _SLOPE_STEP = 0.05, 0.002
# More ink pixels of a line tell its slope no better.
_ENOUGH_INK = 3000
# Of the height of what was found: the part about its middle that belongs to the line for certain.
_CORE = (0.25, 0.75)


@dataclass(frozen=True)
class Search:
    """Where ink is looked for; all but `level` in parts of a quad's shorter side.

    along, across: how far beyond the quad. gap_along, gap_across: ink behind a wider gap belongs to something
    else. level: how much darker (or lighter) than the paper ink is, as a part of their contrast.
    """

    along: float
    across: float
    gap_along: float
    gap_across: float
    level: float


def fit_to_ink(pixels: Array, quads: Array, search: Search, align_degrees: float) -> Array:
    """Quads around lines of text, turned and moved so that their sides touch the ink.

    pixels: u8 [H, W, C]. quads: f64 [N, 4, 2], in edge coordinates; rectangles about the lines' middles.
    align_degrees: quads that are no further from the angle that most of them share lie as all of those do,
        at the angle at which the rows of their ink are sharpest.
    Returns the quads with their corners in the same order; those where ink and paper cannot be told apart are
    only turned.
    """
    quads, shares = align(quads, align_degrees)
    lines = [_look(pixels, quad, search) for quad in quads]
    pairs = zip(lines, shares, strict=True)
    slope = _slope([line.of_the_line() for line, is_one in pairs if line is not None and is_one])
    if abs(slope) >= _SLOPE_STEP / 2:
        quads = _turned(quads, np.where(shares, np.arctan(slope), 0.0))
        lines = [_look(pixels, quad, search) for quad in quads]
    fitted = [quad if line is None else line.fitted() for quad, line in zip(quads, lines, strict=True)]
    return np.array(fitted).reshape(-1, 4, 2)


def align(quads: Array, within_degrees: float) -> tuple[Array, Array]:
    """Rectangles turned about their middles to the angle that most of them share.

    quads: f64 [N, 4, 2]. Their angle, modulo a quarter turn, is the median of all, weighted by their lengths,
    since the angle of a short line is uncertain. Returns the quads, and which of them have that angle now,
    bool [N]: those further off than `within_degrees` stay as they are.
    """
    if not len(quads):
        return quads, np.zeros(0, np.bool_)
    right, down = quads[:, 1] - quads[:, 0], quads[:, 3] - quads[:, 0]
    angles = _quarter(np.arctan2(right[:, 1], right[:, 0]))
    common = _weighted_median(angles, np.maximum(np.hypot(*right.T), np.hypot(*down.T)))
    off = _quarter(common - angles)
    shares = np.abs(off) <= np.radians(within_degrees)
    return _turned(quads, np.where(shares, off, 0.0)), shares


@dataclass(frozen=True)
class _Line:
    """The ink about one line. grown: the quad that the window shows, its first side along the line.

    ink: bool [H, W]. top, bottom, left, right: of the line's own ink, in window pixels.
    """

    ink: Array
    grown: Array
    is_tall: bool
    top: int
    bottom: int
    left: int
    right: int

    def of_the_line(self) -> Array:
        return self.ink[self.top : self.bottom, self.left : self.right]

    def fitted(self) -> Array:
        """The part of the window that is the line's, its corners as those of the quad that was looked at."""
        rows, columns = self.ink.shape
        sides = self.left / columns, self.top / rows, self.right / columns, self.bottom / rows
        fitted = _inside(self.grown, *sides)
        return np.roll(fitted, 1, axis=0) if self.is_tall else fitted


def _look(pixels: Array, quad: Array, search: Search) -> _Line | None:
    """None where ink and paper cannot be told apart."""
    is_tall = _side(quad, 0, 3) > _side(quad, 0, 1)
    line = np.roll(quad, -1, axis=0) if is_tall else quad
    width, height = _side(line, 0, 1), _side(line, 0, 3)
    if min(width, height) <= 0:
        return None
    along = search.along * height / width
    grown = _inside(line, -along, -search.across, 1 + along, 1 + search.across)
    window, _ = crop_quad(pixels, grown, "bilinear")
    ink = _ink(window, search.level)
    if ink is None:
        return None
    # Window pixels a unit of the shorter side: quad_size rounds, so each way on its own.
    unit_x = ink.shape[1] / (width / height + 2 * search.along)
    unit_y = ink.shape[0] / (1 + 2 * search.across)
    start, end = ((search.across + part) * unit_y for part in _CORE)
    top, bottom = _run(np.asarray(ink.any(axis=1)), start, end, search.gap_across * unit_y)
    start, end = search.along * unit_x, ink.shape[1] - search.along * unit_x
    columns = np.asarray(ink[top:bottom].any(axis=0))
    left, right = _run(columns, start, end, search.gap_along * unit_x)
    return _Line(ink, grown, is_tall, top, bottom, left, right)


def _slope(inks: list[Array]) -> float:
    """The slope, down per right, along which the rows of these lines are sharpest; 0 where there is no ink.

    Sharpest: the ink's rows, sheared by the slope, are filled most unevenly (the sum of squares is largest).
    """
    steps = np.arange(round(_STEEPEST / _SLOPE_STEP) + 1) * _SLOPE_STEP
    slopes = np.concatenate([steps, -steps[1:]])  # of those that are alike the first is taken: the least
    sharpness = np.zeros(len(slopes))
    for ink in inks:
        rows, columns = np.nonzero(ink)
        if not len(rows):
            continue
        stride = -(-len(rows) // _ENOUGH_INK)
        rows, aside = rows[::stride], columns[::stride] - ink.shape[1] / 2
        sheared = np.rint(rows - slopes[:, None] * aside).astype(np.int64)
        size = sheared.max() - sheared.min() + 1
        places = sheared - sheared.min() + np.arange(len(slopes))[:, None] * size
        counts = np.bincount(places.ravel(), minlength=size * len(slopes)).reshape(len(slopes), size)
        sharpness += (counts.astype(np.float64) ** 2).sum(axis=1) * stride
    return float(slopes[np.argmax(sharpness)]) if sharpness.any() else 0.0


def _side(quad: Array, start: int, end: int) -> float:
    return float(np.hypot(*(quad[end] - quad[start])))


def _inside(quad: Array, left: float, top: float, right: float, bottom: float) -> Array:
    """A part of a rectangle, by shares of its sides, which may lie outside it."""
    x, y = quad[1] - quad[0], quad[3] - quad[0]
    shares = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    return np.asarray(quad[0] + shares[:, :1] * x + shares[:, 1:] * y)


def _ink(window: Array, level: float) -> Array | None:
    """Where a window is ink, bool [H, W]; None where there is too little contrast."""
    grey = window.mean(axis=2) if window.shape[2] > 1 else window[..., 0].astype(np.float64)
    threshold = otsu(grey)
    dark, light = grey[grey <= threshold], grey[grey > threshold]
    if not dark.size or not light.size or light.mean() - dark.mean() < _LEAST_CONTRAST:
        return None
    low, high = dark.mean(), light.mean()
    edge = np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]))
    if abs(edge - high) < abs(edge - low):  # dark ink on light paper
        return np.asarray(grey < high - (high - low) * level)
    return np.asarray(grey > low + (high - low) * level)


def otsu(grey: Array) -> float:
    """The grey level that parts light from dark with the least variance within both (N. Otsu, 1979).

    grey: [H, W], 0 to 255.
    """
    counts = np.bincount(np.clip(grey, 0, 255).astype(np.uint8).ravel(), minlength=256).astype(np.float64)
    below = np.cumsum(counts)
    sums = np.cumsum(counts * np.arange(256))
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (sums[-1] * below / below[-1] - sums) ** 2 / (below * above)
    return float(np.argmax(np.nan_to_num(between, nan=-1.0, posinf=-1.0)))


def _run(marks: Array, start: float, end: float, gap: float) -> tuple[int, int]:
    """The stretch of marks about start to end that no gap wider than `gap` interrupts; its ends are marks.

    marks: bool [n]. Where there is none, start to end.
    """
    first, last = max(0, int(start)), min(len(marks), max(int(np.ceil(end)), int(start) + 1))
    places = np.flatnonzero(marks)
    core = (places >= first) & (places < last)
    if not core.any():
        return first, last
    # Behind the first wide gap on each side lies something else.
    breaks = np.flatnonzero(np.diff(places) > gap + 1)
    within = np.flatnonzero(core)
    low = breaks[breaks < within[0]]
    high = breaks[breaks >= within[-1]]
    begin = places[low[-1] + 1] if len(low) else places[0]
    finish = places[high[0]] if len(high) else places[-1]
    return int(begin), int(finish) + 1


def _quarter(angles: Array) -> Array:
    """Angles modulo a quarter turn, from -45 to 45 degrees, in radians."""
    return np.asarray((angles + np.pi / 4) % (np.pi / 2) - np.pi / 4)


def _weighted_median(values: Array, weights: Array) -> float:
    order = np.argsort(values)
    heaped = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(heaped, heaped[-1] / 2)])


def _turned(quads: Array, angles: Array) -> Array:
    """Each about its middle, by an angle in radians, clockwise since y points down."""
    middles = quads.mean(axis=1, keepdims=True)
    x, y = np.moveaxis(quads - middles, 2, 0)
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    return np.asarray(np.stack([x * cos - y * sin, x * sin + y * cos], axis=2) + middles)
