"""The samples of a recipe: a training part of which some have labels, and a test part that only proves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeai.errors import ExportError, one_line

from ..own_code import load_function
from .recipe import DataChoice


@dataclass(frozen=True)
class Dataset:
    """x: f32 [n, ...], y: i64 [n] from 0; the same of the test part. classes: how many."""

    x: NDArray[Any]
    y: NDArray[Any]
    x_test: NDArray[Any]
    y_test: NDArray[Any]

    @property
    def classes(self) -> int:
        """One more than the largest label."""
        return int(max(self.y.max(), self.y_test.max())) + 1


@dataclass(frozen=True)
class Split:
    """Rows of the training part: with labels to train on, with labels to validate, and without labels."""

    labelled: NDArray[Any]
    validation: NDArray[Any]
    unlabelled: NDArray[Any]


def open_dataset(choice: DataChoice) -> Dataset:
    """Arrays `x` and `y`, and `x_test` and `y_test` or a test part cut off, the same for all seeds.

    A .npz holds them; a function gives them as a dict. Raises ExportError saying what does not fit.
    """
    arrays = _from_npz(Path(choice.source)) if choice.source.endswith(".npz") else _from_function(choice)
    shown = one_line(choice.source)
    x, y = _pair(arrays, "x", "y", shown)
    if "x_test" in arrays:
        return Dataset(x, y, *_pair(arrays, "x_test", "y_test", shown))
    if not 0 < choice.test < len(x):
        raise ExportError(f"{shown} has no x_test; give data.test, how many of its {len(x)} samples prove")
    test = drawn(y, choice.test, np.random.default_rng(0))
    rest = np.setdiff1d(np.arange(len(y)), test)
    return Dataset(x[rest], y[rest], x[test], y[test])


def split(data: Dataset, choice: DataChoice, seed: int) -> Split:
    """Which samples keep their label: as evenly over the classes as can be, drawn by the seed."""
    rng = np.random.default_rng(seed)
    rows = np.arange(len(data.y))
    if choice.labels is not None and choice.labels > len(rows):
        raise ExportError(f"data.labels is {choice.labels}, and there are {len(rows)} training samples")
    labelled = rows if choice.labels is None else drawn(data.y, choice.labels, rng)
    if choice.validation >= len(labelled):
        raise ExportError(f"data.validation is {choice.validation} of {len(labelled)} samples with a label")
    validation = labelled[drawn(data.y[labelled], choice.validation, rng)]
    return Split(np.setdiff1d(labelled, validation), validation, np.setdiff1d(rows, labelled))


def drawn(y: NDArray[Any], count: int, rng: np.random.Generator) -> NDArray[Any]:
    """So many rows, sorted: the classes take turns, each giving its own in a random order."""
    order = rng.permutation(len(y))
    turn = np.empty(len(y), np.int64)
    for label in np.unique(y):
        own = order[y[order] == label]
        turn[own] = np.arange(len(own))
    ranked = order[np.argsort(turn[order], kind="stable")]
    return np.sort(ranked[:count])


def _from_npz(file: Path) -> Mapping[str, Any]:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError) as error:
        raise ExportError(f"{one_line(file)} cannot be read: {one_line(error)}; check the file") from None


def _from_function(choice: DataChoice) -> Mapping[str, Any]:
    function = load_function(choice.source, "data")
    if choice.file is not None and not choice.file.exists():
        raise ExportError(f"{one_line(choice.file)}: no such file for data; check the path, or give --data")
    try:
        arrays = function(choice.file) if choice.file is not None else function()
    except Exception as error:
        kind = type(error).__name__
        raise ExportError(f"{one_line(choice.source)} failed: {one_line(error)} ({kind})") from error
    if not isinstance(arrays, Mapping):
        raise ExportError(f"{one_line(choice.source)} gave no dict; return x and y by name")
    return arrays


def _pair(
    arrays: Mapping[str, Any], x_name: str, y_name: str, shown: str
) -> tuple[NDArray[Any], NDArray[Any]]:
    for name in (x_name, y_name):
        if name not in arrays:
            raise ExportError(f"{shown} has no {name}; it has: {one_line(', '.join(arrays) or 'nothing')}")
    x, y = np.asarray(arrays[x_name]), np.asarray(arrays[y_name])
    if y.ndim != 1 or len(x) != len(y) or not len(y):
        raise ExportError(f"{shown}: {x_name} has shape {x.shape}, {y_name} {y.shape}; one label a sample")
    if not np.issubdtype(y.dtype, np.integer) or y.min() < 0:
        raise ExportError(f"{shown}: {y_name} must hold classes as whole numbers from 0")
    return np.ascontiguousarray(x, np.float32), y.astype(np.int64)
