"""Whether calibration feeds fit a model's inputs, told before a library says it in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgeai.bundle import NUMPY_DTYPES, TensorSpec
from edgeai.errors import ExportError, one_line
from edgeai.graph import UNKNOWN_RANK, read_graph

from ..arrays import Array, Feed


def check_feeds(model: Path, calibration: Sequence[Feed], scheme: str) -> None:
    """Raises ExportError where there are none, or one lacks an input, or has another dtype or shape."""
    if not calibration:
        raise ExportError(f"{scheme} needs calibration data for {one_line(model)}; give some with --data")
    specs = read_graph(model).inputs
    for index, feed in enumerate(calibration):
        unknown = sorted(set(feed) - {spec.name for spec in specs})
        if unknown:
            raise ExportError(
                f"calibration sample {index} has {one_line(unknown[0])!r}, which is no input of "
                f"{one_line(model)}; "
                f"it has: {one_line(', '.join(spec.name for spec in specs))}"
            )
        for spec in specs:
            if spec.name not in feed:
                raise ExportError(
                    f"calibration sample {index} lacks the input {one_line(spec.name)!r} of {one_line(model)}"
                )
            _check(spec, np.asarray(feed[spec.name]), index, model)


def _check(spec: TensorSpec, array: Array, index: int, model: Path) -> None:
    wanted = np.dtype(NUMPY_DTYPES[spec.dtype])
    if array.dtype != wanted or not _fits(spec.shape, array.shape):
        raise ExportError(
            f"calibration sample {index} has {array.dtype}{list(array.shape)} for the input "
            f"{one_line(spec.name)!r} "
            f"of {one_line(model)}, which takes {wanted}{list(spec.shape)}"
        )
    if wanted.kind == "f" and np.isnan(array).any():
        raise ExportError(
            f"calibration sample {index} has NaN in the input {one_line(spec.name)!r}; look at the data"
        )


def _fits(wanted: tuple[int | str, ...], shape: tuple[int, ...]) -> bool:
    if wanted == UNKNOWN_RANK:
        return True
    return len(wanted) == len(shape) and all(
        not isinstance(size, int) or size in {-1, have} for size, have in zip(wanted, shape, strict=True)
    )
