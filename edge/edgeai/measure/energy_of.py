"""From a trace of power, spans of idling and windows of calls: joules of one inference, and what to doubt.

The interval is for what an inference takes, as this sensor covers it. It holds the sensor's errors as
published, the ends of the windows, what no read saw, and what windows differ by beyond that. A straight trend
over the windows is no error of their mean: it is a doubt. Net of idle, the sensor's offset cancels; how far
idling moved from before to after is carried.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..power.integrate import Curve, Joules, curve_of, power_series, rail_power_w
from ..power.trace import Span, Trace
from ..quantities import digits, percent_text, time_text
from ..unavailable import Unavailable
from .energy import Energy, EnergyWindow, IdleSpan, LoadWindow, PowerTrace, Sampling
from .energy_doubts import doubts_of
from .energy_parts import Idle, Part, Seen, estimate, gross_parts, net_parts
from .statistics import Estimate

LEAST_COVERAGE = 0.5
"""A gauge that was not seen for longer than this share of the windows says too little of them."""
SETTLE_S, SETTLE_UPDATES, SETTLE_SHARE = 0.5, 5, 0.2
"""Dropped at the beginning of idling: so long, or so many update periods, but no more than a share of it."""
MOST_POINTS = 2000
LOOK = "look at it with `edgeai power`"


def energy_of(
    trace: Trace,
    idle_before: Span,
    windows: Sequence[LoadWindow],
    idle_after: Span,
    *,
    slowdown: Estimate | None,
) -> Energy | Unavailable:
    """The energy of an inference, or why it cannot be told: a sensor that never changed, or was hardly read.

    idle_before, idle_after: the model loaded and nothing run. slowdown: of sampling, is passed on.
    Needs at least one window, each with at least one run; ValueError otherwise.
    """
    if not windows or any(window.runs < 1 for window in windows):
        raise ValueError("energy needs at least one window, each with at least one run")
    curve = curve_of(trace)
    if isinstance(curve, Unavailable):
        return curve
    seen = _seen(curve, idle_before, windows, idle_after)
    if isinstance(seen, Unavailable):
        return seen
    return _useless(seen) or _energy(seen, slowdown)


def power_trace(trace: Trace, spans: Sequence[Span]) -> PowerTrace:
    """For a drawing: at most 2,000 points, each the mean of neighbours; a gap stays one."""
    times, watts = power_series(trace)
    start_s = trace.times_s[0] if trace.times_s else 0.0
    width = max(-(-len(times) // MOST_POINTS), 1)
    starts = np.arange(0, len(times), width)
    if width > 1:
        counts = np.diff(np.append(starts, len(times)))
        times, watts = (np.add.reduceat(values, starts) / counts for values in (times, watts))
    return PowerTrace(
        times_s=tuple((times - start_s).tolist()),
        power_w=tuple(None if math.isnan(power_w) else power_w for power_w in watts.tolist()),
        rails_w=rail_power_w(trace, *spans),
        inside=tuple(rail.name for rail in trace.meter.rails if not rail.counted),
        began_s=start_s,
    )


def _seen(
    curve: Curve, idle_before: Span, windows: Sequence[LoadWindow], idle_after: Span
) -> Seen | Unavailable:
    loads: list[Joules] = []
    for window in windows:
        load = curve.joules(Span(window.begin_s, window.end_s))
        if isinstance(load, Unavailable):
            return load
        loads.append(load)
    before, after = _idle(curve, idle_before), _idle(curve, idle_after)
    if isinstance(before, Unavailable):
        return before
    if isinstance(after, Unavailable):
        return after
    return Seen(curve, windows, loads, before, after)


def _idle(curve: Curve, span: Span) -> Idle | Unavailable:
    """What came before it, and what the sensor still shows of that, is dropped."""
    settle_s = min(max(SETTLE_S, SETTLE_UPDATES * curve.update_s), SETTLE_SHARE * span.duration_s)
    settled = Span(span.begin_s + settle_s, span.end_s)
    found = curve.joules(settled)
    return found if isinstance(found, Unavailable) else Idle(settled, found)


def _useless(seen: Seen) -> Unavailable | None:
    """Why no figure can be had of what was seen."""
    whole = Span(seen.before.span.begin_s, seen.after.span.end_s)
    if seen.curve.updates(whole) == 0:
        return Unavailable(
            f"stale: the sensor's value never changed in {time_text(whole.duration_s)}",
            "it may be switched off or not wired in; " + LOOK,
        )
    if seen.curve.is_counter and all(load.updates == 0 for load in seen.loads):
        return Unavailable("stale: the counter did not move while inferences ran", LOOK)
    coverage = seen.curve.coverage(seen.spans)
    if coverage < LEAST_COVERAGE:
        return Unavailable(f"the sensor was read near only {percent_text(coverage)} of the windows", LOOK)
    if seen.energy_j <= 0:
        return Unavailable(f"the sensor shows {digits(seen.energy_j / seen.duration_s)} W under load", LOOK)
    return None


def _energy(seen: Seen, slowdown: Estimate | None) -> Energy:
    info, trace, runs = seen.curve.meter, seen.curve.trace, seen.runs
    parts = {cause: Part(part.sigma / runs, part.freedom) for cause, part in gross_parts(seen).items()}
    gross = estimate(seen.energy_j / runs, list(parts.values()))
    net = estimate(seen.net_j / runs, [Part(part.sigma / runs, part.freedom) for part in net_parts(seen)])
    start_s = trace.times_s[0]
    return Energy(
        meter=info.name,
        scope=info.scope,
        method=_method(seen),
        is_estimate=info.is_estimate,
        gross_j=gross,
        net_j=net,
        power_w=_scaled(gross, runs / seen.duration_s),
        idle_w=seen.idle_w,
        idle_drift_w=seen.idle_drift_w,
        inferences_per_j=_inverse(gross),
        windows=tuple(
            EnergyWindow(
                window.begin_s - start_s, window.end_s - start_s, window.runs, load.energy_j, load.own_sigma_j
            )
            for window, load in zip(seen.windows, seen.loads, strict=True)
        ),
        idle=tuple(
            IdleSpan(idle.span.begin_s - start_s, idle.span.end_s - start_s, idle.joules.power_w)
            for idle in (seen.before, seen.after)
        ),
        sampling=_sampling(seen, slowdown),
        sigmas_j={cause: part.sigma for cause, part in parts.items()},
        trace=power_trace(trace, seen.spans),
        notes=info.notes,
        doubts=doubts_of(seen),
    )


def _sampling(seen: Seen, slowdown: Estimate | None) -> Sampling:
    curve, trace = seen.curve, seen.curve.trace
    return Sampling(
        reads=len(trace.times_s),
        failed_reads=len(trace.failed_s),
        period_s=trace.period_s,
        read_s=trace.read_s,
        update_s=curve.seen_update_s,
        updates_per_window=float(np.mean([load.updates for load in seen.loads])),
        coverage=curve.coverage(seen.spans),
        longest_gap_s=curve.longest_gap_s(seen.spans),
        slowdown=slowdown,
    )


def _method(seen: Seen) -> str:
    info = seen.curve.meter
    how = "difference of an energy counter" if seen.curve.is_counter else "power integrated over time"
    if info.is_estimate:
        how = "estimated power integrated over time"
    count, mean_s = len(seen.windows), seen.duration_s / len(seen.windows)
    windows = f"{count} windows of {time_text(mean_s)}" if count > 1 else f"one window of {time_text(mean_s)}"
    return f"{info.name}, {how}: {windows}, {seen.runs:,} inferences"


def _scaled(value: Estimate, factor: float) -> Estimate:
    assert value.low is not None
    assert value.high is not None
    return Estimate(value.value * factor, value.low * factor, value.high * factor)


def _inverse(value: Estimate) -> Estimate:
    """Bounds change places; there is no upper one where the energy may be nothing."""
    assert value.low is not None
    assert value.high is not None
    return Estimate(1 / value.value, 1 / value.high, 1 / value.low if value.low > 0 else None)
