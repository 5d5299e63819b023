"""Metric of recognizers that read text step by step (CTC): 1 minus the character error rate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeai.errors import ExportError, one_line
from edgeai.steps.ctc import decode
from edgeai.steps.names import read_names

from ..arrays import Array, Outputs
from .classes import first

_BLANK = 0
"""The class that stands for no token, as PaddleOCR, Keras and PyTorch's CTC loss have it by default."""


def characters(
    outputs: Sequence[Outputs],
    labels: Sequence[Any] | None,
    reference: Sequence[Outputs],
    *,
    file: Path | None = None,
) -> NDArray[np.float64]:
    """1 minus edits over the mean length of the texts: the mean of it is 1 minus the character error rate.

    The first output is [1, T, C] or [T, C], T steps of C classes, the blank first; the likeliest class of
    each step counts, repeats are one. labels: texts, with `file` (`characters:FILE`) the vocabulary, one
    token a line without the blank, a space behind it where the model has one class more; or lists of class
    numbers. Without labels what the source reads is the truth. Edits are Levenshtein's. Raises ExportError.
    """
    read = [_read(first(each), file) for each in outputs]
    truth = [_read(first(each), file) for each in reference] if labels is None else _truth(labels, file)
    mean_length = sum(map(len, truth)) / max(len(truth), 1) or 1.0
    return np.array([1 - _edits(got, want) / mean_length for got, want in zip(read, truth, strict=True)])


def _truth(labels: Sequence[Any], file: Path | None) -> list[Sequence[Any]]:
    for label in labels:
        if isinstance(label, str) is (file is None):
            wanted = "class numbers; give characters:FILE with the vocabulary" if file is None else "texts"
            raise ExportError(f"a label is {one_line(repr(label), 60)}, and characters takes {wanted}")
    return [label if isinstance(label, str) else [int(each) for each in np.ravel(label)] for label in labels]


def _read(scores: Array, file: Path | None) -> Sequence[Any]:
    steps = scores[0] if scores.ndim == 3 and len(scores) == 1 else scores
    if steps.ndim != 2:
        raise ExportError(
            f"the first output is {list(scores.shape)}, and characters takes steps of classes, [1, T, C]"
        )
    if file is None:
        best = steps.argmax(axis=-1)
        begins = np.concatenate([[True], best[1:] != best[:-1]])[: len(best)]
        return [int(each) for each in best[begins & (best != _BLANK)]]
    text, _ = decode(steps[None], _tokens(file, steps.shape[1]), blank=_BLANK)[0]
    return text


def _tokens(file: Path, classes: int) -> tuple[str, ...]:
    tokens = tuple(read_names(file))
    if classes == len(tokens) + 2:
        return (*tokens, " ")
    if classes != len(tokens) + 1:
        raise ExportError(
            f"{one_line(file)} has {len(tokens)} tokens, and the model {classes} classes with the blank; "
            "give the vocabulary of this model"
        )
    return tokens


def _edits(got: Sequence[Any], want: Sequence[Any]) -> int:
    """Levenshtein's distance: the fewest insertions, deletions and replacements."""
    row = list(range(len(want) + 1))
    for place, one in enumerate(got, 1):
        before, row = row, [place]
        for column, other in enumerate(want, 1):
            row.append(min(before[column] + 1, row[-1] + 1, before[column - 1] + (one != other)))
    return row[-1]
