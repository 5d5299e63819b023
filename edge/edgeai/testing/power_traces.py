"""Courses of power whose joules are known in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable

Cumulative = Callable[[float], float]
"""Joules since the beginning, after so many seconds."""


def steady(watts: float) -> Cumulative:
    """The same power all the time."""
    return lambda seconds: watts * seconds


def swinging(mean_w: float, swing_w: float, period_s: float) -> Cumulative:
    """A sine around a mean."""
    turn = 2 * math.pi / period_s
    return lambda seconds: mean_w * seconds + swing_w / turn * (1 - math.cos(turn * seconds))
