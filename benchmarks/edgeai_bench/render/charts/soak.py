"""How a soak went: latency of each block, and clock, heat and RAM of each look, over the same time."""

from __future__ import annotations

import numpy as np

from edgeai.axes import linear
from edgeai.markup import Markup, element, joined
from edgeai.unavailable import Unavailable

from ...soak_report import SoakResult
from .lane import lane_under
from .plot import Plot, chart, dots_at, line_through, paths
from .samples import LEAST_S, Scale

Points = list[tuple[float, float]]


def soak_charts(soak: SoakResult, points: int) -> Markup:
    """The plot of latency, and below it one of each reading that is known."""
    if not soak.blocks or soak.duration_s < LEAST_S:
        return Markup()
    blocks = soak.blocks[:: -(-len(soak.blocks) // points)]
    middle = [block.p50_ns / 1e9 for block in blocks]
    most = [block.max_ns / 1e9 for block in blocks]
    scale = Scale(min(middle), float(np.quantile(most, 0.99)))
    unit = scale.unit[0]
    times = [block.start_s for block in blocks]
    plot = Plot(linear("s of the soak", 0.0, soak.duration_s), scale.axis("latency"))
    half, slowest = (
        list(zip(times, (value / unit for value in each), strict=True)) for each in (middle, most)
    )
    drawn = (
        element("path", d=dots_at(plot, slowest), class_="dots slowest"),
        element("path", d=line_through(plot, half), class_="line"),
    )
    about = "The line is the median of each block of calls, a dot its slowest call."
    return joined(
        chart("Latency over the soak", plot, paths(plot, *drawn), about=about, class_="full"),
        *_lanes(plot, soak, points),
    )


def _lanes(above: Plot, soak: SoakResult, points: int) -> list[Markup]:
    looks = soak.glances[:: -(-len(soak.glances) // points) or 1]
    clock = [(look.time_s, look.clock_hz / 1e9) for look in looks if look.clock_hz is not None]
    heat = [(look.time_s, look.temperature_c) for look in looks if look.temperature_c is not None]
    memory = [(look.time_s, look.anonymous_bytes / 1e6) for look in looks if look.anonymous_bytes is not None]
    return [
        _lane("Clock, mean of the cores, GHz", above, clock) or _missing("clock", soak.clock_hz),
        _lane("Temperature of the hottest zone, °C", above, heat)
        or _missing("temperature", soak.temperature_c),
        _lane("Anonymous RAM, MB", above, memory) or _missing("RAM", soak.growth_bytes_per_hour),
    ]


def _missing(name: str, figure: object) -> Markup:
    why = figure.unavailable if isinstance(figure, Unavailable) else "no look could read it"
    return element("p", f"{name}: unavailable: {why}", class_="missing")


def _lane(title: str, above: Plot, points: Points) -> Markup | None:
    """One reading over the same time; None where it was never known."""
    if not points:
        return None
    plot = lane_under(above, [value for _, value in points])
    several = len(points) > 1
    d, class_ = (line_through(plot, points), "line") if several else (dots_at(plot, points), "dots")
    return chart(title, plot, paths(plot, element("path", d=d, class_=class_)), class_="full lane")
