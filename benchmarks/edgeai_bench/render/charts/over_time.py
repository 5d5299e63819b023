"""Latency over the time that was measured, one process after the other, with the machine's clock, heat and
throttling below as far as the looks before and after each process tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgeai.axes import linear
from edgeai.markup import Markup, element, joined
from edgeai.measure.conditions import Conditions

from ...report import ProcessRecord, Report
from .lane import lane_under
from .plot import Plot, chart, dots_at, line_through, paths, percent, rectangle
from .samples import LEAST_S, Scale, pooled_seconds, seconds_of

if TYPE_CHECKING:
    from .samples import Seconds

    Points = Sequence[tuple[float, float]]

_CALLS = 5
"""Calls that a median of a stretch is of at least."""
NO_CLOCK = "clock: unavailable: this machine's kernel shows no clock (cpufreq)"
NO_HEAT = "temperature: unavailable: this machine's kernel shows no thermal zone"


@dataclass(frozen=True)
class Part:
    """A process's place on the axis, in seconds of measuring."""

    number: int
    process: ProcessRecord
    start: float
    end: float


def over_time(report: Report, points: int) -> Markup:
    """The latency and what lies below it. points: how many places across are drawn."""
    parts = _parts(report.processes)
    ordered = pooled_seconds(report.processes)
    if not parts or not len(ordered):
        return Markup()
    x = linear("s of measuring, one process after the other", 0.0, parts[-1].end)
    scale = Scale(float(ordered[0]), float(ordered[-1]))
    plot = Plot(x, scale.axis("latency"))
    drawn = [_latencies(plot, part, scale, max(2 * points // len(parts), 8)) for part in parts]
    return joined(
        chart(
            "Latency over time",
            plot,
            *_processes(plot, parts),
            paths(plot, *drawn),
            about=_about(report.processes, any("band" in each for each in drawn)),
            class_="full",
        ),
        _lane("Clock of the slowest and the fastest core, GHz", plot, parts, _clocks)
        or element("p", NO_CLOCK, class_="missing"),
        _lane("Temperature of the hottest zone, °C", plot, parts, _heat)
        or element("p", NO_HEAT, class_="missing"),
        element("p", throttle_words(report.processes), class_="missing"),
    )


def throttle_words(processes: Sequence[ProcessRecord]) -> str:
    """What the looks say of throttling, in one sentence."""
    told = [
        f"process {number}: {', '.join(process.change.throttle_events)}"
        for number, process in enumerate(processes, 1)
        if process.change.throttle_events
    ]
    if told:
        return f"throttling: seen in {'; '.join(told)} (shaded above)"
    watched = any(process.after.throttle_counts for process in processes)
    known = "" if watched else "; this machine shows no counter of it, only what is in force at a look"
    return f"throttling: none seen, looking twice a second{known}"


def _parts(processes: Sequence[ProcessRecord]) -> list[Part]:
    parts: list[Part] = []
    start = 0.0
    for number, process in enumerate(processes, 1):
        if process.samples_ns and process.duration_s >= LEAST_S:
            parts.append(Part(number, process, start, start + process.duration_s))
            start += process.duration_s
    return parts


def _latencies(plot: Plot, part: Part, scale: Scale, most: int) -> Markup:
    """Each call as a dot, or where these are too many what each stretch was like."""
    seconds = seconds_of(part.process)
    times = _times(part, seconds)
    shown = seconds / scale.unit[0]
    if len(seconds) <= most:
        points = zip(times.tolist(), shown.tolist(), strict=True)
        return element("path", d=dots_at(plot, points), class_="dots")
    pieces = [
        piece
        for piece in np.array_split(np.arange(len(seconds)), min(most // 4, len(seconds) // _CALLS))
        if len(piece)
    ]
    middle = [float(times[piece].mean()) for piece in pieces]
    low, half, high, slowest = (
        list(zip(middle, (float(np.quantile(shown[piece], share)) for piece in pieces), strict=True))
        for share in (0.05, 0.5, 0.95, 1.0)
    )
    return joined(
        element("path", d=f"{line_through(plot, [*high, *reversed(low)])}Z", class_="band"),
        element("path", d=line_through(plot, half), class_="line"),
        element("path", d=dots_at(plot, slowest), class_="dots slowest"),
    )


def _times(part: Part, seconds: Seconds) -> Seconds:
    """When each kept call ended: those between, where one in `keep_every` is kept, took as long."""
    passed = np.cumsum(seconds)
    whole = float(passed[-1])
    return part.start + (passed / whole if whole > 0 else passed) * (part.end - part.start)


def _processes(plot: Plot, parts: Sequence[Part]) -> Iterator[Markup]:
    """Where each process starts, which number it has, and whether it was throttled."""
    for part in parts:
        if part.process.change.throttle_events:
            events = ", ".join(part.process.change.throttle_events)
            yield rectangle(plot, part.start, part.end, "throttled", f"throttled: {events}")
        x = percent(plot.x.place(part.start))
        if part.start > 0:
            yield element("line", x1=x, x2=x, y1=-4, y2=plot.height, class_="border")
        if len(parts) > 1:
            yield element("text", str(part.number), x=x, dx=4, y=11, class_="name soft")


def _about(processes: Sequence[ProcessRecord], has_band: bool) -> str:
    drawn = "A dot is a call"
    if has_band:
        drawn = (
            "The area holds 90 % of the calls of each stretch, the line is their median, a dot the slowest"
        )
    thin = max((process.keep_every for process in processes), default=1)
    kept = f"; of the calls, one in {thin:,} was kept" if thin > 1 else ""
    return f"{drawn}{kept}. Numbers are processes, each of which started afresh and warmed up before."


def _lane(
    title: str, above: Plot, parts: Sequence[Part], told: Callable[[Conditions], list[float]]
) -> Markup | None:
    """What two looks at each process saw: from the lowest to the highest. None where they saw nothing."""
    looks = [(part, told(part.process.before), told(part.process.after)) for part in parts]
    known = [(part, before, after) for part, before, after in looks if before and after]
    if not known:
        return None
    plot = lane_under(above, [value for _, before, after in known for value in (*before, *after)])
    drawn = [_look_path(plot, part, before, after) for part, before, after in known]
    # The looks of one process, between which nothing is known, are joined by a straight line.
    return chart(title, plot, *_borders(plot, parts), paths(plot, *drawn), class_="full lane")


def _borders(plot: Plot, parts: Sequence[Part]) -> Iterator[Markup]:
    for part in parts:
        if part.process.change.throttle_events:
            yield rectangle(plot, part.start, part.end, "throttled")
        if part.start > 0:
            x = percent(plot.x.place(part.start))
            yield element("line", x1=x, x2=x, y1=0, y2=plot.height, class_="border")


def _look_path(plot: Plot, part: Part, before: list[float], after: list[float]) -> Markup:
    ends = [(part.start, part.end, of(before), of(after)) for of in (min, max)]
    (start, end, low, low_after), (_, _, high, high_after) = ends
    area = [(start, high), (end, high_after), (end, low_after), (start, low)]
    lines = [[(start, low), (end, low_after)], [(start, high), (end, high_after)]]
    return joined(
        element("path", d=f"{line_through(plot, area)}Z", class_="band"),
        element("path", d="".join(line_through(plot, line) for line in lines), class_="line"),
        element("path", d="".join(dots_at(plot, line) for line in lines), class_="dots"),
    )


def _clocks(look: Conditions) -> list[float]:
    return [hz / 1e9 for hz in look.frequencies_hz if hz is not None]


def _heat(look: Conditions) -> list[float]:
    """The hottest zone alone: others may be of a battery or a disk."""
    return [max(look.temperatures_c.values())] if look.temperatures_c else []
