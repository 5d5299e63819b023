"""Text out of what a recognizer gives step by step: connectionist temporal classification (CTC).

Graves et al., "Connectionist Temporal Classification" (2006): of each step the likeliest token is taken,
repeats are one, blanks are none ("best path").
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def decode(
    scores: Array, tokens: Sequence[str], *, blank: int = 0, logits: bool = False
) -> list[tuple[str, float | None]]:
    """Texts and their scores, one for each row of scores [N, T, C].

    tokens: the texts of all classes but the blank, in order. A text's score is the mean probability of the
    steps that gave its tokens, 0 to 1; None where there are none. logits: scores are not probabilities yet;
    only those of the kept steps are made such.
    """
    best = scores.argmax(axis=-1)  # the one pass over everything
    kept = best != blank
    kept[:, 1:] &= best[:, 1:] != best[:, :-1]
    rows, steps = np.nonzero(kept)
    classes = best[rows, steps]
    probabilities = _probabilities(scores, rows, steps, classes, logits)
    texts = [tokens[index] for index in (classes - (classes > blank)).tolist()]
    bounds = np.cumsum([0, *kept.sum(axis=1)]).tolist()
    return [
        (
            "".join(texts[start:end]),
            float(probabilities[start:end].mean(dtype=np.float64)) if end > start else None,
        )
        for start, end in pairwise(bounds)
    ]


def _probabilities(scores: Array, rows: Array, steps: Array, classes: Array, logits: bool) -> Array:
    if not logits:
        return np.asarray(scores[rows, steps, classes])
    best = scores[rows, steps].astype(np.float32, copy=False)
    return np.asarray(1 / np.exp(best - best.max(axis=-1, keepdims=True)).sum(axis=-1))
