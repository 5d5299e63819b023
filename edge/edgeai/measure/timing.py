"""The timing loop: warm-up that converges, a steady state that knows when to stop, and paced calls.

Every function takes its clock, so that tests measure exactly; times are nanoseconds of a monotonic clock
inside, seconds in results.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .recorder import Recorder
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

    samples_ns: kept latencies, int64[n], in order; one of every `keep_every` of `runs` calls.
    duration_s: wall time of the whole loop; cpu_s: CPU time of the process in it, all threads.
    sum_ns, min_ns, max_ns: over all runs, kept or not.
    met_rule: whether the stop rule was met, and not cut short by `max_s`.
    half_width: of the p50's interval, as a share of the p50; None with too few samples.
    """

    samples_ns: NDArray[np.int64]
    keep_every: int
    runs: int
    duration_s: float
    cpu_s: float
    sum_ns: int
    min_ns: int
    max_ns: int
    met_rule: bool
    half_width: float | None


@dataclass(frozen=True)
class Paced:
    """Calls started on a fixed schedule.

    samples_ns, keep_every, sum_ns, min_ns, max_ns: as in Steady.
    late: calls that started over one period behind their time, because those before took too long.
    """

    rate_hz: float
    samples_ns: NDArray[np.int64]
    keep_every: int
    runs: int
    late: int
    duration_s: float
    cpu_s: float
    sum_ns: int
    min_ns: int
    max_ns: int


def warm_up(
    call: Call,
    rule: WarmUpRule,
    clock: Clock = time.perf_counter_ns,
    *,
    on_progress: Callable[[], None] = lambda: None,
) -> WarmUp:
    """Call until the block medians agree."""
    start = clock()
    medians: list[float] = []
    block = Recorder(2_000)
    runs = 0
    while True:
        block.clear()
        block_start = now = clock()
        while _block_goes_on(block.runs, now - block_start, rule) and (
            now - start < rule.max_s * SECOND or runs + block.runs < rule.min_runs
        ):
            before = now
            call()
            now = clock()
            block.add(now - before)
        runs += block.runs
        if block.runs:
            medians.append(float(np.median(block.samples_ns)))
        on_progress()
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
    """Time calls back to back until the rule is met.

    on_progress: gets the share of the minimum done, twice a second between calls; like the check of the
    precision it is in no figure, its time is taken off.
    """
    cpu_before, start = cpu_clock(), clock()
    paused_ns = paused_cpu_ns = 0
    next_check = start + round(check_every_s * SECOND)
    min_ns, max_ns = round(rule.min_s * SECOND), round(rule.max_s * SECOND)
    while True:
        before = clock()
        call()
        after = clock()
        recorder.add(after - before)
        elapsed = after - start
        if elapsed >= max_ns or (rule.either and _quick_is_over(recorder.runs, elapsed, min_ns, rule)):
            break
        if after < next_check:
            continue
        cpu_pause = cpu_clock()
        on_progress(min(1.0, elapsed / min_ns) if min_ns else 1.0)
        done = (
            not rule.either
            and recorder.runs >= rule.min_runs
            and elapsed >= min_ns
            and half_width(recorder.samples_ns) <= (rule.precision or math.inf)
        )
        resumed = clock()
        paused_ns += resumed - after
        paused_cpu_ns += cpu_clock() - cpu_pause
        next_check = resumed + round(check_every_s * SECOND)
        if done:
            break
    duration_s = (clock() - start - paused_ns) / SECOND
    cpu_s = (cpu_clock() - cpu_before - paused_cpu_ns) / SECOND
    precise = half_width(recorder.samples_ns)
    if rule.either:
        met = _quick_is_over(recorder.runs, elapsed, min_ns, rule)
    else:
        met = recorder.runs >= rule.min_runs and precise <= (rule.precision or math.inf)
    return Steady(
        recorder.samples_ns,
        recorder.keep_every,
        recorder.runs,
        duration_s,
        cpu_s,
        sum_ns=recorder.sum_ns,
        min_ns=recorder.min_ns,
        max_ns=recorder.max_ns,
        met_rule=met,
        half_width=precise if math.isfinite(precise) else None,
    )


_ROOM_S = 0.02
"""A wait that a look at the machine fits into: that takes up to 5 ms (32 threads, x86)."""


def measure_paced(
    call: Call,
    rate_hz: float,
    duration_s: float,
    recorder: Recorder,
    *,
    clock: Clock = time.perf_counter_ns,
    cpu_clock: Clock = time.process_time_ns,
    sleep: Callable[[float], None] = time.sleep,
    on_progress: Callable[[float], None] = lambda fraction: None,
) -> Paced:
    """Start a call every 1 / rate_hz seconds, or at once where the one before took longer.

    on_progress: gets the share of the calls done, twice a second where the wait for the next call leaves room
    for it, and every ten seconds where there is none: silence would pass for a hang.
    """
    period = SECOND / rate_hz
    planned = max(1, round(duration_s * rate_hz))
    late = 0
    cpu_before, start = cpu_clock(), clock()
    told = start
    for turn in range(planned):
        due = start + round(turn * period)
        now = clock()
        roomy = due - now > _ROOM_S * SECOND and due - told > SECOND // 2
        if turn and (roomy or now - told > 10 * SECOND):
            on_progress(turn / planned)
            told = now
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
    return Paced(
        rate_hz,
        recorder.samples_ns,
        recorder.keep_every,
        recorder.runs,
        late,
        wall_s,
        cpu_s,
        sum_ns=recorder.sum_ns,
        min_ns=recorder.min_ns,
        max_ns=recorder.max_ns,
    )


def _agree(medians: list[float], rule: WarmUpRule) -> bool:
    last = medians[-rule.blocks :]
    return len(last) == rule.blocks and max(last) <= min(last) * (1 + rule.tolerance)


def half_width(samples_ns: NDArray[np.int64]) -> float:
    """Half of the p50's 95 % interval as a share of the p50; infinite with too few samples."""
    p50: Any = percentile(samples_ns, 0.5)
    return math.inf if p50 is None or p50.value <= 0 else float((p50.high - p50.low) / 2 / p50.value)


def _block_goes_on(runs: int, elapsed_ns: int, rule: WarmUpRule) -> bool:
    """A block has `block_runs`, but of a slow model only as many as fit into five times its length."""
    if runs == 0 or elapsed_ns < rule.block_s * SECOND:
        return True
    return runs < rule.block_runs and elapsed_ns < 5 * rule.block_s * SECOND


def _quick_is_over(runs: int, elapsed_ns: int, min_ns: int, rule: StopRule) -> bool:
    """`min_runs` or `min_s`, whichever comes first.

    A quarter of the time is the least even for a model of microseconds: 100 of those are over before the
    scheduler's first tick. And three runs are the least, without which two processes give no p50.
    """
    if elapsed_ns >= min_ns:
        return runs >= min(3, rule.min_runs)
    return runs >= rule.min_runs and elapsed_ns >= min_ns // 4
