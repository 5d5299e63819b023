"""The best of an answer: as many labels, things found or numbers as somebody wants to see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from .ops.detect import take
from .values import Detections, Labels, Outputs


def top(value: Any, count: int) -> Any:
    """At most `count` of the labels or things found; of a tensor [N] or [1, N] the largest numbers.

    These become objects of `index` and `value`, the largest first. Lists are gone through; everything else
    stays as it is.
    """
    if isinstance(value, Labels):
        return replace(value, top=value.top[:count])
    if isinstance(value, Detections):
        return value if len(value) <= count else take(value, np.arange(count))
    if isinstance(value, Outputs):
        return top(value.tensors, count)
    if isinstance(value, Mapping):
        return {name: top(each, count) for name, each in value.items()}
    if isinstance(value, list):
        return [top(each, count) for each in value]
    return _largest(value, count) if isinstance(value, np.ndarray) else value


def _largest(array: np.ndarray[Any, Any], count: int) -> Any:
    is_row = array.ndim == 1 or (array.ndim == 2 and len(array) == 1)
    if not is_row or array.dtype.kind not in "biuf":
        return array
    row = array.reshape(-1)
    best = np.argsort(-row.astype(np.float64), kind="stable")[:count]
    return [{"index": int(index), "value": row[index].item()} for index in best]
