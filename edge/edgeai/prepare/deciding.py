"""Whether a challenger takes the place of what it was held against: decided by intervals, not by luck."""

from __future__ import annotations

from dataclasses import dataclass

from ..measure.statistics import Comparison
from .score import EQUAL

MUCH_SMALLER = 0.9
"""At most this of raw's RAM and load (their geometric mean) is a gain worth a change by itself."""
LEAST_PAIRS = 4
"""Of processes: Student's t takes 12.7 standard errors of two pairs, 4.3 of three and 3.2 of four."""


@dataclass(frozen=True)
class Decision:
    """take: whether the challenger is taken. final: whether more pairs would be of no use. why: in words."""

    take: bool
    final: bool
    why: str


def decide(
    found: Comparison | None, pairs: int, *, smaller: float, may_be_equal: bool, margin: float
) -> Decision:
    """What the pairs say so far.

    found: the objective's figure, challenger over the other; None with fewer than 2 pairs.
    smaller: the challenger's RAM and load as a share of the other's.
    may_be_equal: under latency and energy a way that is proven at most 3 % slower and much smaller is taken,
        too. margin: by how much a challenger must be better: 0 against raw, 3 % against what was prepared
        earlier, so that a choice does not come and go.
    """
    if found is None or pairs < LEAST_PAIRS:
        return Decision(False, False, "too few pairs of processes for a proof")
    span = f"{found.ratio:.3f} of it ({found.low:.3f} to {found.high:.3f} over {pairs} pairs)"
    if found.high < 1 - margin:
        return Decision(True, found.high < 1 - margin - 0.005, f"better, {span}")
    if may_be_equal and not margin and smaller <= MUCH_SMALLER and found.high <= 1 + EQUAL:
        why = f"as fast, {span}, with {smaller:.2f} of its RAM and load"
        return Decision(True, found.low > 1 - EQUAL, why)
    if found.low > 1 + (EQUAL if may_be_equal else 0):
        return Decision(False, True, f"worse, {span}")
    return Decision(False, False, f"not proven better, {span}")
