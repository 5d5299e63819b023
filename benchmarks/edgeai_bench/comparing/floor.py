"""The self-test: a model against itself, so that every change it shows is this machine's noise."""

from __future__ import annotations

from .outcome import Compared, Floor


def floor_of(compared: Compared) -> list[Floor]:
    """What could be seen here; figures without an interval are left out."""
    return [
        _floor(change.figure, change.low, change.high)
        for change in compared.changes
        if change.low is not None and change.high is not None
    ]


def _floor(figure: str, low: float, high: float) -> Floor:
    """A change as large as the half width has its bound at 1 in half of the runs; one of twice that in 97.5 %
    of them. The half width is the geometric one, since the interval is of a ratio.
    """
    half = (high / low) ** 0.5
    return Floor(figure, visible=half - 1, sure=half**2 - 1, safe_limit=max(high, 1 / low) - 1)
