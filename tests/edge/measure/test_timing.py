"""The timing loop, exact to the nanosecond on a clock that moves only when told, and once on a real one."""

from __future__ import annotations

import itertools
import time
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeai.measure.statistics import percentile
from edgeai.measure.timing import (
    QUICK_STOP,
    QUICK_WARM_UP,
    Recorder,
    StopRule,
    WarmUpRule,
    measure_paced,
    measure_steady,
    warm_up,
)
from edgeai.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def a_model(clock: FakeClock, durations_s: Iterable[float]) -> Callable[[], None]:
    """A call that takes each of the durations in turn."""
    durations = iter(durations_s)
    return lambda: clock.advance(next(durations))


def forever(*durations_s: float) -> Iterable[float]:
    return itertools.cycle(durations_s)


# --- warm-up


def test_a_steady_model_is_warm_after_three_agreeing_blocks_and_a_second() -> None:
    clock = FakeClock()
    warm = warm_up(a_model(clock, forever(0.010)), WarmUpRule(), clock)
    # Blocks are 0.1 s here, so three agree after 0.3 s; the second that is asked for comes later.
    assert (warm.runs, warm.duration_s, warm.converged) == (100, 1.0, True)


def test_a_slow_model_is_warm_after_three_blocks_of_five_runs() -> None:
    clock = FakeClock()
    warm = warm_up(a_model(clock, forever(0.5)), WarmUpRule(), clock)
    assert (warm.runs, warm.duration_s, warm.converged) == (15, 7.5, True)


def test_blocks_before_the_last_three_do_not_matter() -> None:
    clock = FakeClock()
    falling = [0.5] * 5 + [0.3] * 5 + [0.2] * 5 + [0.203] * 5 + [0.1999] * 5
    warm = warm_up(a_model(clock, falling), WarmUpRule(), clock)
    assert (warm.runs, warm.converged) == (25, True)


def test_blocks_that_differ_by_over_two_percent_do_not_agree() -> None:
    clock = FakeClock()
    blocks = [0.2] * 5 + [0.2] * 5 + [0.205] * 5 + [0.205] * 5 + [0.205] * 5
    warm = warm_up(a_model(clock, blocks), WarmUpRule(), clock)
    assert (warm.runs, warm.converged) == (25, True)


def test_a_model_that_never_settles_is_given_up_at_the_cap() -> None:
    clock = FakeClock()
    slower_and_slower = (0.1 * 1.02**turn for turn in itertools.count())
    warm = warm_up(a_model(clock, slower_and_slower), WarmUpRule(max_s=30.0), clock)
    assert not warm.converged
    # The call during which the cap fell is the last.
    assert 30.0 <= warm.duration_s < 31.0


def test_quick_mode_gives_up_after_three_seconds() -> None:
    clock = FakeClock()
    warm = warm_up(a_model(clock, (0.1 * 1.05**turn for turn in itertools.count())), QUICK_WARM_UP, clock)
    assert not warm.converged
    assert 3.0 <= warm.duration_s < 3.4


def test_a_model_of_minutes_still_runs_five_times() -> None:
    clock = FakeClock()
    warm = warm_up(a_model(clock, forever(60.0)), WarmUpRule(), clock)
    assert (warm.runs, warm.duration_s, warm.converged) == (5, 300.0, False)


@pytest.mark.parametrize("cap_s", [0.0, 0.5])
def test_a_cap_below_a_second_ends_the_warm_up_all_the_same(cap_s: float) -> None:
    clock = FakeClock()
    warm = warm_up(a_model(clock, forever(0.2)), WarmUpRule(min_s=cap_s, max_s=cap_s), clock)
    assert (warm.runs, warm.converged) == (5, False)


# --- steady state


def test_latencies_are_exact_to_the_nanosecond() -> None:
    clock = FakeClock()
    durations_ns = [1_000_001, 999_999, 123_456_789, 1]
    measured = measure_steady(
        a_model(clock, [ns / 1e9 for ns in durations_ns]),
        StopRule(min_runs=4, min_s=0.0, precision=None),
        Recorder(),
        clock=clock,
        cpu_clock=FakeClock(),
        check_every_s=0.0,
    )
    assert measured.samples_ns.tolist() == durations_ns
    assert (measured.runs, measured.keep_every) == (4, 1)
    assert measured.duration_s == sum(durations_ns) / 1e9


def test_a_clock_that_costs_something_adds_one_reading_to_each_latency() -> None:
    clock = FakeClock(step_ns=50)
    measured = measure_steady(
        a_model(clock, forever(0.001)),
        StopRule(min_runs=10, min_s=0.0, max_s=1.0, precision=None),
        Recorder(),
        clock=clock,
        cpu_clock=FakeClock(),
    )
    assert set(measured.samples_ns.tolist()) == {1_000_050}


