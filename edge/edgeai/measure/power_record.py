"""The energy of a command: it runs, a meter is sampled beside it, its joules are told with an interval."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..power.integrate import Curve, Joules, curve_of, power_series, rail_power_w
from ..power.meter import COUNTER_J
from ..power.sampler import Sampler, usual_period_s
from ..power.trace import Span, Trace
from ..quantities import time_text
from ..unavailable import Unavailable
from .child import check_command, run_child, signals_held, signals_let
from .energy_parts import Part, estimate
from .statistics import Estimate

if TYPE_CHECKING:
    from ..power import Meter

_AROUND_PERIODS, _LONGEST_AROUND_S = 3, 5.0
"""So long the meter is read before and after the command: its first and last joule lie between two reads."""
_SETTLE_S, _SETTLE_SHARE = 0.5, 0.2
"""Dropped at the beginning of idling, which is when we were started."""
_LOOK = "look at it with `edgeai power`"


@dataclass(frozen=True)
class CommandEnergy:
    """What a command took. gross_j: all of the scope's energy while it ran. net_j: less idle power before it.
    idle_w: that power; both None where idle was not asked for. peak_w: the highest that was seen, of a
    counter between two of its changes; None where there was none. rails_w: means.

    updates: how often the sensor changed meanwhile. coverage: share of the time near a read.
    """

    meter: str
    scope: str
    method: str
    is_estimate: bool
    gross_j: Estimate
    net_j: Estimate | None
    power_w: Estimate
    peak_w: float | None
    idle_w: float | None
    rails_w: dict[str, float]
    reads: int
    failed_reads: int
    updates: int
    coverage: float
    longest_gap_s: float
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Recorded:
    """A command that ran. exit_code: its own, 128 + N where signal N ended it. begin_s: `time.monotonic`."""

    command: tuple[str, ...]
    exit_code: int
    begin_s: float
    duration_s: float
    energy: CommandEnergy | Unavailable
    trace: Trace


def record_command(
    command: Sequence[str],
    meter: Meter,
    *,
    idle_s: float = 0.0,
    output: int | None = None,
    on_idle: Callable[[], object] = lambda: None,
    mask_of_child: set[signal.Signals] | None = None,
) -> Recorded:
    """Run a command and tell its energy. The meter stays its owner's, who closes it. For the main thread.

    idle_s: how long to idle before it, for the net figure; 0 for none. on_idle: called when that begins.
    output: as of `run_child`. mask_of_child: from `signals_held`, where it was called before this.
    Raises CommandFailed before anything is waited for.
    """
    check_command(command)
    around_s = _around_s(meter)
    with signals_held() as held, Sampler(meter) as sampler:
        mask = held if mask_of_child is None else mask_of_child
        sampler.sample_once()
        idle_begin_s = time.monotonic()
        if idle_s > 0:
            on_idle()
        with signals_let(mask):
            time.sleep(max(idle_s, around_s))
        idle_end_s = time.monotonic()
        ended = run_child(command, mask, output=output)
        time.sleep(around_s)
        sampler.sample_once()
        trace = sampler.trace()
    span = Span(ended.begin_s, ended.end_s)
    settle_s = min(_SETTLE_S, _SETTLE_SHARE * idle_s)
    idle = Span(idle_begin_s + settle_s, idle_end_s) if idle_s > 0 else None
    return Recorded(
        tuple(command),
        ended.exit_code,
        ended.begin_s,
        span.duration_s,
        command_energy(trace, span, idle),
        trace,
    )


def command_energy(trace: Trace, span: Span, idle: Span | None = None) -> CommandEnergy | Unavailable:
    """What a trace says of a span. idle: a span before it in which nothing ran."""
    curve = curve_of(trace)
    if isinstance(curve, Unavailable):
        return curve
    found = curve.joules(span)
    rest = None if idle is None else curve.joules(idle)
    for each in (found, rest):
        if isinstance(each, Unavailable):
            return each
    if not curve.updates(Span(trace.times_s[0], trace.times_s[-1] + 1.0)):
        took = time_text(trace.times_s[-1] - trace.times_s[0])
        return Unavailable(
            f"stale: the sensor's value never changed in {took}", f"run it for longer, or {_LOOK}"
        )
    assert isinstance(found, Joules)
    assert not isinstance(rest, Unavailable)
    info = trace.meter
    gross = estimate(found.energy_j, _parts(found))
    return CommandEnergy(
        meter=info.name,
        scope=info.scope,
        method=_method(curve, found),
        is_estimate=info.is_estimate,
        gross_j=gross,
        net_j=None if rest is None else _net(found, rest),
        power_w=_over(gross, found.duration_s),
        peak_w=_peak_w(trace, span),
        idle_w=None if rest is None else rest.power_w,
        rails_w=rail_power_w(trace, span),
        reads=sum(span.begin_s <= time_s <= span.end_s for time_s in trace.times_s),
        failed_reads=sum(span.begin_s <= time_s <= span.end_s for time_s in trace.failed_s),
        updates=found.updates,
        coverage=found.coverage,
        longest_gap_s=found.longest_gap_s,
        notes=info.notes,
    )


def trace_rows(recorded: Recorded) -> tuple[list[str], list[list[float]]]:
    """The trace as columns and rows: seconds since the command began, and what each rail said: W, or J of a
    counter, which may start again from 0."""
    trace = recorded.trace
    is_counter = trace.meter.kind == COUNTER_J
    header = ["time_s", *(f"{rail.name}_{'j' if is_counter else 'w'}" for rail in trace.meter.rails)]
    rows = [
        [time_s - recorded.begin_s, *values]
        for time_s, values in zip(trace.times_s, trace.values, strict=True)
    ]
    return header, rows


def _around_s(meter: Meter) -> float:
    period_s = max(usual_period_s(meter.info), meter.info.update_s or 0.0)
    return min(_AROUND_PERIODS * period_s, _LONGEST_AROUND_S)


def _parts(found: Joules) -> list[Part]:
    own = [Part(found.ends_j), Part(found.sampling_j, found.freedom)]
    return [Part(found.gain_j), Part(found.offset_j), Part(found.resolution_j), *own]


def _net(found: Joules, rest: Joules) -> Estimate:
    """Less what idling would have taken: the sensor's offset cancels, its gain is of the difference."""
    times = found.duration_s / rest.duration_s
    net_j = found.energy_j - times * rest.energy_j
    gain = found.gain_j / found.energy_j if found.energy_j else 0.0
    return estimate(
        net_j,
        [
            Part(abs(gain * net_j)),
            Part(found.resolution_j),
            Part(found.ends_j),
            Part(found.sampling_j, found.freedom),
            Part(times * rest.resolution_j),
            Part(times * rest.ends_j),
            Part(times * rest.sampling_j, rest.freedom),
        ],
    )


def _over(energy: Estimate, duration_s: float) -> Estimate:
    low, high = (None if end is None else end / duration_s for end in (energy.low, energy.high))
    return Estimate(energy.value / duration_s, low, high)


def _peak_w(trace: Trace, span: Span) -> float | None:
    times, watts = power_series(trace)
    inside = watts[(times >= span.begin_s) & (times <= span.end_s) & ~np.isnan(watts)]
    return float(inside.max()) if len(inside) else None


def _method(curve: Curve, found: Joules) -> str:
    how = "difference of an energy counter" if curve.is_counter else "power integrated over time"
    if curve.meter.is_estimate:
        how = "estimated power integrated over time"
    return f"{curve.meter.name}, {how}, {time_text(found.duration_s)}"
