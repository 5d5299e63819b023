"""Energy in a span, with what it may be wrong by."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Joules:
    """Energy in a span, and one standard deviation by cause, in J.

    Of the sensor, which other spans of a trace share: gain_j (share of the value), offset_j, resolution_j.
    Of this span alone: ends_j (when it began and ended) and sampling_j (what lies between the reads), which
    rests on `freedom` degrees of freedom.
    updates: how often a value of the sensor changed. coverage: share of the span near a read (of a counter
    1). longest_gap_s: the longest time within it without a read.
    """

    energy_j: float
    duration_s: float
    gain_j: float
    offset_j: float
    resolution_j: float
    ends_j: float
    sampling_j: float
    freedom: float
    updates: int
    coverage: float
    longest_gap_s: float

    @property
    def power_w(self) -> float:
        """Mean."""
        return self.energy_j / self.duration_s

    @property
    def own_sigma_j(self) -> float:
        """Standard deviation of what other spans do not share."""
        return math.hypot(self.ends_j, self.sampling_j)

    @property
    def sigma_j(self) -> float:
        """Standard deviation of it all."""
        return math.hypot(self.gain_j, self.offset_j, self.resolution_j, self.ends_j, self.sampling_j)
