"""Overlap of boxes, and non-maximum suppression (NMS): of boxes around the same thing one is left.

Boxes are [N, 4]: left, top, right, bottom, in any unit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ragged import first_of_groups

Array = NDArray[Any]
Indices = NDArray[np.int64]

# Boxes that are compared with all worse ones in one go: more make larger arrays, fewer more rounds.
_AT_ONCE = 64


def areas(boxes: Array) -> Array:
    """[N]; 0 where right is not right of left, or bottom not below top."""
    width = np.maximum(boxes[..., 2] - boxes[..., 0], 0)
    return np.asarray(width * np.maximum(boxes[..., 3] - boxes[..., 1], 0))


def iou(boxes: Array, others: Array) -> Array:
    """Intersection over union of each with each: [N, 4] and [M, 4] give [N, M]; 0 where both are empty."""
    return _iou(boxes[:, None], areas(boxes)[:, None], others[None], areas(others)[None])


def nms(
    boxes: Array,
    scores: Array,
    classes: Array | None = None,
    *,
    overlap: float = 0.5,
    limit: int | None = None,
) -> Indices:
    """Greedy suppression: indices of the boxes that stay, best first; of equal scores the earlier first.

    A box goes if its IoU with a better one that stays is above `overlap`, and their classes, [N], are the
    same where they are given. limit: how many stay at most.
    """
    order, owners = _owners(boxes, scores, classes, overlap, limit)
    kept: Indices = order[_keepers(owners)[:limit]]
    return kept


def weighted_nms(
    boxes: Array,
    scores: Array,
    values: Array,
    classes: Array | None = None,
    *,
    overlap: float = 0.5,
    limit: int | None = None,
) -> tuple[Indices, Array]:
    """Suppression that keeps what it suppresses as a mean, as MediaPipe's WEIGHTED does: less jitter.

    values: [N, V], whatever belongs to a box and can be averaged, its coordinates among it. Every box that
    stays takes the mean, weighted by score, of the values of those that it suppresses and of its own.
    Returns the indices as `nms` does, and the means [K, V] in the dtype of `values`.
    """
    order, owners = _owners(boxes, scores, classes, overlap, limit)
    keepers = _keepers(owners)[:limit]
    if not len(keepers):
        return keepers, values[:0]
    members = np.flatnonzero(np.isin(owners, keepers))
    members = members[np.argsort(owners[members], kind="stable")]
    weights = np.maximum(scores[order[members]].astype(np.float64), 1e-12)  # scores of 0 weigh alike
    weighted = np.column_stack([values[order[members]] * weights[:, None], weights])
    sums = np.add.reduceat(weighted, first_of_groups(owners[members]), axis=0)
    return order[keepers], (sums[:, :-1] / sums[:, -1:]).astype(values.dtype)


def _owners(
    boxes: Array, scores: Array, classes: Array | None, overlap: float, limit: int | None
) -> tuple[Indices, Indices]:
    """The order of the scores, and by place in it the place of the box that suppresses each.

    That is its own for a box that stays, and -1 where the limit was reached before.
    """
    order = np.argsort(-scores, kind="stable")
    boxes, area = boxes[order], areas(boxes[order])
    kinds = np.zeros(len(order)) if classes is None else classes[order]
    owners = np.full(len(order), -1)
    left, stay = np.arange(len(order)), 0
    while len(left) and (limit is None or stay < limit):
        best = left[:_AT_ONCE]
        same = _iou(boxes[best, None], area[best, None], boxes[left], area[left]) > overlap
        same &= kinds[best, None] == kinds[left]
        free = np.ones(len(left), np.bool_)
        for row, place in enumerate(best):
            if free[row]:
                mine = same[row] & free
                mine[row] = True  # a box without area overlaps not even itself
                owners[left[mine]] = place
                free &= ~mine
                stay += 1
        left = left[free]
    return order, owners


def _keepers(owners: Indices) -> Indices:
    return np.flatnonzero(owners == np.arange(len(owners)))


def _iou(boxes: Array, area: Array, others: Array, other_area: Array) -> Array:
    width = np.minimum(boxes[..., 2], others[..., 2]) - np.maximum(boxes[..., 0], others[..., 0])
    height = np.minimum(boxes[..., 3], others[..., 3]) - np.maximum(boxes[..., 1], others[..., 1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    union = area + other_area - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(union), where=union > 0))
