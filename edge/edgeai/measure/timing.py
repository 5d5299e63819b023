"""The timing loop: warm-up that converges, a steady state that knows when to stop, and paced calls.

Every function takes its clock, so that tests measure exactly; times are nanoseconds of a monotonic clock
inside, seconds in results.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .statistics import percentile

if TYPE_CHECKING:
    from numpy.typing import NDArray

Call = Callable[[], object]
Clock = Callable[[], int]
"""Monotonic nanoseconds, as time.perf_counter_ns."""

SECOND = 1_000_000_000


@dataclass(frozen=True)
class WarmUpRule:
    """When a model counts as warm: `blocks` block medians in a row within `tolerance`, not before
    `min_runs` and `min_s`, not after `max_s` (then it is not converged)."""

    min_runs: int = 5
    min_s: float = 1.0
    max_s: float = 30.0
    blocks: int = 3
    tolerance: float = 0.02
    block_runs: int = 5
    block_s: float = 0.1


@dataclass(frozen=True)
class StopRule:
    """When the steady state has been measured.

    At least `min_runs` and `min_s`, and the p50's 95 % interval within ±`precision`; at most `max_s`.
    `precision` None asks for no precision. `either` (quick mode): `min_runs` or `min_s`, whichever comes
    first.
    """

    min_runs: int = 300
    min_s: float = 10.0
    max_s: float = 120.0
    precision: float | None = 0.01
    either: bool = False


QUICK_WARM_UP = WarmUpRule(max_s=3.0)
"""Quick mode gives up on convergence early, and says so."""
QUICK_STOP = StopRule(min_runs=100, min_s=2.0, max_s=30.0, precision=None, either=True)


@dataclass(frozen=True)
class WarmUp:
    """What the warm-up took."""

    runs: int
    duration_s: float
    converged: bool


@dataclass(frozen=True)
class Steady:
    """The steady state.

    samples_ns: kept latencies, int64[n], in order; every `keep_every`-th of `runs` calls.
    duration_s: wall time of the whole loop; cpu_s: CPU time of the process in it, all threads.
    """

    samples_ns: NDArray[np.int64]
    keep_every: int
    runs: int
    duration_s: float
    cpu_s: float


@dataclass(frozen=True)
class Paced:
    """Calls started on a fixed schedule.

    samples_ns, keep_every: as in Steady.
    late: calls that started over one period behind their time, because those before took too long.
    """

    rate_hz: float
    samples_ns: NDArray[np.int64]
    keep_every: int
    runs: int
    late: int
    duration_s: float
    cpu_s: float


class Recorder:
    """Keeps latencies in a fixed buffer, so that recording neither grows nor shows up in the RAM measured.

    When the buffer is full, every other sample is dropped and from then on only every second is kept, and so
    on: what is kept is always each `keep_every`-th call, evenly over the run.
    """

    def __init__(self, capacity: int = 20_000) -> None:
        # An odd one would halve unevenly, and keep one call out of turn.
        self._buffer: NDArray[np.int64] = np.zeros(max(2, capacity // 2 * 2), dtype=np.int64)
        self._kept = 0
        self._until_next = 1
        self.keep_every = 1
        self.runs = 0

    def add(self, latency_ns: int) -> None:
        """Count one call and keep its latency if its turn has come."""
        self.runs += 1
        self._until_next -= 1
        if self._until_next:
            return
        if self._kept == len(self._buffer):
            half = self._buffer[::2].copy()
            self._kept = len(half)
            self._buffer[: self._kept] = half
            self.keep_every *= 2
        self._buffer[self._kept] = latency_ns
        self._kept += 1
        self._until_next = self.keep_every

    @property
    def samples_ns(self) -> NDArray[np.int64]:
        """The kept latencies in order, a view."""
        return self._buffer[: self._kept]


def warm_up(call: Call, rule: WarmUpRule, clock: Clock = time.perf_counter_ns) -> WarmUp:
    """Call until the block medians agree."""
    start = clock()
    medians: list[float] = []
    runs = 0
    while True:
        block: list[int] = []
        block_start = now = clock()
        # A block is cut short by the cap, so that a model of seconds does not overrun it by a block.
        while (len(block) < rule.block_runs or now - block_start < rule.block_s * SECOND) and (
            now - start < rule.max_s * SECOND or runs + len(block) < rule.min_runs
        ):
            before = now
            call()
            now = clock()
            block.append(now - before)
        runs += len(block)
        if block:
            medians.append(float(np.median(block)))
        duration_s = (now - start) / SECOND
        if runs >= rule.min_runs and duration_s >= rule.min_s and _agree(medians, rule):
            return WarmUp(runs, duration_s, converged=True)
        if duration_s >= rule.max_s and runs >= rule.min_runs:
            return WarmUp(runs, duration_s, converged=False)


def measure_steady(
    call: Call,
    rule: StopRule,
    recorder: Recorder,
    *,
    clock: Clock = time.perf_counter_ns,
    cpu_clock: Clock = time.process_time_ns,
    on_progress: Callable[[float], None] = lambda fraction: None,
    check_every_s: float = 0.5,
) -> Steady:
    """Time calls back to back until the rule is met. `on_progress` gets the share of the minimum done."""
    cpu_before, start = cpu_clock(), clock()
    next_check = start + round(check_every_s * SECOND)
    min_ns, max_ns = round(rule.min_s * SECOND), round(rule.max_s * SECOND)
    while True:
        before = clock()
        call()
        after = clock()
        recorder.add(after - before)
        elapsed = after - start
        enough_runs = recorder.runs >= rule.min_runs
        if rule.either:
            # A quarter of the time is the least even for a model of microseconds: 100 of those are over
            # before the scheduler's first tick.
            if elapsed >= min_ns or (enough_runs and elapsed >= min_ns // 4):
                break
        elif elapsed >= max_ns:
            break
        if after < next_check:
            continue
        next_check = after + round(check_every_s * SECOND)
        on_progress(min(1.0, elapsed / min_ns) if min_ns else 1.0)
        if not rule.either and enough_runs and elapsed >= min_ns and _is_precise(recorder, rule.precision):
            break
    duration_s = (clock() - start) / SECOND
    cpu_s = (cpu_clock() - cpu_before) / SECOND
    return Steady(recorder.samples_ns, recorder.keep_every, recorder.runs, duration_s, cpu_s)


def measure_paced(
    call: Call,
    rate_hz: float,
    duration_s: float,
    recorder: Recorder,
    *,
    clock: Clock = time.perf_counter_ns,
    cpu_clock: Clock = time.process_time_ns,
    sleep: Callable[[float], None] = time.sleep,
) -> Paced:
    """Start a call every 1 / rate_hz seconds, or at once where the one before took longer."""
    period = SECOND / rate_hz
    planned = max(1, round(duration_s * rate_hz))
    late = 0
    cpu_before, start = cpu_clock(), clock()
    for turn in range(planned):
        due = start + round(turn * period)
        wait = due - clock()
        if wait > 0:
            sleep(wait / SECOND)
        before = clock()
        late += before - due > period
        call()
        recorder.add(clock() - before)
    # The last call's period belongs to the window, so that the rate reached can equal the rate asked for.
    rest = start + round(planned * period) - clock()
    if rest > 0:
        sleep(rest / SECOND)
    wall_s = (clock() - start) / SECOND
    cpu_s = (cpu_clock() - cpu_before) / SECOND
    return Paced(rate_hz, recorder.samples_ns, recorder.keep_every, recorder.runs, late, wall_s, cpu_s)


def _agree(medians: list[float], rule: WarmUpRule) -> bool:
    last = medians[-rule.blocks :]
    return len(last) == rule.blocks and max(last) <= min(last) * (1 + rule.tolerance)


def _is_precise(recorder: Recorder, precision: float | None) -> bool:
    if precision is None:
        return True
    p50: Any = percentile(recorder.samples_ns, 0.5)
    return p50 is not None and (p50.high - p50.low) / 2 <= precision * p50.value
