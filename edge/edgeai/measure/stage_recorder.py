"""Keeps what every stage of a pipeline took beside the latency of the whole call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .protocol import StageSamples
from .recorder import Recorder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..pipeline.result import StageTime

_PRE, _RUN, _POST, _RUNS = range(4)


class StageRecorder(Recorder):
    """A recorder of calls that go through stages: of a call that is kept, the stages' times are kept too.

    names: of the stages. take: gives what the last call's stages took, in that order; nothing where it did
    not get to them. It is asked outside of what is timed.
    """

    # A quarter of what is kept of a bare model: each call has several figures.
    CAPACITY = 5_000

    def __init__(
        self,
        names: Sequence[str],
        take: Callable[[], Sequence[StageTime]],
        capacity: int = CAPACITY,
    ) -> None:
        super().__init__(capacity)
        self._names, self._take = tuple(names), take
        # Ones, as in the buffer of latencies: zeros would be mapped only when they are written.
        self._stages: NDArray[np.float64] = np.ones((len(self._buffer), len(self._names), 4))

    def add(self, latency_ns: int) -> None:
        """Count one call; the lot that keeps its latency keeps its stages."""
        is_kept = self._turn == self._place
        super().add(latency_ns)
        if not is_kept:
            return
        row = self._stages[self._kept - 1]
        row[:] = 0.0
        for place, spent in enumerate(self._take()):
            row[place] = spent.pre_s, spent.run_s, spent.post_s, spent.runs

    def samples(self) -> tuple[StageSamples, ...]:
        """What was kept, by stage."""
        kept = self._stages[: self._kept]
        return tuple(
            StageSamples(
                name,
                pre_ns=_ns(kept[:, place, _PRE]),
                run_ns=_ns(kept[:, place, _RUN]),
                post_ns=_ns(kept[:, place, _POST]),
                runs=tuple(int(count) for count in kept[:, place, _RUNS]),
            )
            for place, name in enumerate(self._names)
        )

    def _halve(self) -> None:
        self._kept //= 2
        for pair in range(self._kept):
            drawn = 2 * pair + self._random.getrandbits(1)
            self._buffer[pair] = self._buffer[drawn]
            self._stages[pair] = self._stages[drawn]
        self.keep_every *= 2


def _ns(seconds: NDArray[np.float64]) -> tuple[int, ...]:
    return tuple(int(value) for value in np.rint(seconds * 1e9))
