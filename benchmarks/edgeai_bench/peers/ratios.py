"""Ratios of peers with their intervals, over rounds, and geometric means over models; from figures alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgeai.measure.statistics import Comparison, compare, compare_turns

from .outcome import CaseResult, PeerResult, PeerRound

LATENCY, FIRST, RAM, ANONYMOUS, CPU = "p50", "load to first result", "RAM", "anonymous RAM", "CPU"
FIGURES: dict[str, Callable[[PeerRound], float | None]] = {
    LATENCY: lambda one: float(np.median(one.medians_ns)) / 1e9,
    FIRST: lambda one: one.load_s + one.first_s,
    RAM: lambda one: one.ram_bytes,
    ANONYMOUS: lambda one: one.anonymous_bytes,
    CPU: lambda one: float(np.mean(one.cpu_s)),
}
"""Of one process: seconds, or bytes."""
_BY_TURN: dict[str, Callable[[PeerRound], Sequence[float]]] = {
    LATENCY: lambda one: one.medians_ns,
    CPU: lambda one: one.cpu_s,
}
LEAST_BYTES = 1 << 18
"""RAM of less than a quarter of a megabyte is the allocator's grain, and its ratio says nothing."""
INCONCLUSIVE = 0.03
"""A half-width of the interval of a program against itself, past which no claim within 5 % is decided."""


@dataclass(frozen=True)
class Mean:
    """A geometric mean over models of their ratios, with the interval that the rounds' noise gives it.

    n: models in it. low, high: None where no model has an interval.
    """

    value: float
    low: float | None
    high: float | None
    n: int


def figure(result: PeerResult, name: str) -> float | None:
    """The median over rounds; None where a round does not know."""
    values = [FIGURES[name](one) for one in result.rounds]
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known and len(known) == len(values) else None


def ratio(base: PeerResult, other: PeerResult, name: str) -> Comparison | None:
    """How much larger the other's figure is than the base's, over the rounds that both have.

    Latency and CPU time are compared turn by turn, the rest process by process. None with fewer than 2
    rounds, or where a figure is not known or too small for a ratio.
    """
    pairs = list(zip(base.rounds, other.rounds, strict=False))
    if len(pairs) < 2:
        return None
    if name in _BY_TURN:
        of = _BY_TURN[name]
        turns = [tuple(_same_length(of(one), of(two))) for one, two in pairs]
        if any(min(map(float, row)) <= 0 for pair in turns for row in pair):
            return None
        return compare_turns([(one, two) for one, two in turns])
    known = [(FIGURES[name](one), FIGURES[name](two)) for one, two in pairs]
    least = LEAST_BYTES if name in {RAM, ANONYMOUS} else 0
    a = [one for one, _ in known if one is not None and one > least]
    b = [max(two, least) for _, two in known if two is not None]
    if len(a) < len(known) or len(b) < len(known) or min(*a, *b) <= 0:
        return None
    return compare(a, b, paired=True)


def half_width(found: Comparison) -> float:
    """Half of the interval, as a share of the ratio."""
    return (found.high - found.low) / 2 / found.ratio


def noise(result: CaseResult) -> float | None:
    """How far the base's latency against itself may be off: the half-width of that interval and what lies
    between its middle and 1, whichever is more."""
    base, again = result.peer(result.base), result.peer(result.again or "")
    found = None if base is None or again is None else ratio(base, again, LATENCY)
    return None if found is None else max(half_width(found), abs(found.ratio - 1))


def geometric_mean(found: Sequence[Comparison | float]) -> Mean | None:
    """Over models. A plain number stands for a model whose ratio is given, such as 1.0 for one rejected.

    The interval joins those of the models, which are independent: half-widths of logarithms add in squares.
    It says how well this run knows the mean of these models, and nothing about other models.
    """
    if not found:
        return None
    logs = [math.log(each if isinstance(each, float) else each.ratio) for each in found]
    halves = [
        0.0 if isinstance(each, float) else (math.log(each.high) - math.log(each.low)) / 2 for each in found
    ]
    centre = sum(logs) / len(logs)
    half = math.sqrt(sum(each**2 for each in halves)) / len(halves)
    known = any(not isinstance(each, float) for each in found)
    return Mean(
        math.exp(centre),
        math.exp(centre - half) if known else None,
        math.exp(centre + half) if known else None,
        len(found),
    )


def _same_length(one: Sequence[float], two: Sequence[float]) -> tuple[Sequence[float], Sequence[float]]:
    least = min(len(one), len(two))
    return one[:least], two[:least]
