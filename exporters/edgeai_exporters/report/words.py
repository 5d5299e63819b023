"""Figures of an export in words and numbers, as the terminal and the page both say them."""

from __future__ import annotations

import math
from collections.abc import Callable

from edgeai.errors import one_line
from edgeai.measure.statistics import Estimate
from edgeai.quantities import bytes_text, digits, time_text

from ..outcome import Outcome, Ratio, Tried
from .figures import Figures, figures_of, float_of, metric_of, recommended, size_share

EXACT = 1e-6
"""Cosines are kept with 6 digits; a loss below cannot be told from none."""
NONE = "-"
RANDOM = (
    "CALIBRATED WITH RANDOM NUMBERS: ranges are guesses, and quality on real data is unknown. "
    "Give real samples with --data before you ship this."
)
NO_DATA = "No data was given: compared with the source on random inputs only."


def headline(outcome: Outcome) -> str:
    """What came out, in one sentence."""
    best = recommended(outcome)
    if best is None:
        tried = counted(len(outcome.tried), "variant")
        return f"Nothing was shipped of {tried} tried; budget: {outcome.budget}."
    name = one_line(best.id, 60)
    if best.scheme is not None:
        return f"{name} is recommended: {_speed(best)}, {_size(outcome, best)}, {quality_words(best)}."
    others = sum(tried.scheme is not None for tried in outcome.tried)
    plain = f"{_latency(best)}, {bytes_text(best.size_bytes)}"
    if not others:
        return f"{name} was exported in float: {plain}, {quality_words(best)}."
    many = counted(others, "quantized variant")
    return f"{name}, in float, is recommended: {plain}; of {many} none was better."


def counted(number: int, noun: str) -> str:
    """`1 variant`, `2 variants`."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def quality_words(tried: Tried) -> str:
    """Such as `top1 falls by 0.42 points [-0.10, 0.94]` or `cosine 0.9953`."""
    figures = figures_of(tried)
    if figures.drop is not None and figures.metric != "cosine":
        unit = " points" if figures.is_share else ""
        verb = "falls by" if figures.drop.value >= 0 else "rises by"
        signed = figures.drop if figures.drop.value >= 0 else _negated(figures.drop)
        return f"{one_line(figures.metric, 40)} {verb} {drop_text(signed, figures)}{unit}"
    cosine = _cosine(figures)
    return "quality not measured" if cosine is None else f"cosine {cosine_text(cosine)} with the source"


def ratio_text(ratio: Ratio | None) -> str:
    """`0.48`, of the float file's latency."""
    return NONE if ratio is None else f"{ratio.value:.2f}"


def ratio_interval(ratio: Ratio | None) -> str:
    """`[0.46, 0.50]`."""
    return "" if ratio is None else f"[{ratio.low:.2f}, {ratio.high:.2f}]"


def drop_text(drop: Estimate | None, figures: Figures, *, interval: bool = True) -> str:
    """In points of a share, else in the metric's own unit, with its interval."""
    if drop is None:
        return NONE
    write = points if figures.is_share else digits
    return " ".join(filter(None, (write(drop.value), bounds_text(drop, write) if interval else "")))


def value_text(value: Estimate | None, metric: str | None, *, is_share: bool) -> str:
    """A metric's value: a share in percent, a cosine with as many nines as it takes, else three digits."""
    if value is None:
        return NONE
    if metric == "cosine":
        return cosine_text(value.value)
    return f"{percent(value.value)} %" if is_share else digits(value.value)


def bounds_text(estimate: Estimate, write: Callable[[float], str]) -> str:
    """`[low, high]`; nothing where there is no interval."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"[{write(estimate.low)}, {write(estimate.high)}]"


def cosine_text(cosine: float | None) -> str:
    """0.99531 -> `0.9953`, 0.999962 -> `0.99996`: at least four decimals, and two digits after the nines."""
    if cosine is None:
        return NONE
    loss = 1 - cosine
    if loss < EXACT:
        return "1"
    decimals = min(max(4, 1 - math.floor(math.log10(loss))), 6)
    return f"{cosine:.{decimals}f}"


def latency_text(tried: Tried) -> str:
    """`7.02 ms`."""
    return NONE if tried.latency_s is None else time_text(tried.latency_s)


def percent(share: float) -> str:
    """0.985 -> `98.5`."""
    return f"{100 * share:.1f}".replace("-0.0", "0.0")


def points(share: float) -> str:
    """0.0042 -> `0.42`, in hundredths."""
    return f"{100 * share:.2f}".replace("-0.00", "0.00")


def kept_text(tried: Tried) -> str:
    """`6 of 48` layers in higher precision."""
    if tried.scheme is None or not tried.layers:
        return str(len(tried.kept)) if tried.kept else NONE
    return f"{len(tried.kept)} of {tried.layers}"


def result_text(tried: Tried) -> str:
    """Whether it is in the bundle, and whether it may be."""
    if not tried.is_shipped:
        return "left out"
    return "over budget" if figures_of(tried).passes is False else "shipped"


def calibration_words(outcome: Outcome) -> str:
    """What ranges of activations were taken from."""
    known = {"data": "real samples", "random": RANDOM, "none": NO_DATA}
    return known.get(outcome.calibration, outcome.calibration)


def quality_tile(tried: Tried) -> tuple[str, str, str]:
    """(what, the figure, its interval or what it is held against)."""
    figures = figures_of(tried)
    if figures.drop is not None and figures.metric != "cosine":
        write = points if figures.is_share else digits
        unit = " in points" if figures.is_share else ""
        name = f"drop of {one_line(figures.metric, 30)}{unit}"
        return name, write(figures.drop.value), bounds_text(figures.drop, write) or "no interval"
    cosine = _cosine(figures)
    samples = "" if figures.samples is None else f"over {counted(figures.samples, 'sample')}"
    return "cosine with the source", cosine_text(cosine), samples or "quality not measured"


def metric_title(outcome: Outcome) -> str:
    """The column that holds the metric."""
    return one_line(metric_of(outcome) or "cosine", 40)


def _speed(best: Tried) -> str:
    if best.ratio is None:
        return _latency(best)
    return f"{ratio_text(best.ratio)} {ratio_interval(best.ratio)} of the float file's latency"


def _size(outcome: Outcome, best: Tried) -> str:
    share, source = size_share(outcome, best), float_of(outcome, best)
    if share is None or source is None:
        return bytes_text(best.size_bytes)
    whose = "its" if best.ratio is not None else "the float file's"
    return f"{share:.2f} of {whose} size ({bytes_text(best.size_bytes)} of {bytes_text(source.size_bytes)})"


def _latency(best: Tried) -> str:
    if best.latency_s is not None:
        return f"{time_text(best.latency_s)} a run"
    why = f" ({one_line(best.latency_reason, 100)})" if best.latency_reason else ""
    return f"latency not measured{why}"


def _cosine(figures: Figures) -> float | None:
    if figures.metric == "cosine" and figures.value is not None:
        return figures.value.value
    return figures.cosine


def _negated(drop: Estimate) -> Estimate:
    """A rise: its interval is turned round with it."""
    low, high = drop.low, drop.high
    return Estimate(-drop.value, None if high is None else -high, None if low is None else -low)
