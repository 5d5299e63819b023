"""Checks what goes into a model: the right names, shapes and dtypes, and nothing that is no number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgeai.bundle import NUMPY_DTYPES, TensorSpec, list_specs
from edgeai.errors import ExportError, one_line

from ..arrays import Array, Feed


def checked_feed(feed: Mapping[str, Any], inputs: Sequence[TensorSpec], where: str) -> Feed:
    """The arrays by input name, in the model's order, dtype and shape. Raises ExportError.

    Floats of another width are converted, whole numbers too where all fit; nothing else is: whether a picture
    of 0 to 255 is to be divided by 255 only its maker knows.
    """
    names = [spec.name for spec in inputs]
    if set(feed) != set(names):
        raise ExportError(
            f"{where} has {one_line(', '.join(map(str, feed))) or 'nothing'}; the model wants "
            f"{list_specs(inputs)}"
        )
    sizes: dict[str, int] = {}
    found: dict[str, Array] = {}
    for spec in inputs:
        array = checked_dtype(np.asarray(feed[spec.name]), spec, where)
        if not spec.fits(array.shape, sizes):
            raise ExportError(f"{where}: the model wants {spec}, and {list(array.shape)} came")
        check_finite(array, f"{where}: {one_line(spec.name)}")
        found[spec.name] = np.ascontiguousarray(array).reshape(array.shape)
    return found


def checked_dtype(array: Array, spec: TensorSpec, where: str) -> Array:
    """The array in the input's dtype. Raises ExportError where that would change what it says."""
    wanted = np.dtype("float32" if spec.quantization else NUMPY_DTYPES[spec.dtype])
    if array.dtype == wanted:
        return array
    same_kind = {array.dtype.kind, wanted.kind} <= {"i", "u"} or array.dtype.kind == wanted.kind == "f"
    if wanted.kind == "O" and array.dtype.kind == "U":
        return array.astype(object)
    if not same_kind:
        hint = (
            "; scale and convert it as for training"
            if wanted.kind == "f" and array.dtype.kind in "iu"
            else ""
        )
        raise ExportError(f"{where}: the model wants {spec} ({wanted}), and {array.dtype} came{hint}")
    with np.errstate(over="ignore"):
        cast: Array = array.astype(wanted)
    if wanted.kind in "iu" and not np.array_equal(cast, array):
        raise ExportError(f"{where}: the model wants {spec}, and a number in the {array.dtype} does not fit")
    return cast


def check_finite(array: Array, where: str) -> None:
    """Raise ExportError for an array with NaN or infinity in it, saying where."""
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return
    place = [int(index) for index in np.argwhere(~np.isfinite(array))[0]]
    raise ExportError(
        f"{where} holds {array[tuple(place)]} at {place}; clean the data: one such number spoils a "
        "calibration"
    )
