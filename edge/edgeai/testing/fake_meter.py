"""A meter of a course of power that is given."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..power.meter import COUNTER_J, GAUGE_W, ErrorModel, MeterInfo, Rail, ReadFailed
from .power_traces import Cumulative

_SPAN_S = 1e-3
"""What a gauge averages over where nobody says: short against anything that is measured."""


class FakeMeter:
    """See `edgeai.power.Meter`: two rails that share the power evenly, and one inside the first.

    trace: joules since the meter was made. kind: COUNTER_J or GAUGE_W. wrap_j: where a rail's counter starts
    again. update_s: values stand still for so long. fails: whether the n-th read (from 0) gives nothing.
    """

    def __init__(
        self,
        trace: Cumulative,
        kind: str = COUNTER_J,
        *,
        wrap_j: float | None = None,
        update_s: float | None = None,
        fails: Callable[[int], bool] = lambda number: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if kind not in (COUNTER_J, GAUGE_W):
            raise ValueError(f"{kind!r} is no kind of meter; the kinds are {COUNTER_J} and {GAUGE_W}")
        wrap_j = wrap_j if kind == COUNTER_J else None
        self.info = MeterInfo(
            name="fake",
            scope="made up",
            kind=kind,
            rails=(Rail("a", wrap_j=wrap_j), Rail("b", wrap_j=wrap_j), Rail("a core", False, wrap_j)),
            update_s=update_s,
            error=ErrorModel(
                0.001, 0.0, 0.0, "made up: it is exact, and 0.1 % is small beside what is tested"
            ),
        )
        self._trace, self._update_s, self._wrap_j = trace, update_s, wrap_j
        self._fails, self._clock = fails, clock
        self._began_s = clock()
        self._number = 0
        self._is_closed = False

    def read(self) -> tuple[float, ...]:
        """J since the beginning, or W now. Raises ReadFailed where told to, and once it is closed."""
        number, self._number = self._number, self._number + 1
        if self._is_closed or self._fails(number):
            raise ReadFailed("the fake meter gives nothing")
        half = self._total() / 2
        values = (half, half, half / 2)
        return values if self._wrap_j is None else tuple(value % self._wrap_j for value in values)

    def close(self) -> None:
        """From now on reads fail."""
        self._is_closed = True

    def _total(self) -> float:
        now_s = self._clock() - self._began_s
        if self._update_s:
            now_s = now_s // self._update_s * self._update_s
        if self.info.kind == COUNTER_J:
            return self._trace(now_s)
        span_s = self._update_s or _SPAN_S
        return (self._trace(now_s + span_s) - self._trace(now_s)) / span_s
