"""Steps that make classes and scores of what a model gave: softmax, sigmoid, top_k, score."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import InputError, one_line
from ...steps import classify
from ...steps.names import read_names
from ..values import Asset, Label, Labels, Outputs
from .outputs import name_of, pick_rows

if TYPE_CHECKING:
    from ..values import Array


def softmax(value: Outputs, *, tensor: str | None = None) -> Outputs:
    """`softmax@1`: logits to probabilities, along the last axis of one output (of the only one)."""
    name = name_of(value, tensor)
    return replace(value, tensors={**value.tensors, name: classify.softmax(value.tensors[name])})


def sigmoid(value: Outputs, *, tensor: str | None = None, clip: float | None = None) -> Outputs:
    """`sigmoid@1`: logits to probabilities, each by itself; clip: limits them to [-clip, clip] before."""
    name = name_of(value, tensor)
    return replace(value, tensors={**value.tensors, name: classify.sigmoid(value.tensors[name], clip)})


def top_k(
    value: Outputs,
    *,
    k: int = 5,
    tensor: str | None = None,
    labels: Asset | None = None,
    threshold: float | None = None,
    thresholds: dict[str, float] | None = None,
) -> Labels | list[Labels]:
    """`top_k@1`: the k classes with the highest scores of an output [N, C] or [C]; a list where N is not 1.

    labels: names of the classes, one a line or a JSON list; without, names are the indices.
    threshold: classes that score below it are left out; thresholds: the same for single classes, by name.
    """
    if k < 1:
        raise InputError(f"k is {k}; give 1 or more")
    rows = pick_rows(value, tensor)
    names = None if labels is None else read_names(labels)
    if names is not None and len(names) != rows.shape[1]:
        raise InputError(
            f"{labels and labels.name} has {len(names):,} names, and the output {rows.shape[1]:,} classes"
        )
    unknown = set(thresholds or ()) - set(names or ())
    if unknown:
        raise InputError(one_line(f"thresholds has {', '.join(sorted(unknown))}, which labels does not name"))
    found = [_best(row, k, names, threshold, thresholds or {}) for row in rows]
    return found[0] if len(found) == 1 else found


def score(value: Outputs, *, tensor: str | None = None, index: int | None = None) -> float | list[float]:
    """`score@1`: one number of an output, for conditions and events; a list where the batch is not 1.

    index: which of an item's numbers, laid end to end; negative ones count from the end. Without it an item
    must have just one.
    """
    rows = pick_rows(value, tensor)
    count = rows.shape[1]
    if index is None and count != 1:
        raise InputError(f"index is missing: the output has {count:,} numbers")
    if index is not None and not -count <= index < count:
        raise InputError(f"index is {index}, and the output has {count:,} numbers")
    scores = [float(number) for number in rows[:, index or 0]]
    return scores[0] if len(scores) == 1 else scores


def _best(
    scores: Array, k: int, names: tuple[str, ...] | None, threshold: float | None, own: dict[str, float]
) -> Labels:
    top = [
        Label(index, str(index) if names is None else names[index], float(scores[index]))
        for index in classify.top_k(scores, k).tolist()
    ]
    limits = [own.get(label.name, threshold) for label in top]
    return Labels(
        tuple(
            label for label, limit in zip(top, limits, strict=True) if limit is None or label.score >= limit
        )
    )
