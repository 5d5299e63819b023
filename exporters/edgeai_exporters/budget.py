"""How much of its quality a variant may lose."""

from __future__ import annotations

from dataclasses import dataclass

from edgeai.measure.statistics import Estimate


@dataclass(frozen=True)
class Budget:
    """What must be kept of the source's quality; None asks nothing.

    max_drop: how much the metric's mean may fall, in the metric's own unit: 0.005 is half a point of a
        share, as `--max-drop 0.5%` says. min_cosine: least mean cosine of the outputs with the source's.
    certain: the upper end of the drop's 95 % interval must be within max_drop, and not the drop as it was
        seen; that takes many samples: with none of n changed it is 3.84 / (n + 3.84), 0.5 points at 765.
    """

    max_drop: float | None = None
    min_cosine: float | None = None
    certain: bool = False

    def missed(self, drop: Estimate, cosine: float) -> tuple[str, ...]:
        """In which ways figures miss the budget, each in words; empty where they keep it."""
        reasons = []
        if self.max_drop is not None and not self._keeps_drop(drop, self.max_drop):
            upper = "" if drop.high is None else f" (95 % below {drop.high:.3g})"
            reasons.append(f"the metric falls by {drop.value:.3g}{upper}, {self.max_drop:g} is allowed")
        if self.min_cosine is not None and not cosine >= self.min_cosine:
            reasons.append(f"the cosine is {cosine:.4f}, {self.min_cosine:g} is the least")
        return tuple(reasons)

    def keeps(self, drop: Estimate, cosine: float) -> bool:
        """Whether figures keep it."""
        return not self.missed(drop, cosine)

    def __str__(self) -> str:
        """In words."""
        parts = []
        if self.max_drop is not None:
            sure = ", with 95 % confidence" if self.certain else ""
            parts.append(f"the metric falls by at most {self.max_drop:g}{sure}")
        if self.min_cosine is not None:
            parts.append(f"cosine at least {self.min_cosine:g}")
        return " and ".join(parts) or "none"

    def _keeps_drop(self, drop: Estimate, limit: float) -> bool:
        """A share of n samples falls in steps of 1 / n: what equals the limit but for rounding keeps it."""
        figure = drop.high if self.certain else drop.value
        return figure is not None and figure <= limit + 1e-9
