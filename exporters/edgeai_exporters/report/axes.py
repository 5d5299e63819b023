"""Axes for how far a variant is from its source, beside the common ones."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgeai.axes import Axis, inside, linear

from .words import EXACT

_LINEAR_POINTS = 5.0
"""Up to such drops (points of a share) an axis is linear; further ones are squeezed, see `drop_axis`."""


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
        return inside((position - low + 0.3) / (high - low + 0.6))

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
        lambda drop: inside((math.asinh(drop * scale) - start) / (end - start)),
        _unscaled(ticks, scale),
    )


def _unscaled(ticks: Sequence[tuple[float, str]], scale: float) -> tuple[tuple[float, str], ...]:
    return tuple((value / scale, text) for value, text in ticks)
