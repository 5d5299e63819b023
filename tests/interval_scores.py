"""How often intervals of energy hold the truth of simulated boards, and how wide they are."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from edgeai.measure.statistics import Estimate

from .simulated_meter import Measured

LEAST, MOST, WIDEST, BIAS = 0.90, 0.995, 0.10, 0.01


@dataclass(frozen=True)
class Row:
    """One figure of one family. half_width: median share of the value. bias: mean relative error."""

    family: str
    kind: str
    figure: str
    held: float
    half_width: float
    bias: float
    bias_error: float

    @property
    def kept(self) -> bool:
        """Whether it is as it should be."""
        return LEAST <= self.held <= MOST and self.half_width <= WIDEST and abs(self.bias) < BIAS

    def text(self) -> str:
        """A line of the table."""
        return (
            f"| {self.family} | {self.kind} | {self.figure} | {100 * self.held:.1f} % | "
            f"{100 * self.half_width:.2f} % | {100 * self.bias:+.2f} ± {100 * self.bias_error:.2f} % | "
            f"{'yes' if self.kept else '**no**'} |"
        )


def kinds_of(family: str) -> tuple[str, ...]:
    """Which meters a family is for."""
    return {"averaging": ("gauge",), "wrap": ("counter",)}.get(family, ("gauge", "counter"))


def rows_of(family: str, kind: str, found: Sequence[Measured]) -> list[Row]:
    """Gross and net; where windows differ by chance, gross also against what they take in the long run."""
    gross = [one.energy.gross_j for one in found]
    pairs = {
        "gross": [(value, one.board.true_gross_j()) for value, one in zip(gross, found, strict=True)],
        "net": [(one.energy.net_j, one.board.true_net_j()) for one in found],
    }
    if all(one.board.longrun_j is not None for one in found):
        pairs["gross, long run"] = [
            (value, one.board.longrun_j or 0.0) for value, one in zip(gross, found, strict=True)
        ]
    return [_row(family, kind, figure, values) for figure, values in pairs.items()]


def _row(family: str, kind: str, figure: str, pairs: Sequence[tuple[Estimate, float]]) -> Row:
    held, widths, errors = 0, [], []
    for estimate, truth in pairs:
        assert estimate.low is not None
        assert estimate.high is not None
        held += estimate.low <= truth <= estimate.high
        widths.append((estimate.high - estimate.low) / 2 / estimate.value)
        errors.append(estimate.value / truth - 1)
    error = statistics.stdev(errors) / math.sqrt(len(errors))
    half_width = statistics.median(widths)
    return Row(family, kind, figure, held / len(pairs), half_width, statistics.fmean(errors), error)
