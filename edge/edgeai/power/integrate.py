"""Joules of what a sampler saw, each with what they may be wrong by, cause by cause.

A counter is read by difference, rail by rail, each with its own wrap. A gauge is a line through its reads
(trapezoid), the end points interpolated. Between reads a load may do what no read saw: how much that comes to
is taken from the reads themselves, by batch means.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..unavailable import Unavailable
from .joules import Joules
from .meter import COUNTER_J
from .trace import Span, Trace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Curve", "Joules", "curve_of", "joules", "power_series", "rail_power_w", "update_period"]

UNIFORM = 1 / math.sqrt(12)
"""Standard deviation of what lies anywhere in a width of 1."""
BATCHES = 10
"""Batches of a window: means over so long that neighbours hardly know of each other, and enough of them."""
UPDATES_A_BATCH = 4
GAP_PERIODS = 4
"""A read is good for two periods before and after it: past four between two reads there is a gap."""
RESET_FACTOR = 1000
"""A step of a counter with that many times its usual power is no step: the counter was set back."""
HELD_SHARE = 2 / 3
"""A sensor that is read twice in each update period shows a new value in every second read."""
ENOUGH_CHANGES = 5
"""Fewer changes of a value do not tell how often it changes."""


def joules(trace: Trace, span: Span) -> Joules | Unavailable:
    """The energy of the counted rails in a span, or why it cannot be told."""
    curve = curve_of(trace)
    return curve if isinstance(curve, Unavailable) else curve.joules(span)


def power_series(trace: Trace) -> tuple[Floats, Floats]:
    """Times and watts of the counted rails together, for a drawing: of a gauge at its reads, of a counter in
    the middle between two of its changes. A NaN marks each gap, so that no line is drawn over it."""
    curve = curve_of(trace)
    if isinstance(curve, Unavailable):
        return np.empty(0), np.empty(0)
    return curve.series()


def rail_power_w(trace: Trace, *spans: Span) -> dict[str, float]:
    """Mean power of every rail over spans, also of those that are not counted; none where it was not seen."""
    found = {}
    for i, rail in enumerate(trace.meter.rails):
        curve = curve_of(trace, rails=(i,))
        if not isinstance(curve, Unavailable) and all(curve.why_not(span) is None for span in spans):
            whole_j = sum(curve.energy_in(span) for span in spans)
            found[rail.name] = whole_j / sum(span.duration_s for span in spans)
    return found


def update_period(trace: Trace) -> float | None:
    """Median time between two changes of the sensor's values, as seen: never shorter than the time between
    reads. None where they changed too seldom to tell."""
    times, values = _arrays(trace)
    if len(times) < 2:
        return None
    changes = times[1:][np.any(values[1:] != values[:-1], axis=1)]
    return float(np.median(np.diff(changes))) if len(changes) > ENOUGH_CHANGES else None


def curve_of(trace: Trace, rails: Sequence[int] | None = None) -> Curve | Unavailable:
    """Cumulated energy over time of some rails (the counted ones), or why there is none."""
    times, values = _arrays(trace)
    if len(times) < 2:
        return Unavailable(
            f"the sensor gave {len(times)} of {len(times) + len(trace.failed_s)} reads",
            "look at it with `edgeai power`",
        )
    if rails is None:
        rails = [i for i, rail in enumerate(trace.meter.rails) if rail.counted]
    if trace.meter.kind != COUNTER_J:
        return Curve(trace, times, values[:, list(rails)].sum(axis=1))
    total = np.zeros(len(times))
    for i in rails:
        unwrapped = _unwrapped(times, values[:, i], trace.meter.rails[i].wrap_j)
        if unwrapped is None:
            return Unavailable(
                f"the counter {trace.meter.rails[i].name} was set back while it was read",
                "measure again; a suspended machine sets counters back",
            )
        total += unwrapped
    return Curve(trace, times, total)


class Curve:
    """Energy over time, as a meter's reads give it. values: W at each read of a gauge, J since the first of a
    counter."""

    def __init__(self, trace: Trace, times: Floats, values: Floats) -> None:
        self.trace, self.meter = trace, trace.meter
        self.is_counter = trace.meter.kind == COUNTER_J
        self.times, self.values = times, values
        _, self._rows = _arrays(trace)
        self.seen_update_s = update_period(trace)
        if self.is_counter:
            self._knots, self._energy = self._changes()
            self._power = np.diff(self._energy) / np.diff(self._knots)
        else:
            self._knots, self._power = times, values
            steps = np.diff(times) * (values[1:] + values[:-1]) / 2
            self._energy = np.concatenate([[0.0], np.cumsum(steps)])

    @property
    def update_s(self) -> float:
        """The update period, as seen; where that cannot be told, as published; else that of the reads."""
        return self.seen_update_s or self.meter.update_s or self.trace.period_s

    @property
    def near_s(self) -> float:
        """How far from a read its value is still good: two periods of reading or of the sensor's updates."""
        known = [period for period in (self.seen_update_s, self.meter.update_s) if period is not None]
        return GAP_PERIODS / 2 * max(self.trace.period_s, min(known, default=0.0))

    @cached_property
    def held(self) -> bool:
        """Whether the sensor holds a value over several reads, so that they see all of its values."""
        if self.seen_update_s is None:
            return False
        changed = np.any(self._rows[1:] != self._rows[:-1], axis=1)
        return float(np.mean(changed)) < HELD_SHARE

    @cached_property
    def lag_s(self) -> tuple[float, float]:
        """By how much a gauge's values are late, and one standard deviation of that."""
        if self.is_counter:
            return 0.0, 0.0
        update_s = min(self.update_s, self.meter.update_s or self.update_s)
        hold_s = update_s / 2 if self.held else 0.0
        if self.meter.averages_s is not None:
            return hold_s + self.meter.averages_s / 2, update_s * UNIFORM / 2
        if self.meter.update_s is None:  # values that stay the same may be held, or be the same again
            return hold_s, update_s * UNIFORM
        # Averaging over none to all of the update period, nobody says which.
        return hold_s + update_s / 4, update_s / 2 * UNIFORM

    def why_not(self, span: Span) -> Unavailable | None:
        """Why the energy of a span cannot be told: its ends were not seen."""
        near = self.near_s + self.trace.read_s
        if span.duration_s <= 0:
            return Unavailable("the span has no length", "measure for longer")
        if span.begin_s < self.times[0] - near or span.end_s > self.times[-1] + near:
            return Unavailable(
                "the sensor was not read over the whole time", "look at it with `edgeai power`"
            )
        return None

    def joules(self, span: Span) -> Joules | Unavailable:
        """The energy in a span, or why it cannot be told."""
        why = self.why_not(span)
        if why is not None:
            return why
        energy_j, duration_s, error = self.energy_in(span), span.duration_s, self.meter.error
        sampling_j, freedom = self._sampling(span)
        resolution = self.resolution_j(span) if self.is_counter else self.resolution_w([span]) * duration_s
        return Joules(
            energy_j,
            duration_s,
            gain_j=error.gain * abs(energy_j),
            offset_j=error.offset_w * duration_s,
            resolution_j=resolution,
            ends_j=self._ends_j(span),
            sampling_j=sampling_j,
            freedom=freedom,
            updates=self.updates(span),
            coverage=self.coverage([span]),
            longest_gap_s=self.longest_gap_s([span]),
        )

    def energy_in(self, span: Span) -> float:
        """J between two moments, the values' lag taken back."""
        lag, _ = self.lag_s
        begin, end = self._energy_at(np.array([span.begin_s + lag, span.end_s + lag]))
        return float(end - begin)

    def updates(self, span: Span) -> int:
        """How often a value of the sensor changed in a span."""
        inside = self._inside(span)
        rows = self._rows[inside]
        return int(np.sum(np.any(rows[1:] != rows[:-1], axis=1)))

    def longest_same_s(self, span: Span) -> float:
        """The longest time in a span in which no value changed."""
        inside = self._inside(span)
        rows, times = self._rows[inside], self.times[inside]
        changes = times[1:][np.any(rows[1:] != rows[:-1], axis=1)]
        return float(np.max(np.diff(np.concatenate([[span.begin_s], changes, [span.end_s]]))))

    def coverage(self, spans: Sequence[Span]) -> float:
        """Share of the spans within two periods of a read; a counter misses nothing between two reads."""
        if self.is_counter:
            return 1.0
        seen = whole = 0.0
        for span in spans:
            inner = np.clip(self.times, span.begin_s, span.end_s)
            gaps = np.diff(np.concatenate([[span.begin_s], inner, [span.end_s]]))
            seen += span.duration_s - float(np.sum(np.maximum(gaps - 2 * self.near_s, 0.0)))
            whole += span.duration_s
        return seen / whole

    def longest_gap_s(self, spans: Sequence[Span]) -> float:
        """The longest time without a read within the spans."""
        longest = 0.0
        for span in spans:
            moments = np.concatenate([[span.begin_s], self.times[self._inside(span)], [span.end_s]])
            longest = max(longest, float(np.max(np.diff(moments))))
        return longest

    def resolution_w(self, spans: Sequence[Span]) -> float:
        """One standard deviation of a gauge's mean because values come in steps: (lsb / sqrt 12) / sqrt N. N
        is how many different values there were: reads of the same value are all wrong by the same."""
        lsb = self.meter.error.lsb
        if self.is_counter or lsb <= 0:
            return 0.0
        rows = np.concatenate([self.values[self._inside(span)] for span in spans])
        different = len(np.unique(np.round(rows / lsb))) if len(rows) else 1
        return lsb * UNIFORM / math.sqrt(max(different, 1))

    def resolution_j(self, span: Span) -> float:
        """The same of a counter's difference: both its ends are rounded."""
        return self.meter.error.lsb * UNIFORM * math.sqrt(2) if self.is_counter else 0.0

    def series(self) -> tuple[Floats, Floats]:
        """For a drawing: see `power_series`."""
        if self.is_counter:
            times, power = (self._knots[1:] + self._knots[:-1]) / 2, self._power
        else:
            times, power = self.times, self.values
        gaps = np.flatnonzero(np.diff(times) > 2 * self.near_s)
        middles = (times[gaps] + times[gaps + 1]) / 2
        return np.insert(times, gaps + 1, middles), np.insert(power, gaps + 1, np.nan)

    def _inside(self, span: Span) -> slice:
        first, last = np.searchsorted(self.times, [span.begin_s, span.end_s])
        return slice(int(first), int(last))

    def _energy_at(self, moments: Floats) -> Floats:
        """Energy from the first knot to each moment; before it and after the last the power goes on."""
        knots = self._knots
        i = np.clip(np.searchsorted(knots, moments, side="right") - 1, 0, len(knots) - 2)
        since = moments - knots[i]
        if self.is_counter:
            found: Floats = self._energy[i] + self._power[i] * since
            return found
        within = np.clip(since, 0.0, knots[i + 1] - knots[i])
        slope = (self._power[i + 1] - self._power[i]) / (knots[i + 1] - knots[i])
        outside = np.where(since < 0, self._power[i] * since, self._power[i + 1] * (since - within))
        inner: Floats = self._energy[i] + self._power[i] * within + slope * within**2 / 2 + outside
        return inner

    def _changes(self) -> tuple[Floats, Floats]:
        """When the counter changed, and to what. It did so between two reads, and at most an update period
        before the later one: in the middle of that, give or take."""
        changed = np.flatnonzero(np.diff(self.values) > 0) + 1
        if len(changed) < 2:
            return self.times[[0, -1]], self.values[[0, -1]]
        width = np.minimum(np.diff(self.times), self._change_width_s())
        if self.held:  # how old the first value was when it was first read, nobody knows
            return self.times[changed] - width[changed - 1] / 2, self.values[changed]
        knots = np.concatenate([[0], changed])
        return self.times[knots] - width[np.maximum(knots - 1, 0)] / 2, self.values[knots]

    def _change_width_s(self) -> float:
        """How long before a read its counter's value may have been made."""
        published = self.meter.update_s
        if not self.held:
            return math.inf if published is None else published
        return max(published or 0.0, self.update_s)

    def _ends_j(self, span: Span) -> float:
        """One standard deviation of a span's energy, because of where it ends."""
        parts = [self._end_j(moment) for moment in (span.begin_s, span.end_s)]
        return math.hypot(*parts)

    def _end_j(self, moment: float) -> float:
        if not self.is_counter:
            _, sigma_s = self.lag_s
            reach = 3 * max(self.update_s, self.trace.period_s)
            before, after = (
                self._energy_at(np.array(pair))
                for pair in ((moment - reach, moment), (moment, moment + reach))
            )
            return sigma_s * abs(float(after[1] - after[0] - before[1] + before[0])) / reach
        knots, power = self._knots, self._power
        i = int(np.clip(np.searchsorted(knots, moment, side="right") - 1, 0, len(power) - 1))
        gap = float(knots[i + 1] - knots[i])
        share = min(max((moment - float(knots[i])) / gap, 0.0), 1.0)
        around = power[max(i - 1, 0) : i + 2]
        # Where in the gap the power changed is not known, nor when the counter was brought up to date.
        change = share * (1 - share) * gap * float(np.ptp(around))
        width = min(self._change_width_s(), float(np.median(np.diff(self.times))))
        return math.hypot(change, width * UNIFORM * float(power[i]))

    def _sampling(self, span: Span) -> tuple[float, float]:
        """One standard deviation of a gauge's energy because of what no read saw, and its degrees of freedom.

        Batch means: the span is cut in equal parts; how far their powers scatter about a straight line,
        whatever the cause and however neighbours depend on each other, is how uncertain the mean of them is.
        Where each value is a mean over some time, that share of the load was seen after all: it is taken off.
        """
        if self.is_counter:
            return 0.0, math.inf
        inside = self._inside(span)
        reads = inside.stop - inside.start
        distinct = min(reads, self.updates(span) + 1)
        batches = min(BATCHES, distinct // UPDATES_A_BATCH)
        if batches < 3:
            values = self.values[inside]
            spread = float(np.std(values, ddof=1)) if reads > 1 else 0.0
            return spread / math.sqrt(max(distinct, 1)) * span.duration_s, max(distinct - 1.0, 1.0)
        lag, _ = self.lag_s
        energy = np.diff(self._energy_at(np.linspace(span.begin_s, span.end_s, batches + 1) + lag))
        along = np.arange(batches) - (batches - 1) / 2
        rest = energy - energy.mean() - along * (along @ energy) / (along @ along)
        unseen = 1.0 - min(1.0, distinct * (self.meter.averages_s or 0.0) / span.duration_s)
        variance = unseen * batches * float(rest @ rest) / (batches - 2) + self._hold_variance(inside)
        return math.sqrt(variance), batches - 2.0

    def _hold_variance(self, inside: slice) -> float:
        """A value that is held changed at some moment between two reads; the line puts it in their middle."""
        if not self.held:
            return 0.0
        gaps, steps = np.diff(self.times[inside]), np.diff(self.values[inside])
        return float(np.sum((gaps * steps) ** 2)) / 12


def _arrays(trace: Trace) -> tuple[Floats, Floats]:
    times = np.asarray(trace.times_s, dtype=float)
    values: NDArray[Any] = np.asarray(trace.values, dtype=float).reshape(len(times), len(trace.meter.rails))
    return times, values


def _unwrapped(times: Floats, values: Floats, wrap_j: float | None) -> Floats | None:
    """J since the first read of one rail; None where the counter was set back. A step down is a wrap where
    the power of the step is then a usual one. That it went round twice between two reads cannot be told."""
    steps = np.diff(values)
    down = steps < 0
    if np.any(down):
        if wrap_j is None:
            return None
        steps = np.where(down, steps + wrap_j, steps)
        power = steps / np.diff(times)
        usual = float(np.median(power[~down])) if np.any(~down) else math.inf
        if np.any(steps < 0) or (usual > 0 and np.any(power[down] > RESET_FACTOR * usual)):
            return None
    since_first: Floats = np.concatenate([[0.0], np.cumsum(steps)])
    return since_first
