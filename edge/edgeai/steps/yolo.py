"""What YOLO models give, as boxes: with an objectness, without, and already suppressed.

All decode one image; boxes come out as f32 [K, 4]: left, top, right, bottom, in the unit in which the model
gives them, with scores f32 [K] and classes i64 [K], in the model's order. What scores below the threshold is
left out before anything is computed of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Found = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]


def decode_v5(rows: Array, threshold: float) -> Found:
    """rows: [N, 5 + C]: centre x and y, width, height, objectness, classes; a score is objectness * class."""
    rows = rows[rows[:, 4] >= threshold]  # no class can make the score any higher
    classes = rows[:, 5:].argmax(axis=1)
    scores = rows[:, 4] * np.take_along_axis(rows[:, 5:], classes[:, None], axis=1)[:, 0]
    return _kept(_corners(rows[:, :4]), scores, classes, threshold)


def decode_v8(columns: Array, threshold: float) -> Found:
    """columns: [4 + C, N]: centre x and y, width, height, classes; the score is the best class's."""
    likely = columns[:, columns[4:].max(axis=0) >= threshold]
    classes = likely[4:].argmax(axis=0)
    scores = np.take_along_axis(likely[4:], classes[None], axis=0)[0]
    return _kept(_corners(likely[:4].T), scores, classes, threshold)


def decode_v10(rows: Array, threshold: float) -> Found:
    """rows: [N, 6]: left, top, right, bottom, score, class; the model suppresses by itself."""
    return _kept(rows[:, :4], rows[:, 4], rows[:, 5], threshold)


def _corners(boxes: Array) -> Array:
    """Centre and size to left, top, right, bottom."""
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def _kept(boxes: Array, scores: Array, classes: Array, threshold: float) -> Found:
    kept = scores >= threshold
    return boxes[kept].astype(np.float32), scores[kept].astype(np.float32), classes[kept].astype(np.int64)
