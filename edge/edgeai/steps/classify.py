"""Scores of classes: softmax, sigmoid, the best of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def softmax(logits: Array) -> Array:
    """Probabilities along the last axis; same shape. f16 and integers come out as f32, f32 and f64 stay."""
    logits = _floating(logits)
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def sigmoid(logits: Array, clip: float | None = None) -> Array:
    """1 / (1 + exp(-x)), exact to the last digits at both ends; same shape, dtypes as for `softmax`.

    clip: logits are limited to [-clip, clip] first.
    """
    logits = _floating(logits)
    if clip is not None:
        logits = np.clip(logits, -clip, clip)
    power = np.exp(-np.abs(logits))  # at most 1, so that nothing overflows
    return np.asarray(np.where(logits >= 0, 1, power) / (1 + power))


def top_k(scores: Array, k: int) -> NDArray[np.int64]:
    """Indices of the k highest of scores [C], best first; of equal ones the earlier first, NaN last.

    Returns i64 [min(k, C)].
    """
    return np.argsort(-scores, kind="stable")[:k]


def _floating(values: Array) -> Array:
    return values.astype(np.result_type(values.dtype, np.float32), copy=False)
