"""A low plot below another, over the same time: one reading of the machine, lowest to highest."""

from __future__ import annotations

from collections.abc import Sequence

from edgeai.axes import Axis, linear
from edgeai.quantities import digits

from .plot import Plot

_HEIGHT = 56
"""Pixels."""
_LETTER = 14
"""Pixels that a label needs above the next."""


def lane_under(above: Plot, values: Sequence[float]) -> Plot:
    """A plot for these values, whose ends are its ticks."""
    low, high = min(values), max(values)
    margin = max((high - low) * 0.15, abs(high) * 0.02, 1e-9)
    y = linear("", low - margin, high + margin)
    ticks = tuple((value, digits(value)) for value in (low, high))
    if (y.place(high) - y.place(low)) * _HEIGHT < _LETTER:
        ticks = ticks[1:]
    return Plot(Axis("", above.x.place, ()), Axis("", y.place, ticks), _HEIGHT)
