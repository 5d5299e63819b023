"""Rows of different lengths laid end to end: how loops over groups become operations on arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def ranges(starts: Indices, counts: Indices) -> Indices:
    """Whole numbers from each start on, as many as its count, end to end; i64 [sum of counts].

    starts [5, 0, 7] and counts [2, 0, 3] give [5, 6, 7, 8, 9].
    """
    befores = np.cumsum(counts) - counts
    numbers = np.repeat(starts - befores, counts)
    numbers += np.arange(len(numbers))
    return numbers


def first_of_groups(groups: Indices) -> Indices:
    """Where each group begins in ascending group numbers; i64 [groups]."""
    begins = np.ones(len(groups), np.bool_)
    begins[1:] = groups[1:] != groups[:-1]
    return np.flatnonzero(begins)
