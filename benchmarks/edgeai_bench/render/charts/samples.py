"""Latencies of a run as charts need them: in seconds, by process, thinned so that a page stays small."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edgeai.axes import Axis, linear, logarithmic
from edgeai.quantities import time_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...report import ProcessRecord

    Seconds = NDArray[np.float64]

_FAR = 3.0
"""A call beyond p50 plus so many times the distance from p50 to p99 would press all others together."""
LEAST_S = 1e-9
"""No axis of time is shorter: a clock's tick."""
_LOGARITHMIC = 5.0
"""From this ratio of the ends on, time runs on a logarithmic axis."""


@dataclass(frozen=True)
class Scale:
    """The part of the latencies that a chart shows, in seconds, and the unit in which it is told."""

    low: float
    high: float

    @property
    def unit(self) -> tuple[float, str]:
        """What it is in seconds, and its name."""
        return time_unit(self.high)

    @property
    def is_logarithmic(self) -> bool:
        """Whether its ends are so far apart that the axis is logarithmic."""
        return self.low > 0 and self.high / self.low > _LOGARITHMIC

    def axis(self, title: str) -> Axis:
        """For values in that unit."""
        seconds, name = self.unit
        low, high, title = self.low / seconds, self.high / seconds, f"{title}, {name}"
        if self.is_logarithmic:
            axis = logarithmic(title, low / 1.1, high * 1.1)
            return replace(axis, ticks=tuple((value, f"{value:g}") for value, _ in axis.ticks))
        margin = (high - low) * 0.04 or abs(high) * 0.05 or 1.0
        return linear(title, max(low - margin, 0.0), high + margin)

    def edges(self, count: int) -> Seconds:
        """Of so many bars that are equally wide on the axis."""
        if self.high <= self.low:
            half = abs(self.low) * 0.005 or 1e-9
            return np.asarray([self.low - half, self.low + half])
        space = np.geomspace if self.is_logarithmic else np.linspace
        edges: Seconds = space(self.low, self.high, count + 1)
        edges[0], edges[-1] = self.low, self.high  # a rounded end would leave the fastest call out
        return edges


def seconds_of(process: ProcessRecord) -> Seconds:
    """Latencies that a process kept, in their order."""
    return np.asarray(process.samples_ns, np.float64) / 1e9


def pooled_seconds(processes: Sequence[ProcessRecord]) -> Seconds:
    """Those of all processes, sorted."""
    kept = [seconds_of(process) for process in processes]
    return np.sort(np.concatenate(kept)) if kept else np.empty(0)


def bulk(ordered: Seconds) -> Scale:
    """From the fastest call to the slowest, or to a little past p99 where the slowest is far off."""
    low, high = float(ordered[0]), float(ordered[-1])
    p50, p99 = (float(value) for value in np.quantile(ordered, [0.5, 0.99]))
    if high > p50 + _FAR * (p99 - p50):
        high = p99 + 0.5 * (p99 - p50)
    return Scale(low, max(high, low))


def at_shares(ordered: Seconds, most: int) -> list[tuple[float, float]]:
    """Points of the ECDF: latency and share of calls that took no longer; at most `most`, ends among them."""
    count = len(ordered)
    ranks = np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int))
    return [(float(ordered[rank]), (int(rank) + 1) / count) for rank in ranks]
