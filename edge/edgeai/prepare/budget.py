"""What is left of a search's time, and what still fits into it."""

from __future__ import annotations

import time
from collections.abc import Callable


class Budget:
    """Seconds of wall time from now on.

    trial_s: what one trial takes, as seen so far: the longest, since neither may pass the end.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds, self._clock = seconds, clock
        self._start_s = clock()
        self.trial_s = 0.0
        self._pair_s = 0.0

    @property
    def spent_s(self) -> float:
        """Since the start."""
        return self._clock() - self._start_s

    @property
    def left_s(self) -> float:
        """Until the end; 0 behind it."""
        return max(self.seconds - self.spent_s, 0.0)

    @property
    def pair_s(self) -> float:
        """What a pair takes: two processes start at once, and load one after the other."""
        return self._pair_s or 1.6 * self.trial_s

    def trial_took(self, seconds: float) -> None:
        """One more trial has been seen."""
        self.trial_s = seconds if not self.trial_s else 0.5 * (self.trial_s + seconds)

    def pair_took(self, seconds: float) -> None:
        """One more pair has been seen."""
        self._pair_s = seconds

    def fits(self, seconds: float, until: float = 1.0, reserve_s: float = 0.0) -> bool:
        """Whether so much ends before a share of the budget is over, and leaves a reserve before its end.

        until: above 1 for what may take longer than the budget.
        """
        end_s = self.spent_s + seconds
        return end_s <= until * self.seconds and end_s + reserve_s <= max(until, 1.0) * self.seconds
