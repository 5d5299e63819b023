"""Which of several ways is best: scores by objective, ties within 3 %, limits, and the Pareto set.

A score is a ratio to raw, and smaller is better:

    latency   p50, over turns next to raw's
    ram       geometric mean of the ratios of anonymous memory and of VmHWM, both above the baseline; a way
              whose VmHWM is above raw's is out, since the kernel may not find that much
    load      from the call that opens the model to its first result
    energy    CPU time of a call, which the meter then confirms or not: looks at a meter take too long for all
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from ..quantities import bytes_text, time_text
from .figures import Figures
from .settings import SearchSettings

T = TypeVar("T")

EQUAL = 0.03
"""Ways whose scores differ by less are equal: no more than what processes of one program differ by."""
_LEAST_BYTES = 64 * 1024
"""Less memory than the allocator takes at once is none: ratios of it would say nothing."""


def score(objective: str, own: Figures, raw: Figures) -> float:
    """Infinite where it is out, or cannot be told."""
    return _SCORES[objective](own, raw)


def second_score(objective: str, own: Figures, raw: Figures) -> float:
    """What decides between ways that are equal by the objective: the geometric mean of the other ratios.

    RAM here may have a peak above raw's.
    """
    parts = {"ram": _ram_ratio(own, raw), "load": load_score(own, raw), "latency": own.latency_ratio}
    others = [value for name, value in parts.items() if name != objective and not math.isnan(value)]
    if objective in {"latency", "energy"}:
        others = [value for name, value in parts.items() if name != "latency" and not math.isnan(value)]
    return _geometric(others)


def ram_score(own: Figures, raw: Figures) -> float:
    """See above."""
    if own.peak_bytes is None or raw.peak_bytes is None or own.peak_bytes > max(raw.peak_bytes, _LEAST_BYTES):
        return math.inf
    ratio = _ram_ratio(own, raw)
    return math.inf if math.isnan(ratio) else ratio


def load_score(own: Figures, raw: Figures) -> float:
    """See above."""
    return own.to_first_s / raw.to_first_s


_SCORES: dict[str, Callable[[Figures, Figures], float]] = {
    "latency": lambda own, raw: own.latency_ratio,
    "ram": ram_score,
    "load": load_score,
    "energy": lambda own, raw: own.cpu_s / raw.cpu_s if raw.cpu_s > 0 else math.inf,
}


def order(objective: str, ways: Mapping[T, Figures], raw: Figures) -> list[T]:
    """Best first: those equal to the best by the second score, then the others by the first.

    Ways that are out are left out. Of what is equal in everything the first one stays first.
    """
    scores = {way: score(objective, own, raw) for way, own in ways.items()}
    known = [way for way in ways if math.isfinite(scores[way])]
    best = min((scores[way] for way in known), default=math.inf)
    equal = [way for way in known if scores[way] <= best * (1 + EQUAL)]
    equal.sort(key=lambda way: second_score(objective, ways[way], raw))
    rest = sorted((way for way in known if way not in equal), key=lambda way: scores[way])
    return [*equal, *rest]


def pareto(ways: Mapping[T, Figures]) -> list[T]:
    """Those that no other beats in latency, RAM (VmHWM) and load at once."""

    def point(own: Figures) -> tuple[float, float, float]:
        return own.latency_ratio, own.peak_bytes if own.peak_bytes is not None else math.inf, own.to_first_s

    def beats(one: Figures, other: Figures) -> bool:
        return point(one) != point(other) and all(
            a <= b for a, b in zip(point(one), point(other), strict=True)
        )

    return [way for way, own in ways.items() if not any(beats(each, own) for each in ways.values())]


def over_limits(own: Figures, settings: SearchSettings) -> str | None:
    """Which limit is passed, in words; None where none is. A figure that is not known passes its limit."""
    if settings.max_ram_bytes is not None:
        most = bytes_text(settings.max_ram_bytes)
        if own.peak_bytes is None:
            return f"its peak is not known, so it may be over the {most} allowed"
        if own.peak_bytes > settings.max_ram_bytes:
            return f"takes {bytes_text(own.peak_bytes)} of RAM, over the {most} allowed"
    if settings.max_latency_s is not None and own.latency_s > settings.max_latency_s:
        return f"takes {time_text(own.latency_s)}, over the {time_text(settings.max_latency_s)} allowed"
    return None


def excess(own: Figures, settings: SearchSettings) -> float:
    """By what factor the limits are passed, the worst one; 1 or less where none is."""
    factors = [0.0]
    if settings.max_ram_bytes is not None:
        factors.append(math.inf if own.peak_bytes is None else own.peak_bytes / settings.max_ram_bytes)
    if settings.max_latency_s is not None:
        factors.append(own.latency_s / settings.max_latency_s)
    return max(factors)


def better_half(ordered: Sequence[T]) -> list[T]:
    """The first half, rounded up."""
    return list(ordered[: -(-len(ordered) // 2)])


def _ram_ratio(own: Figures, raw: Figures) -> float:
    """NaN where it is not known."""
    pairs = ((own.anonymous_bytes, raw.anonymous_bytes), (own.peak_bytes, raw.peak_bytes))
    ratios = [
        max(a, _LEAST_BYTES) / max(b, _LEAST_BYTES) for a, b in pairs if a is not None and b is not None
    ]
    return _geometric(ratios) if len(ratios) == len(pairs) else math.nan


def _geometric(values: Sequence[float]) -> float:
    return math.exp(sum(math.log(value) for value in values) / len(values)) if values else 1.0
