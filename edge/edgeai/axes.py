"""Axes of plots: where a value lies between 0 and 1, and ticks at round values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .quantities import digits

_WIDE = 8.0
"""From this ratio of the largest to the smallest value on, an axis is logarithmic."""


@dataclass(frozen=True)
class Axis:
    """title: with the unit. place: 0 at the low end, 1 at the high one; values beyond are put at the end.
    ticks: values with what stands beside them, in rising order."""

    title: str
    place: Callable[[float], float]
    ticks: tuple[tuple[float, str], ...]


def amount_axis(title: str, values: Sequence[float]) -> Axis:
    """For values above 0, such as milliseconds: linear from 0, or logarithmic where they differ much."""
    low, high = min(values), max(values)
    if low > 0 and high / low > _WIDE:
        return logarithmic(f"{title} (logarithmic)", low / 1.3, high * 1.3)
    return linear(title, 0.0, high * 1.1 or 1.0)


def linear(title: str, low: float, high: float) -> Axis:
    """From low to high, with 3 to 7 steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / 6.5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if rough <= factor * power * 1.0001)
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    ticks = tuple((step * (first + index), _plain(step * (first + index), step)) for index in range(count))
    return Axis(title, lambda value: inside((value - low) / (high - low)), ticks)


def logarithmic(title: str, low: float, high: float) -> Axis:
    """From low to high, both above 0; ticks at powers of ten, on short axes at 2 and 5 times these too."""
    start, end = math.log10(low), math.log10(high)
    powers = range(math.floor(start), math.ceil(end) + 1)
    factors = (1, 2, 5) if end - start < 3 else (1,)
    values = [factor * 10.0**power for power in powers for factor in factors]
    ticks = tuple((value, digits(value)) for value in values if low <= value <= high)
    return Axis(title, lambda value: inside((math.log10(max(value, low)) - start) / (end - start)), ticks)


def inside(position: float) -> float:
    """Not beyond either end."""
    return min(max(position, 0.0), 1.0)


def _plain(value: float, step: float) -> str:
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:.{decimals}f}" if round(value, decimals) else "0"
