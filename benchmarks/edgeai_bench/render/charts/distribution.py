"""How latencies are spread: the histogram of one run, and ECDFs of one run or several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from edgeai.axes import Axis, inside, linear
from edgeai.markup import Markup, element, joined
from edgeai.quantities import time_text

from ...report import Report
from .plot import Plot, bars_between, chart, line_through, marker, paths, rectangle
from .samples import Scale, at_shares, bulk, pooled_seconds, seconds_of

if TYPE_CHECKING:
    from .samples import Seconds

_FEWEST_BARS, _MOST_BARS = 12, 60
_NAMED = ("p50", "p90", "p99")
"""Percentiles that are marked; more names would touch."""
COLOURS = 8
"""Lines that colours and dashes of the style sheet tell apart."""


def histogram(report: Report) -> Markup:
    """How often which latency came."""
    ordered = pooled_seconds(report.processes)
    if not len(ordered):
        return _nothing("Latency distribution")
    scale = bulk(ordered)
    seconds, _ = scale.unit
    edges = scale.edges(_bars(ordered, scale))
    shown = ordered[ordered <= edges[-1]]
    counts, _ = np.histogram(shown, edges)
    plot = Plot(scale.axis("latency"), linear("calls", 0.0, float(counts.max(initial=1)) * 1.12))
    bars = [
        (float(left) / seconds, float(right) / seconds, float(count))
        for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True)
        if count
    ]
    beyond = len(ordered) - len(shown)
    about = f"{len(ordered):,} kept latencies of {len(report.processes)} process" + (
        "es" if len(report.processes) != 1 else ""
    )
    if beyond:
        about += f"; {beyond:,} beyond the right edge, the slowest at {time_text(float(ordered[-1]))}"
    return chart(
        "Latency distribution",
        plot,
        *_interval(report, plot, seconds),
        paths(plot, element("path", d=bars_between(plot, bars), class_="bars")),
        *_percentiles(report, plot, scale),
        about=f"{about}. The band is p50's interval.",
    )


def ecdf(report: Report, points: int) -> Markup:
    """Share of calls that took no longer, over all processes and of each."""
    ordered = pooled_seconds(report.processes)
    if not len(ordered):
        return _nothing("Cumulative distribution")
    scale = bulk(ordered)
    plot = Plot(scale.axis("latency"), _shares())
    each = [np.sort(seconds_of(process)) for process in report.processes if process.samples_ns]
    thin = [_path(plot, scale, one, points // 4, "thin") for one in each] if len(each) > 1 else []
    about = "Share of calls that took no longer; thick: all processes" + (", thin: each." if thin else ".")
    return chart(
        "Cumulative distribution (ECDF)",
        plot,
        paths(plot, *thin, _path(plot, scale, ordered, points, "line")),
        about=about,
    )


def ecdf_of_runs(named: Sequence[tuple[str, Report]], points: int) -> Markup:
    """The ECDFs of several runs in one plot, as far as colours tell them apart."""
    known = [(name, pooled_seconds(report.processes)) for name, report in named]
    known = [(name, ordered) for name, ordered in known if len(ordered)][:COLOURS]
    if not known:
        return Markup()
    scales = [bulk(ordered) for _, ordered in known]
    scale = Scale(min(each.low for each in scales), max(each.high for each in scales))
    plot = Plot(scale.axis("latency"), _shares(), height=240)
    lines = [
        _path(plot, scale, ordered, points, f"line run{number}") for number, (_, ordered) in enumerate(known)
    ]
    legend = element(
        "ul",
        *(element("li", _swatch(number), name) for number, (name, _) in enumerate(known)),
        class_="legend",
    )
    about = "Share of calls that took no longer. Further left is faster, steeper is steadier."
    if len(named) > len(known):
        about += f" Drawn: the first {len(known)} of {len(named)} runs."
    return joined(
        chart("Latency of all runs (ECDF)", plot, paths(plot, *lines), about=about, class_="full"), legend
    )


def _swatch(number: int) -> Markup:
    path = element("path", d="M1 6h22", class_=f"line run{number}")
    return element("svg", path, width=24, height=12, aria_hidden="true")


def _shares() -> Axis:
    ticks = tuple((percent / 100, str(percent)) for percent in (0, 25, 50, 75, 90, 100))
    return Axis("calls, %", inside, ticks)


def _bars(ordered: Seconds, scale: Scale) -> int:
    """How many, as Freedman and Diaconis have them: 2 IQR / n^(1/3) wide, within what can be seen."""
    p25, p75 = np.quantile(ordered, [0.25, 0.75])
    width = 2 * float(p75 - p25) / len(ordered) ** (1 / 3)
    count = _MOST_BARS if width <= 0 else (scale.high - scale.low) / width
    return round(min(max(count, _FEWEST_BARS), _MOST_BARS))


def _interval(report: Report, plot: Plot, seconds: float) -> Iterator[Markup]:
    p50 = report.latency.p50
    if p50 is not None and p50.low is not None and p50.high is not None:
        yield rectangle(plot, p50.low / seconds, p50.high / seconds, "interval")


def _percentiles(report: Report, plot: Plot, scale: Scale) -> Iterator[Markup]:
    row = 0
    for name in _NAMED:
        estimate = getattr(report.latency, name)
        if estimate is not None and scale.low <= estimate.value <= scale.high:
            yield marker(plot, estimate.value / scale.unit[0], f"{name} {time_text(estimate.value)}", row)
            row += 1


def _path(plot: Plot, scale: Scale, ordered: Seconds, points: int, class_: str) -> Markup:
    seconds = scale.unit[0]
    shown = ordered[ordered <= scale.high]
    part = len(shown) / len(ordered)
    told = (
        [(value / seconds, share * part) for value, share in at_shares(shown, points)] if len(shown) else []
    )
    start = [(told[0][0], 0.0)] if told else []
    return element("path", d=line_through(plot, [*start, *told]), class_=class_)


def _nothing(title: str) -> Markup:
    return element(
        "figure",
        element("figcaption", title),
        element("p", "unavailable: the document holds no latencies of this run", class_="missing"),
        class_="chart",
    )
