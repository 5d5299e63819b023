"""Calibration and evaluation data: feeds for the model, and labels where there are any."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..arrays import Feed, Outputs


@dataclass(frozen=True)
class Data:
    """Samples, made one by one when they are asked for, so that a large folder need not fit in memory.

    count: of samples. feed: the model's inputs for sample i, batch axis included (batch 1 where the model has
        one). label: of sample i; None where there are no labels. told: where the data comes from, in words.
    kind: a row of `DATA`. names: what each sample is called.
    groups: samples of one group (the windows of one recording) belong together; empty: each for itself.
    stage: the steps that made the feeds, as a manifest has them: {"source": {...}, "pre": [...]}, for the
        bundle's pipeline; None where feeds came ready. files: what they name, by path inside the bundle.
    batch: the feed of several samples in one, filled up as the steps do; None where rows are just put
    together.
    answer: what the declared steps behind the model make of a sample's outputs, for metrics; None: nothing.
    classes: their names by number, where the data has them; empty: it has none.
    notes: what was decided that the user did not say, each a sentence, to be told.
    """

    count: int
    feed: Callable[[int], Feed]
    told: str
    kind: str
    label: Callable[[int], Any] | None = None
    names: Sequence[str] = ()
    groups: Sequence[int] = ()
    stage: Mapping[str, Any] | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    batch: Callable[[Sequence[int]], Feed] | None = None
    answer: Callable[[int, Outputs], Outputs] | None = None
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.count

    def labels(self) -> list[Any] | None:
        """All of them, in order."""
        return None if self.label is None else [self.label(row) for row in range(self.count)]


# kind: `module:function` that opens what a user names; `opening.kind_of` tells which.
DATA: dict[str, str] = {
    "random": "edgeai_exporters.data.generated:open_random",
    "python": "edgeai_exporters.data.python:open_python",
    "arrays": "edgeai_exporters.data.arrays:open_arrays",
    "images": "edgeai_exporters.data.images:open_images",
    "sound": "edgeai_exporters.data.sound:open_recordings",
    "text": "edgeai_exporters.data.text:open_text",
    "files": "edgeai_exporters.data.files:open_any_files",
}
