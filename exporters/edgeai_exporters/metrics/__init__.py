"""How good outputs are: one score a sample, whose mean is the metric, so that differences can be paired."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from ..arrays import Outputs


class Score(Protocol):
    """Scores of n samples, f64 [n]; higher is better.

    outputs: of the variant. labels: None where there are none. reference: what the source gave for the
    samples.
    """

    def __call__(
        self, outputs: Sequence[Outputs], labels: Sequence[Any] | None, reference: Sequence[Outputs]
    ) -> NDArray[Any]:
        """The scores."""


# name: `module:function`. A user's own is `file.py:function`. One with a keyword `file` takes NAME:FILE.
METRICS: dict[str, str] = {
    "top1": "edgeai_exporters.metrics.classes:top1",
    "top1_agreement": "edgeai_exporters.metrics.classes:top1_agreement",
    "cosine": "edgeai_exporters.metrics.vectors:cosine",
    "nearest": "edgeai_exporters.metrics.vectors:nearest",
    "error": "edgeai_exporters.metrics.vectors:error",
    "characters": "edgeai_exporters.metrics.characters:characters",
}
"""Shares of 1 but for `error` and a user's own, so that a drop of 0.005 is half a point."""
