"""Intervals as people read them."""

from __future__ import annotations

from collections.abc import Callable

from edgeai.measure.statistics import Estimate
from edgeai.quantities import time_text


def interval_text(estimate: Estimate, write: Callable[[float], str] = time_text) -> str:
    """`[low, high]`, or nothing where there is no interval."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"[{write(estimate.low)}, {write(estimate.high)}]"
