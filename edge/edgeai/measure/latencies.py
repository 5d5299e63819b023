"""Keeps every latency of a long run in bounded memory, for percentiles that count each of them.

Up to `EXACT` latencies are kept as they are. From then on only how many fell into each of narrow classes is
known: a percentile is then at most 0.025 % too high, and never too low.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXACT = 4_000_000
"""32 MB. A model of 150 µs takes as many in MLPerf's ten minutes."""
_BLOCK = 1 << 16
"""Latencies between two looks at the totals, which take about a millisecond."""
# A class is a float's exponent and the first 12 bits of its fraction: 2 ** -12 wide, as a share.
_FRACTION_BITS = 12
_DROPPED_BITS = 52 - _FRACTION_BITS
_FIRST = 1023 << _FRACTION_BITS  # the class of 1 ns
_CLASSES = 53 << _FRACTION_BITS  # up to 2 ** 53 ns, which is 104 days
RESOLUTION = 2.0**-_FRACTION_BITS


class Latencies:
    """Counts and keeps latencies in whole nanoseconds. exact: how many are kept as they are.

    All but `count` need at least one.
    """

    def __init__(self, exact: int = EXACT) -> None:
        self._count = self._sum_ns = self._max_ns = 0
        self._min_ns = 1 << 62
        self._limit = exact
        self._recent = array("q")
        self._kept: list[NDArray[np.int64]] = []
        self._counts: NDArray[np.int64] = np.zeros(_CLASSES, dtype=np.int64)

    def add(self, latency_ns: int) -> None:
        """Count one latency, of at least 1 ns."""
        self._recent.append(latency_ns)
        if len(self._recent) >= _BLOCK:
            self._fold()

    @property
    def count(self) -> int:
        """How many there are."""
        return self._count + len(self._recent)

    @property
    def min_ns(self) -> int:
        """The shortest."""
        self._fold()
        return self._min_ns

    @property
    def max_ns(self) -> int:
        """The longest."""
        self._fold()
        return self._max_ns

    @property
    def mean_ns(self) -> float:
        """The mean over all."""
        self._fold()
        return self._sum_ns / self._count

    @property
    def resolution(self) -> float:
        """By which share a latency given back may be too high: 0 while all are kept."""
        self._fold()
        return 0.0 if self._is_exact else RESOLUTION

    def slowest(self, dropped: int) -> int:
        """The slowest one in nanoseconds after so many slower ones are dropped; `dropped` below `count`."""
        self._fold()
        return self._ranked(self.count - 1 - dropped)

    def quantile(self, p: float) -> int:
        """The smallest latency in nanoseconds that a share of p is not above (the nearest rank)."""
        self._fold()
        return self._ranked(max(0, int(np.ceil(p * self.count)) - 1))

    def over(self, limit_ns: int) -> int:
        """How many are above a limit; those of its own class count as above where not all are kept."""
        self._fold()
        if self._is_exact:
            return int(sum(np.count_nonzero(block > limit_ns) for block in self._kept))
        return int(self._counts[_class_of(np.array([limit_ns]))[0] :].sum())

    def _ranked(self, index: int) -> int:
        """The latency at an index from below, from 0."""
        if self._is_exact:
            return int(np.partition(np.concatenate(self._kept), index)[index])
        place = int(np.searchsorted(np.cumsum(self._counts), index, side="right"))
        return min(self._max_ns, _highest_of(place))

    @property
    def _is_exact(self) -> bool:
        return self._count <= self._limit

    def _fold(self) -> None:
        if not self._recent:
            return
        block: NDArray[np.int64] = np.maximum(np.array(self._recent, dtype=np.int64), 1)
        del self._recent[:]
        self._count += len(block)
        self._sum_ns += int(block.sum())
        self._min_ns = min(self._min_ns, int(block.min()))
        self._max_ns = max(self._max_ns, int(block.max()))
        places, counts = np.unique(_class_of(block), return_counts=True)
        self._counts[places] += counts
        if self._is_exact:
            self._kept.append(block)
        else:
            self._kept.clear()


def _class_of(latencies_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    bits: Any = latencies_ns.astype(np.float64).view(np.int64)
    places: NDArray[np.int64] = np.minimum((bits >> _DROPPED_BITS) - _FIRST, _CLASSES - 1)
    return places


def _highest_of(place: int) -> int:
    """The highest whole nanosecond in a class."""
    above = np.array([(place + 1 + _FIRST) << _DROPPED_BITS], dtype=np.int64).view(np.float64)[0]
    return int(np.ceil(above)) - 1
