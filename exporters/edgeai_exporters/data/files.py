"""Data of one feed a file: images, and any other files whose steps read bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgeai.bundle import TensorSpec
from edgeai.errors import ExportError, one_line

from ..arrays import Feed, Outputs
from . import Data
from .listing import Listing, list_samples
from .options import DataOptions
from .steps import Steps


def open_any_files(spec: str, inputs: Sequence[TensorSpec], options: DataOptions) -> Data:
    """Files of any kind, in a folder or a folder a class or a table; steps of the kind `bytes` read them."""
    if options.steps is None:
        raise ExportError(f"{one_line(spec)}: files need steps that read them; give --steps with a manifest")
    return files_data(spec, "files", list_samples(spec, "bytes", options.labels), options.steps)


def files_data(spec: str, kind: str, listing: Listing, steps: Steps, notes: Sequence[str] = ()) -> Data:
    """One sample a file, made through the steps when it is asked for."""
    paths, labels = listing.paths, listing.labels

    def feed(row: int) -> Feed:
        return steps.feed(paths[row], one_line(paths[row]))

    def answer(row: int, outputs: Outputs) -> Outputs:
        return steps.answer(outputs, feed(row))

    feed(0)
    return Data(
        count=len(paths),
        feed=feed,
        told=one_line(Path(spec).name or spec),
        kind=kind,
        label=None if labels is None else labels.__getitem__,
        names=[str(path) for path in paths],
        stage=steps.fragment,
        files=steps.files,
        answer=answer if steps.has_answer else None,
        classes=listing.classes,
        notes=(*listing.notes, *notes),
    )
