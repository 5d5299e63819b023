"""Calibration and evaluation data: feeds for the model, and labels where there are any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..arrays import Feed


@dataclass(frozen=True)
class Data:
    """Samples, made one by one when they are asked for, so that a large folder need not fit in memory.

    count: of samples. feed: the model's inputs for sample i, batch axis included (batch 1 where the model has
        one). label: of sample i; None where there are no labels. told: where the data comes from, in words.
    kind: `images`, `arrays`, `sound`, `text`, `python` or `random`. names: what each sample is called.
    """

    count: int
    feed: Callable[[int], Feed]
    told: str
    kind: str
    label: Callable[[int], Any] | None = None
    names: Sequence[str] = ()

    def __len__(self) -> int:
        return self.count