def steady(durations_s: Iterable[float], rule: StopRule) -> tuple[int, float]:
    """Runs and seconds that a model takes under a rule."""
    clock = FakeClock()
    measured = measure_steady(
        a_model(clock, durations_s), rule, Recorder(), clock=clock, cpu_clock=FakeClock()
    )
    return measured.runs, measured.duration_s


def test_a_slow_model_runs_at_least_300_times() -> None:
    assert steady(forever(0.1), StopRule()) == (300, 30.0)


def test_a_fast_model_runs_for_at_least_ten_seconds() -> None:
    assert steady(forever(0.001), StopRule()) == (10_000, 10.0)


def test_a_very_slow_model_stops_at_the_limit_with_fewer_runs() -> None:
    assert steady(forever(50.0), StopRule()) == (3, 150.0)


@pytest.mark.parametrize("precision", [0.01, 0.005])
def test_a_noisy_model_runs_on_until_its_median_is_precise_enough(precision: float) -> None:
    clock = FakeClock()
    durations = np.random.default_rng(5).uniform(0.0455, 0.0545, 10_000).tolist()
    measured = measure_steady(
        a_model(clock, durations),
        StopRule(min_runs=20, min_s=1.0, precision=precision),
        Recorder(),
        clock=clock,
        cpu_clock=FakeClock(),
    )

    def is_precise(runs: int) -> bool:
        p50 = percentile(measured.samples_ns[:runs], 0.5)
        assert p50 is not None
        assert p50.low is not None
        assert p50.high is not None
        return (p50.high - p50.low) / 2 <= precision * p50.value

    assert is_precise(measured.runs)
    assert not any(is_precise(runs) for runs in (20, 30, 40, 50, 60))
    assert measured.runs > 60


def test_a_model_of_two_speeds_never_gets_precise_and_stops_at_the_limit() -> None:
    runs, duration_s = steady(forever(0.05, 0.15), StopRule())
    assert (runs, duration_s) == pytest.approx((1200, 120.0))


def test_without_a_precision_the_minimum_is_enough() -> None:
    assert steady(forever(0.05, 0.15), StopRule(precision=None)) == pytest.approx((300, 30.0))


@pytest.mark.parametrize(
    ("duration_s", "runs", "seconds"),
    [
        (0.01, 100, 1.0),  # 100 runs come first
        (0.1, 20, 2.0),  # 2 s come first
        (0.001, 500, 0.5),  # 100 runs are over at once: a quarter of the time is the least
        (3.0, 1, 3.0),
    ],
)
def test_quick_mode_stops_at_100_runs_or_two_seconds(duration_s: float, runs: int, seconds: float) -> None:
    assert steady(forever(duration_s), QUICK_STOP) == pytest.approx((runs, seconds))


def test_progress_is_the_share_of_the_minimum_and_never_more_than_all() -> None:
    clock = FakeClock()
    seen: list[float] = []
    measure_steady(
        a_model(clock, forever(0.5)),
        StopRule(min_runs=30, min_s=10.0, precision=None),
        Recorder(),
        clock=clock,
        cpu_clock=FakeClock(),
        on_progress=seen.append,
    )
    assert seen[:3] == [0.05, 0.1, 0.15]
    assert seen[19:] == [1.0] * 11


def test_cpu_seconds_are_those_of_the_loop_only() -> None:
    clock, cpu = FakeClock(), FakeClock()
    cpu.advance(7.0)

    def call() -> None:
        clock.advance(0.1)
        cpu.advance(0.25)  # two and a half threads

    rule = StopRule(min_runs=10, min_s=0.0, precision=None)
    measured = measure_steady(call, rule, Recorder(), clock=clock, cpu_clock=cpu)
    assert measured.runs == 10
    assert measured.cpu_s == pytest.approx(2.5)


def test_an_error_of_the_model_is_passed_on() -> None:
    def call() -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        measure_steady(call, StopRule(), Recorder(), clock=FakeClock())


def test_twenty_milliseconds_are_measured_as_twenty_milliseconds() -> None:
    def busy() -> None:
        until = time.perf_counter_ns() + 20_000_000
        while time.perf_counter_ns() < until:
            pass

    # Three tries: on a shared machine another process may own the core for a while, which no timer can
    # see past; a clock or a loop that were wrong would be wrong every time.
    for _ in range(3):
        measured = measure_steady(busy, StopRule(min_runs=30, min_s=0.0, precision=None), Recorder())
        error_ms = abs(float(np.median(measured.samples_ns)) / 1e6 - 20.0)
        if error_ms <= 0.2:
            break
    assert error_ms <= 0.2
    assert measured.samples_ns.min() >= 20_000_000


# --- recorder


