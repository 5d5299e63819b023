"""Data that are recordings: each gives as many feeds as the model's window cuts out of it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

from edgeai.bundle import TensorSpec, list_specs
from edgeai.errors import ExportError, one_line

from ..arrays import Feed, Outputs
from . import Data
from .listing import list_samples
from .options import DataOptions

_KEPT = 4
"""Recordings whose feeds stay in memory: samples are mostly asked for in order."""


def open_recordings(spec: str, inputs: Sequence[TensorSpec], options: DataOptions) -> Data:
    """Recordings of a folder, a folder a class, or a table, through the declared steps, windows included.

    A sample is a window (a recording, where the model takes it whole), and has its recording's label. All
    recordings are gone through once, to count their windows. Raises ExportError, naming the file.
    """
    steps = options.steps
    if steps is None:
        raise ExportError(
            f"{one_line(spec)} holds sounds, and the model wants {list_specs(inputs)}: give --steps with a "
            "manifest that has the rate, the steps and the window"
        )
    if steps.kind != "audio":
        raise ExportError(f"{one_line(spec)} holds sounds, and the steps take {steps.kind}")
    listing = list_samples(spec, "audio", options.labels)
    paths, labels = listing.paths, listing.labels

    @lru_cache(maxsize=_KEPT)
    def feeds(recording: int) -> list[Feed]:
        return steps.feeds(paths[recording], one_line(paths[recording]))

    counts = [len(feeds(recording)) for recording in range(len(paths))]
    ends = list(accumulate(counts))
    if not ends[-1]:
        raise ExportError(
            f"{one_line(spec)}: no recording is as long as the model's window; give longer ones"
        )

    def place(row: int) -> tuple[int, int]:
        recording = bisect_right(ends, row)
        return recording, row - (ends[recording] - counts[recording])

    def feed(row: int) -> Feed:
        recording, window = place(row)
        return feeds(recording)[window]

    def answer(row: int, outputs: Outputs) -> Outputs:
        return steps.answer(outputs, feed(row))

    notes: tuple[str, ...] = ()
    if steps.lacks_state:
        notes += ("the model keeps state, and nothing ran it: every window has that of a new stream",)
    short = sum(count == 0 for count in counts)
    if short:
        notes += (f"{short:,} recordings are shorter than the model's window and give nothing",)
    return Data(
        count=ends[-1],
        feed=feed,
        told=one_line(Path(spec).name or spec),
        kind="sound",
        label=None if labels is None else lambda row: labels[place(row)[0]],
        names=[f"{paths[each]}[{window}]" for each, count in enumerate(counts) for window in range(count)],
        groups=[each for each, count in enumerate(counts) for _ in range(count)],
        stage=steps.fragment,
        files=steps.files,
        answer=answer if steps.has_answer else None,
        notes=(*listing.notes, *notes),
    )
