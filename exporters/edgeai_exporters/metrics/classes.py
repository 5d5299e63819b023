"""Metrics of classifiers: whether the likeliest class is the right one, or the source's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeai.errors import ExportError, one_line

from ..arrays import Array, Outputs


def top1(
    outputs: Sequence[Outputs], labels: Sequence[Any] | None, reference: Sequence[Outputs]
) -> NDArray[np.float64]:
    """1 where the likeliest class of a sample is its label, else 0.

    labels: class numbers; of a sample with several places (a segmented picture) an array of them, whose share
    that is right is the score. The first output counts, its classes along the last axis. Raises ExportError.
    """
    if labels is None:
        raise ExportError("top1 needs labels, and the data has none; give --labels, or --metric cosine")
    return np.array([_share_right(each, label) for each, label in zip(outputs, labels, strict=True)])


def top1_agreement(
    outputs: Sequence[Outputs], labels: Sequence[Any] | None, reference: Sequence[Outputs]
) -> NDArray[np.float64]:
    """Share of a sample's places whose likeliest class is the source's: 1 or 0 for one class a sample."""
    pairs = zip(outputs, reference, strict=True)
    return np.array([np.mean(_classes(first(a)) == _classes(first(b))) for a, b in pairs], np.float64)


def looks_like_classes(outputs: Outputs) -> bool:
    """Whether the first output of one sample can be scores of classes: floats [1, C] or [C], C at least 2."""
    array = first(outputs)
    return array.dtype.kind == "f" and array.ndim in {1, 2} and array.size == array.shape[-1] >= 2


def first(outputs: Outputs) -> Array:
    """The output that metrics of one output look at: the model's first."""
    return next(iter(outputs.values()))


def _classes(scores: Array) -> Array:
    if scores.ndim == 0 or scores.shape[-1] < 2:
        raise ExportError(
            f"the first output is {list(scores.shape)}, which holds no scores of classes along its last "
            "axis; give another metric, such as cosine"
        )
    return np.asarray(scores.argmax(axis=-1))


def _share_right(outputs: Outputs, label: Any) -> float:
    scores = first(outputs)
    classes = _classes(scores)
    wanted = np.asarray(label)
    if wanted.dtype.kind not in "iu" or wanted.size != classes.size:
        raise ExportError(
            f"a label is {one_line(repr(label), 60)} where top1 wants the number of a class"
            + (f", {classes.size} of them a sample" if classes.size > 1 else "")
            + "; give numbers, or a file of the classes' names in the model's order as --labels"
        )
    if wanted.min() < 0 or wanted.max() >= scores.shape[-1]:
        raise ExportError(
            f"a label is class {int(wanted.max())}, and the model has {scores.shape[-1]} classes, 0 to "
            f"{scores.shape[-1] - 1}; give labels of this model"
        )
    return float(np.mean(classes.ravel() == wanted.ravel()))
