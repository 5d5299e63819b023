"""How good outputs are: one score a sample, whose mean is the metric, so that differences can be paired."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from ..arrays import Outputs


class Score(Protocol):
    """Scores of n samples, f64 [n]; higher is better.

    outputs: of the variant. labels: None where there are none. reference: what the source gave for the samples.
    """

    def __call__(
        self, outputs: Sequence[Outputs], labels: Sequence[Any] | None, reference: Sequence[Outputs]
    ) -> NDArray[Any]:
        """The scores."""


# name: `module:function`. A user's own is `file.py:function`.
METRICS: dict[str, str] = {}