def test_100_000_calls_are_kept_evenly_in_a_buffer_of_1000() -> None:
    recorder = Recorder(capacity=1000)
    for latency in range(100_000):
        recorder.add(latency)
    assert recorder.runs == 100_000
    assert recorder.keep_every == 128
    assert recorder.samples_ns.tolist() == list(range(0, 100_000, 128))


def test_recording_allocates_no_more_than_half_a_buffer() -> None:
    recorder = Recorder(capacity=1000)
    tracemalloc.start()
    for latency in range(100_000):
        recorder.add(latency)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 500 * 8 + 2000


@settings(deadline=None)  # machines are noisy
@given(st.integers(1, 40), st.integers(0, 400))
def test_what_is_kept_is_each_k_th_call_in_order_whatever_the_capacity(capacity: int, calls: int) -> None:
    recorder = Recorder(capacity)
    for latency in range(calls):
        recorder.add(latency)
    kept = recorder.samples_ns.tolist()
    assert len(kept) <= max(2, capacity)
    assert kept == list(range(0, calls, recorder.keep_every))
    assert len(kept) >= min(calls, capacity // 2)


# --- paced calls


def test_calls_start_on_their_schedule() -> None:
    clock = FakeClock()
    starts: list[float] = []

    def call() -> None:
        starts.append(clock.now_ns / 1e9)
        clock.advance(0.030)

    paced = measure_paced(
        call, 10.0, 1.0, Recorder(), clock=clock, cpu_clock=FakeClock(), sleep=clock.advance
    )
    assert starts == [pytest.approx(turn / 10) for turn in range(10)]
    assert (paced.runs, paced.late, paced.duration_s) == (10, 0, 1.0)
    assert paced.runs / paced.duration_s == paced.rate_hz == 10.0
    assert paced.samples_ns.tolist() == [30_000_000] * 10


def test_a_schedule_of_thirds_does_not_drift() -> None:
    clock = FakeClock()
    starts: list[int] = []

    def call() -> None:
        starts.append(clock.now_ns)
        clock.advance(0.001)

    measure_paced(call, 3.0, 100.0, Recorder(), clock=clock, cpu_clock=FakeClock(), sleep=clock.advance)
    assert len(starts) == 300
    assert starts[-1] == round(299 * 1e9 / 3)


def test_one_slow_call_makes_those_late_that_start_over_a_period_behind() -> None:
    clock = FakeClock()
    durations = [0.45] + [0.01] * 9
    paced = measure_paced(
        a_model(clock, durations),
        10.0,
        1.0,
        Recorder(),
        clock=clock,
        cpu_clock=FakeClock(),
        sleep=clock.advance,
    )
    # Due at 0.1, 0.2, 0.3, 0.4 s; started at 0.45, 0.46, 0.47, 0.48 s: three are over 0.1 s behind.
    assert paced.late == 3
    assert paced.samples_ns.tolist() == [450_000_000] + [10_000_000] * 9
    assert paced.duration_s == 1.0


def test_a_model_that_is_too_slow_for_the_rate_says_so_by_the_rate_reached() -> None:
    clock = FakeClock()
    paced = measure_paced(
        a_model(clock, forever(0.2)),
        10.0,
        1.0,
        Recorder(),
        clock=clock,
        cpu_clock=FakeClock(),
        sleep=clock.advance,
    )
    assert (paced.runs, paced.duration_s) == pytest.approx((10, 2.0))
    assert paced.runs / paced.duration_s == pytest.approx(5.0)
    assert paced.late == 8  # turn n starts 0.1 n behind; exactly one period does not count


def test_a_rate_below_one_call_in_the_window_still_makes_one() -> None:
    clock = FakeClock()
    paced = measure_paced(
        a_model(clock, forever(0.2)),
        1 / 60,
        10.0,
        Recorder(),
        clock=clock,
        cpu_clock=FakeClock(),
        sleep=clock.advance,
    )
    assert (paced.runs, paced.duration_s) == (1, 60.0)


def test_paced_calls_past_the_buffer_say_how_many_are_kept() -> None:
    clock = FakeClock()
    paced = measure_paced(
        a_model(clock, forever(0.0001)),
        1000.0,
        1.0,
        Recorder(capacity=300),
        clock=clock,
        cpu_clock=FakeClock(),
        sleep=clock.advance,
    )
    assert (paced.runs, paced.keep_every, len(paced.samples_ns)) == (1000, 4, 250)


def test_cpu_seconds_of_paced_calls_do_not_count_the_sleep() -> None:
    clock, cpu = FakeClock(), FakeClock()

    def call() -> None:
        clock.advance(0.01)
        cpu.advance(0.01)

    paced = measure_paced(call, 10.0, 1.0, Recorder(), clock=clock, cpu_clock=cpu, sleep=clock.advance)
    assert paced.cpu_s == pytest.approx(0.1)
