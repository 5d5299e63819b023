"""The energy of inferences: what a report says of it. Made by `energy_pass` from a meter and a worker.

All figures are of the meter's counted rails, whose scope stands beside them. Watts and joules are as the
sensor gives them: nothing is corrected for what lies outside the scope.
"""

from __future__ import annotations

from dataclasses import dataclass

from .statistics import Estimate


@dataclass(frozen=True)
class LoadWindow:
    """A stretch of calls back to back, in seconds of `time.monotonic()`."""

    begin_s: float
    end_s: float
    runs: int


@dataclass(frozen=True)
class EnergyWindow:
    """What one window took. begin_s, end_s: since the trace began."""

    begin_s: float
    end_s: float
    runs: int
    energy_j: float
    sigma_j: float
    """One standard deviation, without the sensor's gain, which all windows share."""


@dataclass(frozen=True)
class IdleSpan:
    """The machine with the model loaded and nothing run. begin_s, end_s: since the trace began."""

    begin_s: float
    end_s: float
    power_w: float


@dataclass(frozen=True)
class Sampling:
    """How well the sensor was seen.

    update_s: median time between changes of its values, as seen; None where they changed too seldom to tell.
    coverage: share of the windows that lies within two update periods (or two sampling periods) of a read.
    slowdown: time of an inference while sampling over without, as measured here; None where not measured.
    """

    reads: int
    failed_reads: int
    period_s: float
    read_s: float
    update_s: float | None
    updates_per_window: float | None
    coverage: float
    longest_gap_s: float
    slowdown: Estimate | None


@dataclass(frozen=True)
class PowerTrace:
    """Power over time for a drawing, thinned to at most 2,000 points. times_s: since the trace began.

    power_w: of the counted rails together; None marks a gap. rails_w: mean of every rail over the windows.
    inside: rails that lie inside another one, and are not in power_w.
    began_s: `time.monotonic()` of this machine when the trace began, to lay another log beside it.
    """

    times_s: tuple[float, ...]
    power_w: tuple[float | None, ...]
    rails_w: dict[str, float]
    inside: tuple[str, ...]
    began_s: float


@dataclass(frozen=True)
class Energy:
    """Joules of one inference, with what they cover and how they were had.

    gross_j: all of the scope's energy in the windows over the runs. net_j: less idle power, the model loaded.
    power_w: mean in the windows. idle_w: mean of before and after; idle_drift_w: after less before.
    inferences_per_j: of the gross energy.
    method: a sentence: which meter, counter or gauge, how many windows of what length.
    sigmas_j: one standard deviation of gross_j by cause: gain, offset, resolution, end points, sampling (what
    lies between the reads), windows (what they differ by beyond that).
    doubts: names and sentences of what is weak here, such as `few sensor updates`.
    """

    meter: str
    scope: str
    method: str
    is_estimate: bool
    gross_j: Estimate
    net_j: Estimate
    power_w: Estimate
    idle_w: float
    idle_drift_w: float
    inferences_per_j: Estimate
    windows: tuple[EnergyWindow, ...]
    idle: tuple[IdleSpan, ...]
    sampling: Sampling
    sigmas_j: dict[str, float]
    trace: PowerTrace
    notes: tuple[str, ...]
    doubts: dict[str, str]
