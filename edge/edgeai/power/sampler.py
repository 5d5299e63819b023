"""Reads a meter again and again beside what is measured, and keeps when each read was.

When: at a moment drawn by lot within each period (stratified sampling), so that reading cannot fall into
step with a load that comes and goes, and the mean of what is seen is right for a load of any shape.

    with Sampler(meter) as sampler:      # a daemon thread; the meter stays its owner's, who closes it
        ...
        trace = sampler.trace()

    sampler = Sampler(meter, clock=clock.now, sleep=clock.sleep)      # a device that is played: no thread
    sampler.run_until(60.0)
"""

from __future__ import annotations

import math
import random
import statistics
import threading
import time
from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING

from .meter import COUNTER_J, ReadFailed
from .trace import Span, Trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from .meter import Meter, MeterInfo

COUNTER_PERIOD_S = 0.1
"""A counter forgets nothing between two reads. Reading RAPL 1,000 times a second was seen to cost up to half
of the run time (arXiv 2604.26815)."""
GAUGE_PERIOD_S = 0.1
"""Of a gauge whose update period nobody publishes; what others settled on for a Raspberry Pi 5's PMIC."""
SHORTEST_PERIOD_S = 0.01
ENDS_WITHIN_S = 2.0
"""So long a read that hangs may hold up `pause` and `close`; then it is left behind and counts as a gap."""
MOST_NUMBERS = 1_000_000
"""Numbers that are kept (8 MB). Beyond it every second read is dropped, and half as many are made from then
on: a gauge of three rails at 17 ms gets there after an hour."""


def usual_period_s(info: MeterInfo) -> float:
    """How often to read: a counter 10 times a second, a gauge twice in its update period, at most 100 Hz."""
    if info.kind == COUNTER_J:
        return COUNTER_PERIOD_S
    if info.update_s is None:
        return GAUGE_PERIOD_S
    return max(info.update_s / 2, SHORTEST_PERIOD_S)


