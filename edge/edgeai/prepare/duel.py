"""The end of the search: the best way against raw, or what was prepared earlier, in pairs of processes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..measure.protocol import Request
from ..measure.statistics import Comparison, compare, compare_turns
from .deciding import LEAST_PAIRS, Decision, decide
from .figures import Figures, middle
from .score import load_score, score, second_score
from .trial import Pair, measure_pair

MOST_PAIRS = 15


@dataclass(frozen=True)
class Duel:
    """found: the objective's figure, B over A. latency: of the p50, whatever the objective. a, b: the middle
    of the pairs. against_raw: whether A was raw."""

    decision: Decision
    found: Comparison | None
    latency: Comparison | None
    a: Figures
    b: Figures
    pairs: int
    against_raw: bool = True


def duel(
    a: Request,
    b: Request,
    threads: int,
    objective: str,
    *,
    margin: float,
    goes_on: Callable[[int], bool],
    silence_s: float,
    on_pair: Callable[[int], object] = lambda number: None,
) -> Duel:
    """Hold B against A until it is decided, or until `goes_on`, asked with the pairs so far, says no.

    Raises Lost where a process fails.
    """
    pairs: list[Pair] = []
    while True:
        on_pair(len(pairs))
        pairs.append(measure_pair(a, b, threads, len(pairs), silence_s=silence_s))
        found = judged(pairs, objective, margin=margin)
        enough = len(pairs) >= LEAST_PAIRS and found.decision.final
        if enough or len(pairs) >= MOST_PAIRS or not goes_on(len(pairs)):
            return found


def judged(pairs: Sequence[Pair], objective: str, *, margin: float) -> Duel:
    """What so many pairs say."""
    one, two = middle([pair.a for pair in pairs]), middle([pair.b for pair in pairs])
    latency = compare_turns([(pair.a_s, pair.b_s) for pair in pairs]) if len(pairs) > 1 else None
    found = latency if objective == "latency" else _compared(pairs, objective)
    decision = decide(
        found,
        len(pairs),
        smaller=second_score(objective, two, one),
        may_be_equal=objective in {"latency", "energy"},
        margin=margin,
    )
    return Duel(decision, found, latency, one, two, len(pairs))


def _compared(pairs: Sequence[Pair], objective: str) -> Comparison | None:
    """Pair by pair; None where a score is out, such as a peak above the other's."""
    ratios = [
        load_score(pair.b, pair.a) if objective == "load" else score(objective, pair.b, pair.a)
        for pair in pairs
    ]
    if len(ratios) < 2 or not all(math.isfinite(ratio) and ratio > 0 for ratio in ratios):
        return None
    return compare([1.0] * len(ratios), ratios, paired=True)
