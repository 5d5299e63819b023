"""Data that lies ready in numpy's files: `.npz` by input name, `.npy` for a model with one input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgeai.bundle import TensorSpec, list_specs
from edgeai.errors import ExportError, InputError, one_line
from edgeai.sources.tensors import load_npz

from ..arrays import Array, Feed
from . import Data
from .checks import check_finite, checked_feed
from .labels import labels_in_order
from .options import DataOptions

_LABELS = ("labels", "y")
"""What an array of labels is called, where the model has no input of that name."""


def open_arrays(spec: str, inputs: Sequence[TensorSpec], options: DataOptions) -> Data:
    """Samples of a `.npz` or `.npy` file. Raises ExportError for arrays that do not fit the model.

    The first axis of an array counts samples: [n, ...] for an input [N, ...] or [1, ...] (a row becomes a
    batch of 1), and for one whose first size is another, an axis more: [n, k, ...]. An array that fits an
    input without such an axis, such as a sample rate, goes to all samples. A `.npz` may hold labels,
    `labels` or `y`.
    """
    file = Path(spec)
    arrays = _load(file, inputs)
    labels = _take_labels(arrays, inputs)
    shown = one_line(file.name)
    _check_names(arrays, inputs, shown)
    rows = {each.name: _rows(arrays[each.name], each) for each in inputs}
    count = _count(rows, arrays, inputs, shown)
    for name, array in arrays.items():
        check_finite(array, f"{shown}: {one_line(name)}")

    def feed(row: int) -> Feed:
        parts = {
            each.name: arrays[each.name]
            if rows[each.name] is None
            else arrays[each.name][row : row + 1]
            if arrays[each.name].ndim == len(each.shape)
            else arrays[each.name][row]
            for each in inputs
        }
        return checked_feed(parts, inputs, f"{shown}: sample {row}")

    feed(0)
    return Data(
        count=count,
        feed=feed,
        told=shown,
        kind="arrays",
        label=labels_in_order(options.labels, labels, count, shown),
        names=[f"{shown}[{row}]" for row in range(count)],
    )


def _load(file: Path, inputs: Sequence[TensorSpec]) -> dict[str, Array]:
    shown = one_line(file)
    try:
        if file.suffix.lower() == ".npz":
            with file.open("rb") as opened:
                return load_npz(opened, shown)
        # As a map: a large file is read as far as it is asked for.
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise ExportError(
            f"{shown} cannot be read: {error.strerror or one_line(error)}; check the path"
        ) from None
    except (InputError, ValueError, EOFError) as error:
        raise ExportError(f"{shown} is damaged or holds no plain arrays: {one_line(error)}") from None
    if len(inputs) != 1:
        raise ExportError(f"{shown} holds one array, and the model wants {list_specs(inputs)}; give a .npz")
    return {inputs[0].name: array}


def _take_labels(arrays: dict[str, Array], inputs: Sequence[TensorSpec]) -> Array | None:
    names = {spec.name for spec in inputs}
    for name in _LABELS:
        if name in arrays and name not in names:
            return arrays.pop(name)
    return None


def _check_names(arrays: dict[str, Array], inputs: Sequence[TensorSpec], shown: str) -> None:
    """The only array of a file is the only input, whatever it is called."""
    if len(arrays) == len(inputs) == 1:
        arrays[inputs[0].name] = arrays.pop(next(iter(arrays)))
    if set(arrays) != {spec.name for spec in inputs}:
        raise ExportError(
            f"{shown} holds the arrays {one_line(', '.join(arrays)) or 'none'}; the model wants "
            f"{list_specs(inputs)} (and labels are called {' or '.join(_LABELS)})"
        )


def _rows(array: Array, spec: TensorSpec) -> int | None:
    """How many samples an array holds; None where it goes to all."""
    if array.ndim == len(spec.shape) + 1:
        return len(array)
    if (
        array.ndim == len(spec.shape)
        and array.ndim
        and (isinstance(spec.shape[0], str) or spec.shape[0] == 1)
    ):
        return len(array)
    return None


def _count(
    rows: Mapping[str, int | None], arrays: Mapping[str, Any], inputs: Sequence[TensorSpec], shown: str
) -> int:
    counts = {count for count in rows.values() if count is not None}
    if len(counts) == 1 and 0 not in counts:
        return counts.pop()
    have = "; ".join(f"{one_line(name)} {array.dtype}{list(array.shape)}" for name, array in arrays.items())
    wanted = f"the model wants {list_specs(inputs)}, with samples along the first axis"
    problem = "holds no samples" if counts == {0} else "does not say how many samples it has"
    raise ExportError(
        f"{shown} {'has arrays of different lengths' if len(counts) > 1 else problem}: {have}; {wanted}"
    )
