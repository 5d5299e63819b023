"""What waits along a stream of samples until there is enough of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .audio import Samples


class Backlog:
    """Samples that wait. Appending costs what is appended, not what waits already."""

    def __init__(self) -> None:
        self._data: Samples = np.empty(0, np.float32)
        self._first = self._end = 0  # data[first:end] waits
        self._owed = 0  # samples skipped before they came

    def append(self, samples: Samples) -> None:
        """Add [n] f32 samples behind those that wait."""
        if self._owed:
            swallowed = min(self._owed, len(samples))
            self._owed -= swallowed
            samples = samples[swallowed:]
        end = self._end + len(samples)
        if end > len(self._data):
            self._make_room(len(samples))
            end = self._end + len(samples)
        self._data[self._end : end] = samples
        self._end = end

    def waiting(self) -> Samples:
        """All that wait, in order: a view that holds until the next append."""
        return self._data[self._first : self._end]

    def skip(self, count: int) -> None:
        """Drop the first `count`, of those still to come if there are not so many."""
        self._first += count
        if self._first > self._end:
            self._owed += self._first - self._end
            self._first = self._end

    def _make_room(self, extra: int) -> None:
        waiting = self.waiting()
        needed = len(waiting) + extra
        # Twice what is needed, so that moving to the front is paid for by as many appended samples.
        data = self._data if 2 * needed <= len(self._data) else np.empty(2 * needed, np.float32)
        data[: len(waiting)] = waiting
        self._data, self._first, self._end = data, 0, len(waiting)
