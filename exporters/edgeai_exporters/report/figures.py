"""What a variant's `quality` says, read so that what is absent or unknown stays unknown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgeai.measure.statistics import Estimate

from ..metrics import METRICS
from ..outcome import Outcome, Tried

_NO_SHARES = {"error"}
"""Rows of METRICS whose unit is not a share of 1, see there."""


@dataclass(frozen=True)
class Figures:
    """Quality as numbers; None what is not there. metric: its name; the estimates are in its own unit.

    passes: whether it keeps the budget and nothing is wrong. is_share: whether the metric is a share of 1.
    """

    metric: str | None = None
    value: Estimate | None = None
    source: Estimate | None = None
    drop: Estimate | None = None
    cosine: float | None = None
    worst_cosine: float | None = None
    top1_agreement: float | None = None
    max_error: float | None = None
    mean_error: float | None = None
    samples: int | None = None
    passes: bool | None = None
    problems: tuple[str, ...] = ()

    @property
    def is_share(self) -> bool:
        """Whether the metric is a share of 1, so that a drop is told in points."""
        return is_share(self.metric)


def is_share(metric: str | None) -> bool:
    """Whether a metric's unit is a share of 1: all of the table but one; a user's own is not known."""
    name = (metric or "").partition(":")[0]
    return name in METRICS and name not in _NO_SHARES


def figures_of(tried: Tried) -> Figures:
    """Of the JSON that `edgeai_exporters.quality.Quality.to_json` writes."""
    quality = tried.quality or {}
    metric = quality.get("metric")
    metric = metric if isinstance(metric, Mapping) else {}
    name, samples, passes = metric.get("name"), _number(quality.get("samples")), quality.get("passes")
    return Figures(
        metric=name if isinstance(name, str) else None,
        value=_estimate(metric, "value", "interval"),
        source=_estimate(metric, "source", "source_interval"),
        drop=_estimate(metric, "drop", "drop_interval"),
        cosine=_number(quality.get("cosine")),
        worst_cosine=_number(quality.get("worst_cosine")),
        top1_agreement=_number(quality.get("top1_agreement")),
        max_error=_number(quality.get("max_error")),
        mean_error=_number(quality.get("mean_error")),
        samples=None if samples is None else int(samples),
        passes=passes if isinstance(passes, bool) else None,
        problems=tuple(map(str, quality.get("problems") or ())),
    )


def metric_of(outcome: Outcome) -> str | None:
    """The metric that variants were judged by, as the first of them says; None for the cosine alone."""
    names = (figures_of(tried).metric for tried in outcome.tried)
    return next((name for name in names if name not in {None, "cosine"}), None)


def float_of(outcome: Outcome, tried: Tried) -> Tried | None:
    """The float file of a variant's format, which ratios and sizes are held against."""
    same = (each for each in outcome.tried if each.scheme is None and each.format == tried.format)
    return next(same, None)


def size_share(outcome: Outcome, tried: Tried) -> float | None:
    """A variant's size as a share of its float file's."""
    source = float_of(outcome, tried)
    return tried.size_bytes / source.size_bytes if source and source.size_bytes else None


def recommended(outcome: Outcome) -> Tried | None:
    """The shipped variant to take where nothing else is asked: the fastest, or the smallest with `--prefer
    size` and where no latency is known. What misses the budget comes last. None where nothing is shipped."""
    shipped = [tried for tried in outcome.tried if tried.is_shipped]
    by_size = outcome.settings.get("prefer") == "size"

    def rank(tried: Tried) -> tuple[bool, float, int, str]:
        latency_s = math.inf if tried.latency_s is None else tried.latency_s
        return figures_of(tried).passes is False, 0.0 if by_size else latency_s, tried.size_bytes, tried.id

    return min(shipped, key=rank, default=None)


def _estimate(metric: Mapping[str, Any], key: str, interval: str) -> Estimate | None:
    value, bounds = _number(metric.get(key)), metric.get(interval)
    if value is None:
        return None
    if not isinstance(bounds, (list, tuple)) or len(bounds) != 2:
        return Estimate(value, None, None)
    return Estimate(value, _number(bounds[0]), _number(bounds[1]))


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)
