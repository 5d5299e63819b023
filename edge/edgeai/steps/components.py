"""Connected components of a mask, on its horizontal runs: far fewer than its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ragged import ranges

Array = NDArray[Any]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Runs:
    """Unbroken stretches of set pixels within rows, in reading order.

    rows, starts, stops: i64 [R]; a run covers the columns from its start to before its stop.
    """

    rows: Indices
    starts: Indices
    stops: Indices

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: Array) -> Runs:
        """Some of the runs; which: indices, or a mask."""
        return Runs(self.rows[which], self.starts[which], self.stops[which])


def find_runs(mask: NDArray[np.bool_]) -> Runs:
    """The runs of a mask [height, width]."""
    height, width = mask.shape
    stride = width + 1  # a column of zeros ends every row's last run, and one pixel more begins the first
    flat = np.zeros(height * stride + 1, np.bool_)
    flat[1:].reshape(height, stride)[:, :width] = mask
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    starts, stops = changes[::2], changes[1::2]
    rows = starts // stride
    return Runs(rows, starts - rows * stride, stops - rows * stride)


def connect(runs: Runs, reach: int = 1) -> Indices:
    """The component of each run, i64 [R], numbered from 0 in reading order of their first pixels.

    Two pixels hang together where neither their columns nor their rows differ by more than `reach`: 1 is
    8-connectivity; 2 bridges gaps of one pixel, as dilating by 2x2 would.
    """
    parents = np.arange(len(runs))
    these, those = _neighbours(runs, reach)
    while len(these):
        a, b = parents[these], parents[those]
        apart = a != b
        a, b, these, those = a[apart], b[apart], these[apart], those[apart]
        np.minimum.at(parents, np.maximum(a, b), np.minimum(a, b))
        parents = _roots(parents)
    is_root = parents == np.arange(len(parents))
    numbers: NDArray[np.int64] = (np.cumsum(is_root) - 1)[parents]
    return numbers


def _neighbours(runs: Runs, reach: int) -> tuple[Indices, Indices]:
    """Pairs of runs that hang together, each once, the earlier first."""
    if not len(runs):
        return runs.rows, runs.rows
    # Runs as stretches of one line, rows so far apart on it that none reaches into the next.
    stride = int(runs.stops.max()) + 2 * reach
    starts, stops = runs.rows * stride + runs.starts, runs.rows * stride + runs.stops
    pairs = [_overlaps(starts, stops, down * stride, reach - 1) for down in range(reach + 1)]
    these, those = (np.concatenate(column) for column in zip(*pairs, strict=True))
    return these, those


def _overlaps(starts: Indices, stops: Indices, down: int, gap: int) -> tuple[Indices, Indices]:
    """Pairs of which the second overlaps the first moved `down` the line, or misses it by `gap` at most."""
    first = np.searchsorted(stops, starts + (down - gap))
    last = np.searchsorted(starts, stops + (down + gap), side="right")
    first = np.maximum(first, np.arange(1, len(starts) + 1))  # each pair once, and none with itself
    counts = np.maximum(last - first, 0)
    return np.repeat(np.arange(len(starts)), counts), ranges(first, counts)


def _roots(parents: Indices) -> Indices:
    """The root above each, by doubling the steps until nothing moves."""
    while True:
        above = parents[parents]
        if np.array_equal(above, parents):
            return parents
        parents = above
