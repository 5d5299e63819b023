"""Power over the time of the energy pass: idle, the windows that count, idle again; where the sensor gave
nothing, the line has a gap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from edgeai.axes import linear
from edgeai.markup import Markup, element, joined
from edgeai.measure.energy import Energy, EnergyWindow, IdleSpan, PowerTrace
from edgeai.quantities import energy_text, power_text, time_text

from .plot import Plot, chart, dots_at, line_through, paths, percent, rectangle
from .samples import LEAST_S

Points = list[tuple[float, float]]

_NARROWEST = 0.05
"""Share of the width from which a name fits into a span on a phone."""


def power_chart(energy: Energy, points: int) -> Markup:
    """The plot; nothing where no read gave anything. points: how many places across are drawn."""
    runs = _runs(energy.trace)
    known = [watts for run in runs for _, watts in run]
    if not known or _end(energy) < LEAST_S:
        return Markup()
    # From 0, so that heights compare as energies do: the area under the line is what is counted.
    low, high = min(0.0, *known), max(*known, 0.0) or 1.0
    plot = Plot(
        linear("s of the energy pass", 0.0, _end(energy)), linear("W", low, low + (high - low) * 1.12)
    )
    most = max(4 * points, 4)
    total = sum(map(len, runs))
    drawn = [_line(plot, run, max(most * len(run) // total, 1)) for run in runs]
    return chart(
        "Power over time",
        plot,
        *_spans(plot, energy),
        *_gaps(plot, energy, runs),
        paths(plot, *drawn, *_levels(plot, energy)),
        about=_about(energy, _breaks(runs), has_bands=total > most),
        class_="full power",
    )


def _end(energy: Energy) -> float:
    idle, windows = (span.end_s for span in energy.idle), (window.end_s for window in energy.windows)
    return max([*energy.trace.times_s[-1:], *idle, *windows], default=0.0)


def _runs(trace: PowerTrace) -> list[Points]:
    """What lies between gaps."""
    runs: list[Points] = [[]]
    for time, watts in zip(trace.times_s, trace.power_w, strict=True):
        if watts is None:
            runs.append([])
        else:
            runs[-1].append((time, watts))
    return [run for run in runs if run]


def _line(plot: Plot, run: Points, most: int) -> Markup:
    """Each read, or where these are too many the range and the mean of each stretch."""
    if len(run) == 1:
        return element("path", d=dots_at(plot, run), class_="dots")
    if len(run) <= most:
        return element("path", d=line_through(plot, run), class_="line trace")
    size = -(-len(run) // max(most // 4, 1))
    pieces = [run[at : at + size] for at in range(0, len(run), size)]
    middle = [sum(time for time, _ in piece) / len(piece) for piece in pieces]
    powers = [[watts for _, watts in piece] for piece in pieces]
    low, mean, high = (
        list(zip(middle, map(of, powers), strict=True))
        for of in (min, lambda each: sum(each) / len(each), max)
    )
    return joined(
        element("path", d=f"{line_through(plot, [*high, *reversed(low)])}Z", class_="band"),
        element("path", d=line_through(plot, mean), class_="line trace"),
    )


def _spans(plot: Plot, energy: Energy) -> Iterator[Markup]:
    for span in energy.idle:
        told = f"idle, {time_text(span.end_s - span.begin_s)}, {power_text(span.power_w)}"
        yield rectangle(plot, span.begin_s, span.end_s, "idle", told)
        yield _name(plot, span, "idle", "soft")
    for number, window in enumerate(energy.windows, 1):
        took = window.end_s - window.begin_s
        told = (
            f"window {number}: {window.runs:,} calls in {time_text(took)}, {energy_text(window.energy_j)}, "
            f"{power_text(_mean_w(window))}"
        )
        yield rectangle(plot, window.begin_s, window.end_s, "window", told)
        yield _name(plot, window, str(number), "")


def _name(plot: Plot, span: IdleSpan | EnergyWindow, text: str, class_: str) -> Markup:
    """In the middle of a span, above the plot; nothing where it would run into its neighbours."""
    begin, end = plot.x.place(span.begin_s), plot.x.place(span.end_s)
    if end - begin < _NARROWEST * (1 if len(text) > 1 else 0.4):
        return Markup()
    middle = percent((begin + end) / 2)
    return element("text", text, x=middle, y=12, text_anchor="middle", class_=f"name {class_}".strip())


def _gaps(plot: Plot, energy: Energy, runs: Sequence[Points]) -> Iterator[Markup]:
    """Those within what counts are shaded; in between, the sensor is left alone for a while on purpose."""
    for left, right in _breaks(runs):
        took = time_text(right - left)
        if _counts(energy, left, right):
            yield rectangle(plot, left, right, "gap", f"no reading for {took}")
        else:
            yield rectangle(plot, left, right, "pause", f"not read for {took}, outside of what counts")


def _breaks(runs: Sequence[Points]) -> list[tuple[float, float]]:
    return [(before[-1][0], after[0][0]) for before, after in pairwise(runs)]


def _counts(energy: Energy, left: float, right: float) -> bool:
    """Whether a stretch reaches into a window or an idle span."""
    idle = any(span.begin_s < right and left < span.end_s for span in energy.idle)
    return idle or any(window.begin_s < right and left < window.end_s for window in energy.windows)


def _levels(plot: Plot, energy: Energy) -> Iterator[Markup]:
    """The mean of each span, as a level line."""
    idle = [(span.begin_s, span.end_s, span.power_w) for span in energy.idle]
    loaded = [(span.begin_s, span.end_s, _mean_w(span)) for span in energy.windows]
    for class_, levels in (("idle", idle), ("loaded", loaded)):
        d = "".join(line_through(plot, [(begin, watts), (end, watts)]) for begin, end, watts in levels)
        if d:
            yield element("path", d=d, class_=f"level {class_}")


def _mean_w(window: EnergyWindow) -> float:
    return window.energy_j / max(window.end_s - window.begin_s, LEAST_S)


def _about(energy: Energy, breaks: Sequence[tuple[float, float]], *, has_bands: bool) -> str:
    line = "The line is the power that the meter gave"
    if has_bands:
        line = "The line is the mean of each stretch, the area around it holds all reads"
    in_what_counts = [_counts(energy, *each) for each in breaks]
    gaps = " Where it is broken and shaded red, reads failed or came too late." if any(in_what_counts) else ""
    if not all(in_what_counts):
        gaps += (
            " Between what counts it is broken where the sensor was left alone, to tell what reading costs."
        )
    return (
        f"{line}: {energy.scope}.{gaps} Numbers are the windows of calls back to back, whose energy is "
        "counted; idle is with the model loaded. Level lines are means."
    )
