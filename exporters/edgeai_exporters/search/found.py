"""What a search finds out: the best variant of a scheme, and what each layer costs and brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..outcome import Ratio

FLOAT = "float"
"""The level of a layer that stays as the source has it; also what the source is called as a variant."""


@dataclass(frozen=True)
class Quality:
    """The mean score of a variant over validation samples.

    mean: higher is better. low, high: its 95 % interval over samples, None of a single one.
    drop: what the float model's mean is higher, with its paired 95 % interval. samples: how many were run.
    """

    mean: float
    low: float | None
    high: float | None
    drop: float
    drop_low: float | None
    drop_high: float | None
    samples: int


@dataclass(frozen=True)
class Timing:
    """How long a model runs. latency_s: median of the turns' medians; ratio: to the first model's, paired.

    turns: how many pairs the ratio rests on; it is None for fewer than 2.
    """

    latency_s: float
    ratio: Ratio | None
    turns: int


@dataclass(frozen=True)
class Sensitivity:
    """One layer at one level, everything else in float.

    level: name of a scheme. loss: what quality it costs, see `scan`. gain_s: how much faster the model is for
    it than with the layer in float; None where no meter is on the target. members: how many layers of the
    same role were tried together and share the loss evenly, 1 where the layer was tried alone.
    """

    layer: str
    operator: str
    level: str
    loss: float
    gain_s: float | None
    members: int = 1


@dataclass(frozen=True)
class Found:
    """The best variant of one scheme, as it was measured.

    scheme: `float` for the source itself. levels: of the layers that are not at the scheme's own level:
    `float` or the name of another scheme. blanket: quality where every layer is quantized. loss: what
    `layers` count. timing: None where the target was not measured, `latency_reason` says why. is_within: of
    the budget. is_slower: than its float source, beyond doubt (the whole interval); None where not measured.
    trials: candidates that were run. cpu: features that the variant needs. why: in words.
    """

    scheme: str
    format: str
    precision: str
    path: Path
    size_bytes: int
    quality: Quality
    is_within: bool
    timing: Timing | None
    latency_reason: str
    is_slower: bool | None
    levels: Mapping[str, str] = field(default_factory=dict)
    layers: int = 0
    blanket: Quality | None = None
    sensitivities: tuple[Sensitivity, ...] = ()
    loss: str = ""
    trials: int = 0
    seconds: float = 0.0
    cpu: tuple[str, ...] = ()
    why: str = ""

    @property
    def kept(self) -> tuple[str, ...]:
        """Layers in higher precision, in the order of the graph."""
        return tuple(self.levels)

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return {**asdict(self), "path": str(self.path)}
