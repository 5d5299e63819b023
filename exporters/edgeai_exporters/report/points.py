"""Which variants can be drawn, and on which axes."""

from __future__ import annotations

from dataclasses import dataclass

from edgeai.axes import Axis, amount_axis
from edgeai.errors import one_line

from ..outcome import Outcome, Tried
from .axes import cosine_axis, drop_axis
from .figures import figures_of, is_share, metric_of


@dataclass(frozen=True)
class Point:
    """A variant that can be drawn. loss: as the axis of quality counts it. number: as in the table."""

    tried: Tried
    number: int
    amount: float
    amounts: tuple[float, float] | None
    loss: float
    losses: tuple[float, float] | None


@dataclass(frozen=True)
class Plotted:
    """x, y: what the axes show. missing: numbers of the variants that lack one of the two."""

    points: tuple[Point, ...]
    x: Axis
    y: Axis
    limit: float | None
    missing: tuple[int, ...]


def plotted(outcome: Outcome) -> Plotted | None:
    """What the plot shows: drop of the metric, or the cosine where there is no other, against latency, or
    against size where no latency is known. None where no variant has both."""
    metric = metric_of(outcome)
    by_latency = any(tried.latency_s is not None for tried in outcome.tried)
    found = (_point(tried, row, metric, by_latency) for row, tried in enumerate(outcome.tried, 1))
    points = tuple(point for point in found if point is not None)
    if not points:
        return None
    numbers = {point.number for point in points}
    amounts = [each for point in points for each in (point.amount, *(point.amounts or ()))]
    losses = [each for point in points for each in (point.loss, *(point.losses or ()))]
    limit = _limit(outcome, metric)
    x = amount_axis(*(("latency in ms", amounts) if by_latency else ("size in MB", amounts)))
    shown = [*losses, *([] if limit is None else [limit])]
    y = drop_axis(one_line(metric, 30), shown, is_share=is_share(metric)) if metric else cosine_axis(shown)
    missing = tuple(row for row in range(1, len(outcome.tried) + 1) if row not in numbers)
    return Plotted(points, x, y, limit, missing)


def _point(tried: Tried, number: int, metric: str | None, by_latency: bool) -> Point | None:
    loss = _loss(tried, metric)
    if loss is None or (by_latency and tried.latency_s is None):
        return None
    value, bounds = loss
    if not by_latency:
        return Point(tried, number, tried.size_bytes / 1e6, None, value, bounds)
    assert tried.latency_s is not None
    amount = tried.latency_s * 1e3
    ratio = tried.ratio
    amounts = None
    if ratio is not None and ratio.value > 0 and ratio.low != ratio.high:
        amounts = amount * ratio.low / ratio.value, amount * ratio.high / ratio.value
    return Point(tried, number, amount, amounts, value, bounds)


def _loss(tried: Tried, metric: str | None) -> tuple[float, tuple[float, float] | None] | None:
    figures = figures_of(tried)
    if metric is not None:
        drop = figures.drop if figures.metric == metric else None
        if drop is None:
            return None
        bounds = None if drop.low is None or drop.high is None else (drop.low, drop.high)
        return drop.value, bounds if bounds and bounds[0] != bounds[1] else None
    value = figures.value if figures.metric == "cosine" else None
    if value is not None and value.low is not None and value.high is not None and value.low != value.high:
        return 1 - value.value, (1 - value.high, 1 - value.low)
    cosine = figures.cosine if value is None else value.value
    return None if cosine is None else (1 - cosine, None)


def _limit(outcome: Outcome, metric: str | None) -> float | None:
    if metric is not None:
        return outcome.max_drop
    return None if outcome.min_cosine is None else 1 - outcome.min_cosine
