"""What the energy of inferences may be wrong by, cause by cause, and the intervals that follow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..power.integrate import UNIFORM, Curve, Joules
from ..power.trace import Span
from .energy import LoadWindow
from .statistics import LEVEL, Estimate, student_t_quantile

ENOUGH_FOR_A_LINE = 5
"""Windows from which on a straight line is taken out of them before they are compared."""


@dataclass(frozen=True)
class Idle:
    """Idling as it was taken, settling time dropped, and what was seen of it."""

    span: Span
    joules: Joules


@dataclass(frozen=True)
class Seen:
    """What all figures are made of: windows of calls and what each took, idling before and after."""

    curve: Curve
    windows: Sequence[LoadWindow]
    loads: Sequence[Joules]
    before: Idle
    after: Idle

    @property
    def spans(self) -> list[Span]:
        """The windows' times."""
        return [Span(window.begin_s, window.end_s) for window in self.windows]

    @property
    def runs(self) -> int:
        """Calls in all windows."""
        return sum(window.runs for window in self.windows)

    @property
    def duration_s(self) -> float:
        """Of all windows together."""
        return sum(load.duration_s for load in self.loads)

    @property
    def energy_j(self) -> float:
        """Of all windows together."""
        return sum(load.energy_j for load in self.loads)

    @property
    def idle_w(self) -> float:
        """Mean of before and after."""
        return (self.before.joules.power_w + self.after.joules.power_w) / 2

    @property
    def idle_drift_w(self) -> float:
        """After less before."""
        return self.after.joules.power_w - self.before.joules.power_w

    @property
    def net_j(self) -> float:
        """Energy of all windows, less what idling would have taken."""
        return self.energy_j - self.idle_w * self.duration_s


@dataclass(frozen=True)
class Part:
    """One standard deviation of one cause, and the degrees of freedom on which it is known."""

    sigma: float
    freedom: float = math.inf


@dataclass(frozen=True)
class Scatter:
    """How the windows' energies differ, in J of all of them together.

    expected: one standard deviation of their sum, from what was seen of each by itself. found: from how the
    windows scatter about a straight line. freedom: of `found`; 0 where there is but one window.
    """

    expected: float
    found: float
    freedom: float


def gross_parts(seen: Seen) -> dict[str, Part]:
    """Of the energy of all windows together."""
    error = seen.curve.meter.error
    loads, scatter = seen.loads, scatter_of(seen)
    sampling = [Part(load.sampling_j, load.freedom) for load in loads]
    more = math.sqrt(max(scatter.found**2 - scatter.expected**2, 0.0))
    return {
        "gain": Part(error.gain * seen.energy_j),
        "offset": Part(error.offset_w * seen.duration_s),
        "resolution": Part(_resolution_j(seen, seen.spans, loads)),
        "end points": Part(math.hypot(*(load.ends_j for load in loads))),
        "sampling": Part(total(sampling), freedom_of(sampling)),
        "windows": Part(more, max(scatter.freedom, 1.0)),
    }


def net_parts(seen: Seen) -> list[Part]:
    """The same of the energy net of idle: the sensor's offset cancels, idling adds its own."""
    gross = gross_parts(seen)
    half = seen.duration_s / 2
    own = [
        Part(math.hypot(joules.sampling_j, joules.ends_j) / joules.duration_s * half, joules.freedom)
        for joules in (seen.before.joules, seen.after.joules)
    ]
    steps = [
        Part(_resolution_j(seen, [idle.span], [idle.joules]) / idle.joules.duration_s * half)
        for idle in (seen.before, seen.after)
    ]
    # Before and after say where idling was at either end; in between it was anywhere from one to the other.
    # What the two differ by because of their own error is in `own` already.
    moved = max((seen.idle_drift_w * seen.duration_s) ** 2 - (2 * total(own)) ** 2, 0.0)
    kept = [gross[cause] for cause in ("resolution", "end points", "sampling", "windows")]
    gain = Part(seen.curve.meter.error.gain * abs(seen.net_j))
    return [gain, *kept, *own, *steps, Part(math.sqrt(moved) * UNIFORM)]


def scatter_of(seen: Seen) -> Scatter:
    """How far windows differ, beside how far they should."""
    loads = seen.loads
    expected = math.hypot(*(load.own_sigma_j for load in loads))
    if len(loads) < 2:
        return Scatter(expected, expected, 0.0)
    runs = np.array([window.runs for window in seen.windows], dtype=float)
    rest = np.array([load.energy_j for load in loads]) / runs
    rest -= np.sum(rest * runs) / np.sum(runs)
    freedom = len(loads) - 1
    if len(loads) >= ENOUGH_FOR_A_LINE:
        along = np.arange(len(loads)) - (len(loads) - 1) / 2
        rest -= rest.mean() + along * (along @ rest) / (along @ along)
        freedom -= 1
    found = math.sqrt(float(rest @ rest) / freedom * float(np.sum(runs**2)))
    return Scatter(expected, found, float(freedom))


def estimate(value: float, parts: Sequence[Part]) -> Estimate:
    """The 95 % interval by Student's t, with the degrees of freedom of Welch and Satterthwaite."""
    half = student_t_quantile((1 + LEVEL) / 2, min(freedom_of(parts), 1e6)) * total(parts)
    return Estimate(value, value - half, value + half)


def total(parts: Sequence[Part]) -> float:
    """One standard deviation of independent parts together."""
    return math.hypot(*(part.sigma for part in parts))


def freedom_of(parts: Sequence[Part]) -> float:
    """Degrees of freedom of them together."""
    known = sum(part.sigma**4 / part.freedom for part in parts)
    return total(parts) ** 4 / known if known > 0 else math.inf


def _resolution_j(seen: Seen, spans: Sequence[Span], found: Sequence[Joules]) -> float:
    if seen.curve.is_counter:
        return math.hypot(*(joules.resolution_j for joules in found))
    return seen.curve.resolution_w(spans) * sum(joules.duration_s for joules in found)
