"""Data from a user's own code: `file.py:function` that gives feeds, with labels or without."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from edgeai.bundle import TensorSpec
from edgeai.errors import ExportError, one_line

from ..arrays import Feed
from ..own_code import load_function
from . import Data
from .checks import checked_feed
from .options import DataOptions


def open_python(spec: str, inputs: Sequence[TensorSpec], options: DataOptions) -> Data:
    """Samples of a function that is called without arguments and gives a sequence or an iterable.

    Each is a feed, or (feed, label); a feed is a dict of arrays by input name, or the array of the only
    input. A sequence (`len` and `[i]`) is asked when a sample is needed, so that it need not fit in memory;
    an iterable is read into memory, at most `limit` samples of it. Raises ExportError.
    """
    samples = _samples(spec, options.limit)
    count = len(samples)
    if not count:
        raise ExportError(f"{one_line(spec)} gave no samples; check the function")
    has_label = _is_pair(_at(samples, 0, spec))

    def feed(row: int) -> Feed:
        sample = _at(samples, row, spec)
        given = sample[0] if _is_pair(sample) else sample
        arrays = given if isinstance(given, Mapping) else {inputs[0].name: given}
        return checked_feed(arrays, inputs, f"{one_line(spec)}: sample {row}")

    def label(row: int) -> Any:
        sample = _at(samples, row, spec)
        if not _is_pair(sample):
            raise ExportError(
                f"{one_line(spec)}: sample {row} has no label, and the first has one; give all or none"
            )
        return sample[1]

    feed(0)
    return Data(
        count=count,
        feed=feed,
        told=one_line(spec),
        kind="python",
        label=label if has_label else None,
        names=[f"{spec}[{row}]" for row in range(count)],
    )


def _samples(spec: str, limit: int | None) -> Sequence[Any]:
    function = load_function(spec, "data")
    try:
        given = function()
        if hasattr(given, "__len__") and hasattr(given, "__getitem__") and not isinstance(given, Mapping):
            sequence: Sequence[Any] = given
            return sequence
        if isinstance(given, Iterable) and not isinstance(given, Mapping):
            return list(itertools.islice(given, limit))
    except Exception as error:
        raise ExportError(f"{one_line(spec)} failed: {one_line(error)} ({type(error).__name__})") from error
    raise ExportError(
        f"{one_line(spec)} gave a {type(given).__name__}; return a sequence or an iterable of feeds or "
        "(feed, label)"
    )


def _at(samples: Sequence[Any], row: int, spec: str) -> Any:
    try:
        return samples[row]
    except Exception as error:
        kind = type(error).__name__
        raise ExportError(f"{one_line(spec)}: sample {row} failed: {one_line(error)} ({kind})") from error


def _is_pair(sample: Any) -> bool:
    """A tuple is a feed with its label; arrays and dicts are feeds alone."""
    return (
        isinstance(sample, tuple) and len(sample) == 2 and isinstance(sample[0], (Mapping, np.ndarray, list))
    )
