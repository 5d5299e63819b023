"""Keeps latencies without taking memory for them while a model's memory is measured."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Recorder:
    """Counts every call exactly and keeps latencies in a fixed buffer, which neither grows nor is lazily
    mapped: recording must not show up in the RAM that is measured.

    When the buffer is full, one of each two neighbours is dropped and from then on one call of every two is
    kept, and so on. Which one is drawn by lot (from a fixed seed): a model that does more every second call
    must not look as if it always or never did.
    """

    CAPACITY = 20_000
    """How many latencies are kept where nobody says."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        # Ones and not zeros: zeros are mapped only when they are written. An odd number would halve unevenly.
        self._buffer: NDArray[np.int64] = np.ones(max(2, capacity // 2 * 2), dtype=np.int64)
        self._random = random.Random(0)  # noqa: S311 - a lot, no secret
        self.clear()

    def clear(self) -> None:
        """Forget everything, keep the buffer."""
        self.runs = self.sum_ns = self.max_ns = 0
        self.min_ns = 1 << 62
        self.keep_every = 1
        self._kept = self._turn = self._place = 0

    def add(self, latency_ns: int) -> None:
        """Count one call, and keep its latency if the lot fell on it."""
        self.runs += 1
        self.sum_ns += latency_ns
        self.min_ns = min(self.min_ns, latency_ns)
        self.max_ns = max(self.max_ns, latency_ns)
        if self._turn == self._place:
            if self._kept == len(self._buffer):
                self._halve()
            self._buffer[self._kept] = latency_ns
            self._kept += 1
        self._turn += 1
        if self._turn >= self.keep_every:
            self._turn = 0
            self._place = self._random.randrange(self.keep_every) if self.keep_every > 1 else 0

    @property
    def samples_ns(self) -> NDArray[np.int64]:
        """The kept latencies in order, a view."""
        return self._buffer[: self._kept]

    def _halve(self) -> None:
        self._kept //= 2
        for pair in range(self._kept):
            self._buffer[pair] = self._buffer[2 * pair + self._random.getrandbits(1)]
        self.keep_every *= 2