class Sampler:
    """Samples a meter from `start` (or `with`) to `close`; `trace` can be had at any time, also afterwards.

    period_s: mean time between reads, `usual_period_s` of the meter where not given. clock: seconds of
    `time.monotonic`, or of a played device. sleep, lot: how `run_until` waits, and what draws from [0, 1).
    """

    def __init__(
        self,
        meter: Meter,
        period_s: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        lot: Callable[[], float] = random.random,
        most_numbers: int = MOST_NUMBERS,
    ) -> None:
        self._meter = meter
        self._period_s = usual_period_s(meter.info) if period_s is None else period_s
        self._clock, self._sleep, self._lot = clock, sleep, lot
        self._reads = _Reads(len(meter.info.rails), most_numbers)
        self._lock = threading.Lock()  # of what is kept; never held while a meter is read
        self._reading = threading.Lock()
        self._awake = threading.Event()  # set: the thread's wait is cut short
        self._closing = self._ended = False
        self._paused_at: float | None = None
        self._pauses: list[Span] = []
        self._stratum: float | None = None
        self._broken: BaseException | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Sampler:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def hung(self) -> bool:
        """Whether a read never came back and its thread was left behind at the end."""
        return self._closing and self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Read in a daemon thread from now on."""
        self._thread = threading.Thread(target=self._loop, name="power sampler", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reading, within 2 s even where a read hangs. The meter stays open: its owner closes it."""
        if self._closing:
            return
        self._closing = True
        self._awake.set()
        if self._thread is not None:
            self._thread.join(ENDS_WITHIN_S)
            if self._thread.is_alive():
                self._keep_failure(self._clock())
        with self._lock:
            self._ended = True

    def pause(self) -> None:
        """Read no more until `resume`. A read that is going on is waited for."""
        with self._lock:
            if self._paused_at is not None:
                return
            self._paused_at = self._clock()
        if self._reading.acquire(timeout=ENDS_WITHIN_S):
            self._reading.release()

    def resume(self) -> None:
        """Read again."""
        with self._lock:
            if self._paused_at is None:
                return
            self._pauses.append(Span(self._paused_at, self._clock()))
            self._paused_at = None
            self._stratum = None
        self._awake.set()

    def sample_once(self) -> None:
        """Read the meter now, unless paused, and keep what it gave or that it gave nothing."""
        with self._reading:
            if self._paused_at is not None:
                return
            begin = self._clock()
            try:
                values = self._meter.read()
            except (ReadFailed, OSError):
                values = ()
            end = self._clock()
        if len(values) == self._reads.rails and all(map(math.isfinite, values)):
            self._keep((begin + end) / 2, end - begin, values)
        else:
            self._keep_failure((begin + end) / 2)

    def run_until(self, end_s: float) -> None:
        """Sample in this thread, by the given clock and sleep, until the clock is there."""
        while (due := self._next_due()) < end_s:
            self._sleep(max(due - self._clock(), 0.0))
            self.sample_once()
        self._stratum = None
        self._sleep(max(end_s - self._clock(), 0.0))

    def trace(self, since_s: float = -math.inf) -> Trace:
        """What was read until now, from a moment on. Raises what the meter's code stumbled over, if any."""
        if self._broken is not None:
            raise self._broken
        with self._lock:
            pauses = list(self._pauses)
            if self._paused_at is not None:
                pauses.append(Span(self._paused_at, self._clock()))
            return self._reads.trace(self._meter.info, since_s, self._period_s, tuple(pauses))

    def _loop(self) -> None:
        try:
            while not self._closing:
                self._awake.clear()
                wait = None if self._paused_at is not None else max(self._next_due() - self._clock(), 0.0)
                if self._closing or self._awake.wait(wait):
                    continue
                self.sample_once()
        except BaseException as error:  # raised again where the trace is asked for
            self._broken = error

    def _next_due(self) -> float:
        """A moment drawn from the next period; periods that have gone by meanwhile are left out."""
        now = self._clock()
        begin = now if self._stratum is None else self._stratum + self._period_s
        if begin + self._period_s < now:
            begin = now
        self._stratum = begin
        return begin + self._lot() * self._period_s

    def _keep(self, time_s: float, read_s: float, values: tuple[float, ...]) -> None:
        with self._lock:
            if self._ended:
                return  # a read that hung came back after all
            if self._reads.keep(time_s, read_s, values):
                self._period_s *= 2

    def _keep_failure(self, time_s: float) -> None:
        with self._lock:
            if not self._ended:
                self._reads.failed.append(time_s)


class _Reads:
    """What was read, as plain numbers in arrays."""

    def __init__(self, rails: int, most_numbers: int) -> None:
        self.rails = rails
        self.failed = array("d")
        self._most = max(most_numbers // (rails + 2), 2)
        self._times, self._durations, self._values = array("d"), array("d"), array("d")

    def keep(self, time_s: float, read_s: float, values: tuple[float, ...]) -> bool:
        """Add a read; whether there were so many that every second one was dropped."""
        if self._times and time_s <= self._times[-1]:
            return False  # two reads at one moment are one
        self._times.append(time_s)
        self._durations.append(read_s)
        self._values.extend(values)
        if len(self._times) < self._most:
            return False
        self._thin()
        return True

    def trace(self, info: MeterInfo, since_s: float, period_s: float, pauses: tuple[Span, ...]) -> Trace:
        first = bisect_left(self._times, since_s)
        flat, rails = self._values, self.rails
        return Trace(
            info,
            tuple(self._times[first:]),
            tuple(tuple(flat[i * rails : (i + 1) * rails]) for i in range(first, len(self._times))),
            tuple(time_s for time_s in self.failed if time_s >= since_s),
            statistics.median(self._durations) if self._durations else 0.0,
            period_s,
            pauses,
        )

    def _thin(self) -> None:
        kept = array("d")
        for i in range(0, len(self._times), 2):
            kept.extend(self._values[i * self.rails : (i + 1) * self.rails])
        self._values = kept
        self._times, self._durations = self._times[::2], self._durations[::2]
        self.failed = self.failed[-self._most :]
