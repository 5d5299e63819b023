"""What a soak showed: the sustained rate against the first minute, drift, growth of RAM, clock and heat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgeai.measure.conditions import Change
from edgeai.measure.long_runs import SoakMeasured
from edgeai.measure.soak import Block, Glance
from edgeai.measure.statistics import Comparison, Estimate, compare, slope
from edgeai.unavailable import Unavailable

FIRST_S = 60.0
"""The first minute; the first quarter of a soak that is shorter than four."""
_STRETCHES = 6
"""Of the first minute. Blocks of a second are alike like neighbours; stretches of ten seconds are less so."""
_POINTS = 30
"""Stretches that a slope of RAM goes through."""
_SETTLED = 0.1
"""Share of a soak in which allocators still fill their pools; growth counts after it."""
HOUR_S = 3600.0


@dataclass(frozen=True)
class SoakMinute:
    """One minute. p50_s: median of its blocks' medians. rate_hz: calls by the time of its blocks."""

    start_s: float
    runs: int
    rate_hz: float
    p50_s: float
    max_s: float


@dataclass(frozen=True)
class SoakCourse:
    """How a reading went: means over the first and the last stretch, and the extremes over all."""

    first: float
    last: float
    low: float
    high: float


@dataclass(frozen=True)
class SoakResult:
    """A soak. asked_s: its length as asked; duration_s: as measured. runs: calls.

    first_s: length of the stretch at its beginning, and of that at its end: `last_s`, a third of the whole.
    sustained: rate of the last stretch over that of the first, with its 95 % interval from means of blocks;
    None with too few. drift: what the rate gained from beginning to end by a straight line through it, as a
    share of its mean; the line is drawn through means of stretches.
    growth_bytes_per_hour: of anonymous RAM, after the first tenth; grown_bytes: as seen, not extrapolated.
    peak_bytes: highest resident set. clock_hz: mean over cores; temperature_c: of the hottest zone.
    """

    asked_s: float
    duration_s: float
    runs: int
    first_s: float
    last_s: float
    first_hz: float
    sustained_hz: float
    sustained: Comparison | None
    drift: Estimate | None
    minutes: tuple[SoakMinute, ...]
    growth_bytes_per_hour: Estimate | Unavailable
    grown_bytes: float | None
    peak_bytes: int | None
    clock_hz: SoakCourse | Unavailable
    temperature_c: SoakCourse | Unavailable
    throttling: tuple[str, ...] | Unavailable
    change: Change
    output_error: str | None
    block_s: float
    blocks: tuple[Block, ...]
    glances: tuple[Glance, ...]


def soak_result(asked_s: float, measured: SoakMeasured) -> SoakResult:
    """The figures of a soak."""
    blocks, glances = measured.blocks, measured.glances
    end_s = blocks[-1].start_s + blocks[-1].duration_s
    first_s = min(FIRST_S, end_s / 4)
    last_s = max(end_s / 3, first_s)
    first = [block for block in blocks if block.start_s < first_s]
    last = [block for block in blocks if block.start_s >= end_s - last_s] or list(blocks[-1:])
    stretch_s = first_s / _STRETCHES
    growth, grown = _growth(glances, end_s)
    return SoakResult(
        asked_s=asked_s,
        duration_s=end_s,
        runs=sum(block.runs for block in blocks),
        first_s=first_s,
        last_s=last_s,
        first_hz=_rate(first),
        sustained_hz=_rate(last),
        sustained=_compared(_stretches(first, stretch_s), _stretches(last, stretch_s)),
        drift=_drift(_stretches(blocks, stretch_s), end_s),
        minutes=tuple(_minute(part) for part in _stretches(blocks, 60.0)),
        growth_bytes_per_hour=growth,
        grown_bytes=grown,
        peak_bytes=measured.peak_bytes,
        clock_hz=_course(
            [glance.clock_hz for glance in glances],
            "this kernel shows no clock of the CPUs (no cpufreq driver)",
            "a virtual machine hides it; measure on the board itself",
        ),
        temperature_c=_course(
            [glance.temperature_c for glance in glances],
            "this machine shows no temperature (no thermal zone)",
            "a virtual machine hides it; measure on the board itself",
        ),
        throttling=_throttling(measured),
        change=measured.change,
        output_error=measured.output_error,
        block_s=measured.block_s,
        blocks=blocks,
        glances=glances,
    )


def _rate(blocks: Sequence[Block]) -> float:
    return sum(block.runs for block in blocks) / sum(block.duration_s for block in blocks)


def _stretches(blocks: Sequence[Block], length_s: float) -> list[list[Block]]:
    """Blocks by the stretch that they start in; empty ones are left out."""
    by_number: dict[int, list[Block]] = {}
    for block in blocks:
        by_number.setdefault(int(block.start_s / length_s), []).append(block)
    return [by_number[number] for number in sorted(by_number)]


def _compared(first: list[list[Block]], last: list[list[Block]]) -> Comparison | None:
    if min(len(first), len(last)) < 2:
        return None
    return compare([_rate(part) for part in first], [_rate(part) for part in last], paired=False)


def _drift(stretches: list[list[Block]], end_s: float) -> Estimate | None:
    """Growth of the rate from beginning to end, as a share of its mean."""
    rates = np.array([_rate(part) for part in stretches])
    return slope(np.array([part[0].start_s / end_s for part in stretches]), rates / rates.mean())


def _minute(blocks: list[Block]) -> SoakMinute:
    return SoakMinute(
        start_s=blocks[0].start_s,
        runs=sum(block.runs for block in blocks),
        rate_hz=_rate(blocks),
        p50_s=float(np.median([block.p50_ns for block in blocks])) / 1e9,
        max_s=max(block.max_ns for block in blocks) / 1e9,
    )


def _growth(glances: Sequence[Glance], end_s: float) -> tuple[Estimate | Unavailable, float | None]:
    """Bytes an hour of anonymous RAM, and what it grew by between the first and the last readings."""
    known = [
        (glance.time_s, glance.anonymous_bytes)
        for glance in glances
        if glance.anonymous_bytes is not None and glance.time_s >= _SETTLED * end_s
    ]
    if not known:
        return Unavailable("this kernel does not say RssAnon", "use Linux 4.5 or newer"), None
    parts = np.array_split(np.array(known, dtype=float), min(_POINTS, len(known)))
    means = np.array([part.mean(axis=0) for part in parts])
    found = slope(means[:, 0] / HOUR_S, means[:, 1])
    if found is None:
        return Unavailable("too few readings for a slope", "give --soak more time"), None
    return found, float(means[-1, 1] - means[0, 1])


def _course(values: Sequence[float | None], why: str, advice: str) -> SoakCourse | Unavailable:
    known = np.array([value for value in values if value is not None])
    if not len(known):
        return Unavailable(why, advice)
    part = max(1, len(known) // 10)
    return SoakCourse(
        float(known[:part].mean()), float(known[-part:].mean()), float(known.min()), float(known.max())
    )


def _throttling(measured: SoakMeasured) -> tuple[str, ...] | Unavailable:
    """Events by name with their number; that nothing was seen means nothing where nobody tells."""
    events = measured.change.throttle_events
    tells = measured.after.throttle_counts or measured.after.temperatures_c
    if not events and not tells:
        return Unavailable(
            "this machine tells of no throttling",
            "a virtual machine hides it; measure on the board itself",
        )
    return tuple(f"{name} ({count})" for name, count in events.items())
