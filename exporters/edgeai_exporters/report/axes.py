"""Axes of plots: where a value lies between 0 and 1, and ticks at round values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgeai.quantities import digits

from .words import EXACT

_WIDE = 8.0
"""From this ratio of the largest to the smallest value on, an axis is logarithmic."""
_LINEAR_POINTS = 5.0
"""Up to such drops (points of a share) an axis is linear; further ones are squeezed, see `drop_axis`."""


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
        return _logarithmic(f"{title} (logarithmic)", low / 1.3, high * 1.3)
    return linear(title, 0.0, high * 1.1 or 1.0)


def linear(title: str, low: float, high: float) -> Axis:
    """From low to high, with 3 to 7 steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / 6.5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if rough <= factor * power * 1.0001)
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    ticks = tuple((step * (first + index), _plain(step * (first + index), step)) for index in range(count))
    return Axis(title, lambda value: _inside((value - low) / (high - low)), ticks)


def cosine_axis(losses: Sequence[float]) -> Axis:
    """For 1 - cosine, on a logarithmic scale; ticks are told as cosines, since these are what users ask for.

    What lies below EXACT cannot be told from no loss and is drawn as such.
    """
    shown = [max(loss, EXACT) for loss in losses]
    low = math.floor(math.log10(min(shown)) + 1e-9)
    high = max(math.ceil(math.log10(max(shown)) - 1e-9), low + 1)
    ends = math.log10(EXACT)

    def place(loss: float) -> float:
        position = math.log10(max(loss, EXACT))
        return _inside((position - low + 0.3) / (high - low + 0.6))

    ticks = [(10.0**power, f"{1 - 10.0**power:.{max(-power, 0)}f}") for power in range(low, high + 1)]
    if low <= ends:
        ticks[0] = (EXACT, "1")
    return Axis("cosine with the source (1 - cosine is logarithmic)", place, tuple(ticks))


def drop_axis(metric: str, drops: Sequence[float], *, is_share: bool) -> Axis:
    """For how much a metric fell, shares in points; linear, or squeezed where some fell far.

    The squeezed scale is asinh(drop / 1 point): close to linear up to a point, to the logarithm above.
    """
    scale = 100.0 if is_share else 1.0
    unit = " in points" if is_share else ""
    low, high = min(0.0, *drops) * scale, max(0.0, *drops) * scale
    margin = max(high - low, 0.1 if is_share else 1e-9) * 0.08
    title = f"drop of {metric}{unit}"
    if not is_share or high <= _LINEAR_POINTS:
        axis = linear(title, low - margin, high + margin)
        return Axis(title, lambda drop: axis.place(drop * scale), _unscaled(axis.ticks, scale))
    start, end = math.asinh(low) - 0.3, math.asinh(high) + 0.3
    round_points = (-100, -30, -10, -3, -1, 0, 1, 3, 10, 30, 100)
    ticks = tuple((float(point), str(point)) for point in round_points if start <= math.asinh(point) <= end)
    return Axis(
        f"{title}, squeezed beyond 1",
        lambda drop: _inside((math.asinh(drop * scale) - start) / (end - start)),
        _unscaled(ticks, scale),
    )


def _unscaled(ticks: Sequence[tuple[float, str]], scale: float) -> tuple[tuple[float, str], ...]:
    return tuple((value / scale, text) for value, text in ticks)


def _logarithmic(title: str, low: float, high: float) -> Axis:
    start, end = math.log10(low), math.log10(high)
    powers = range(math.floor(start), math.ceil(end) + 1)
    factors = (1, 2, 5) if end - start < 3 else (1,)
    values = [factor * 10.0**power for power in powers for factor in factors]
    ticks = tuple((value, digits(value)) for value in values if low <= value <= high)
    return Axis(title, lambda value: _inside((math.log10(max(value, low)) - start) / (end - start)), ticks)


def _plain(value: float, step: float) -> str:
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:.{decimals}f}" if round(value, decimals) else "0"


def _inside(position: float) -> float:
    return min(max(position, 0.0), 1.0)
