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

from edgeai.measure.recorder import Recorder
from edgeai.measure.statistics import percentile
from edgeai.measure.timing import (
    QUICK_STOP,
    QUICK_WARM_UP,
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


@pytest.mark.parametrize(
    ("duration_s", "runs"),
    [
        (0.1, 15),  # five runs fit in the half second of a block: three blocks of five
        (0.2, 9),  # three do
        (0.5, 5),  # one does, and five runs are the least
        (2.0, 5),
    ],
)
def test_a_block_holds_as_many_runs_of_a_slow_model_as_fit(duration_s: float, runs: int) -> None:
    clock = FakeClock()
    warm = warm_up(a_model(clock, forever(duration_s)), WarmUpRule(), clock)
    assert (warm.runs, warm.duration_s, warm.converged) == (runs, pytest.approx(runs * duration_s), True)


def test_a_model_of_over_half_a_second_converges_within_the_cap_of_quick_mode() -> None:
    clock = FakeClock()
    warm = warm_up(a_model(clock, forever(0.6)), QUICK_WARM_UP, clock)
    assert (warm.runs, warm.duration_s, warm.converged) == (5, pytest.approx(3.0), True)


def test_progress_of_the_warm_up_is_told_after_each_block() -> None:
    clock = FakeClock()
    told_at_s: list[float] = []
    warm_up(
        a_model(clock, forever(0.1)),
        WarmUpRule(),
        clock,
        on_progress=lambda: told_at_s.append(clock.now_ns / 1e9),
    )
    assert told_at_s == pytest.approx([0.5, 1.0, 1.5])


def test_blocks_before_the_last_three_do_not_matter() -> None:
    clock = FakeClock()
    falling = [0.09] * 5 + [0.08] * 5 + [0.07] * 5 + [0.0705] * 5 + [0.0699] * 5
    warm = warm_up(a_model(clock, falling), WarmUpRule(), clock)
    assert (warm.runs, warm.converged) == (25, True)


def test_blocks_that_differ_by_over_two_percent_do_not_agree() -> None:
    clock = FakeClock()
    blocks = [0.08] * 5 + [0.08] * 5 + [0.082] * 5 + [0.082] * 5 + [0.082] * 5
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
    assert (warm.runs, warm.duration_s, warm.converged) == (5, 300.0, True)


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
        (3.0, 3, 9.0),  # three runs are the least
        (20.0, 2, 40.0),  # but not past the limit of 30 s
    ],
)
def test_quick_mode_stops_at_100_runs_or_two_seconds(duration_s: float, runs: int, seconds: float) -> None:
    assert steady(forever(duration_s), QUICK_STOP) == pytest.approx((runs, seconds))


@pytest.mark.parametrize(
    ("rule", "duration_s", "met"),
    [
        (QUICK_STOP, 3.0, True),
        (QUICK_STOP, 20.0, False),  # 2 runs in 30 s
        (StopRule(), 0.1, True),
        (StopRule(), 1.0, False),  # 120 runs in 120 s
        (StopRule(precision=None), 0.1, True),
        (StopRule(precision=None), 1.0, False),
    ],
)
def test_a_rule_that_the_limit_cut_short_is_not_met(rule: StopRule, duration_s: float, met: bool) -> None:
    clock = FakeClock()
    measured = measure_steady(
        a_model(clock, forever(duration_s)), rule, Recorder(), clock=clock, cpu_clock=FakeClock()
    )
    assert measured.met_rule is met


def test_the_width_of_the_interval_is_told_and_decides() -> None:
    clock = FakeClock()
    measured = measure_steady(
        a_model(clock, forever(0.05, 0.15)), StopRule(), Recorder(), clock=clock, cpu_clock=FakeClock()
    )
    assert not measured.met_rule
    assert measured.half_width == pytest.approx(0.5)
    even = measure_steady(
        a_model(clock, forever(0.1)), StopRule(), Recorder(), clock=clock, cpu_clock=FakeClock()
    )
    assert (even.met_rule, even.half_width) == (True, 0.0)


def test_too_few_runs_have_no_width() -> None:
    clock = FakeClock()
    measured = measure_steady(
        a_model(clock, forever(50.0)), StopRule(), Recorder(), clock=clock, cpu_clock=FakeClock()
    )
    assert (measured.runs, measured.half_width, measured.met_rule) == (3, None, False)


def test_the_time_of_checks_is_in_no_figure() -> None:
    clock, cpu = FakeClock(), FakeClock()

    def call() -> None:
        clock.advance(0.1)
        cpu.advance(0.2)

    def on_progress(share: float) -> None:
        clock.advance(0.03)
        cpu.advance(0.04)

    measured = measure_steady(
        call,
        StopRule(min_runs=50, min_s=0.0, precision=None),
        Recorder(),
        clock=clock,
        cpu_clock=cpu,
        on_progress=on_progress,
    )
    assert measured.runs == 50
    assert clock.now_ns == 5_300_000_000  # ten checks
    assert measured.duration_s == pytest.approx(5.0)
    assert measured.cpu_s == pytest.approx(10.0)
    assert measured.sum_ns == 5_000_000_000


def test_calls_that_alternate_have_their_exact_mean_however_few_are_kept() -> None:
    clock = FakeClock()
    measured = measure_steady(
        a_model(clock, forever(0.001, 0.002)),
        StopRule(min_runs=100_000, min_s=0.0, max_s=1e6, precision=None),
        Recorder(capacity=4000),
        clock=clock,
        cpu_clock=FakeClock(),
        check_every_s=0.0,
    )
    assert measured.runs == 100_000
    assert measured.keep_every == 32
    assert measured.sum_ns / measured.runs == 1_500_000
    assert (measured.min_ns, measured.max_ns) == (1_000_000, 2_000_000)
    # Every k-th call would be 1 ms each time. 3125 lots: a standard error of 9 us.
    assert float(np.mean(measured.samples_ns)) == pytest.approx(1_500_000, abs=45_000)
    assert set(measured.samples_ns.tolist()) == {1_000_000, 2_000_000}


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
    kept = recorder.samples_ns
    assert len(kept) in {100_000 // 128, 100_000 // 128 + 1}  # the last stride is not over
    assert (kept // 128).tolist() == list(range(len(kept)))
    # By lot: every place of a stride comes up, and none is preferred.
    assert len(set((kept % 128).tolist())) > 120
    assert float(np.mean(kept % 128)) == pytest.approx(63.5, abs=5 * 37 / 781**0.5)


def test_what_is_counted_is_exact_and_forgotten_when_cleared() -> None:
    recorder = Recorder(capacity=10)
    for latency in range(1, 1001):
        recorder.add(latency)
    assert (recorder.runs, recorder.sum_ns, recorder.min_ns, recorder.max_ns) == (1000, 500_500, 1, 1000)
    recorder.clear()
    assert (recorder.runs, recorder.sum_ns, recorder.keep_every) == (0, 0, 1)
    assert recorder.samples_ns.tolist() == []
    recorder.add(7)
    assert (recorder.runs, recorder.sum_ns, recorder.min_ns, recorder.max_ns) == (1, 7, 7, 7)
    assert recorder.samples_ns.tolist() == [7]


def test_two_recorders_draw_the_same_lots() -> None:
    one, other = Recorder(capacity=100), Recorder(capacity=100)
    for latency in range(5000):
        one.add(latency)
        other.add(latency)
    assert one.samples_ns.tolist() == other.samples_ns.tolist()


def test_recording_allocates_nothing() -> None:
    recorder = Recorder(capacity=1000)
    tracemalloc.start()
    for latency in range(100_000):
        recorder.add(latency)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2000


@settings(deadline=None)  # machines are noisy
@given(st.integers(1, 40), st.integers(0, 400))
def test_what_is_kept_is_one_call_of_each_stride_in_order_whatever_the_capacity(
    capacity: int, calls: int
) -> None:
    recorder = Recorder(capacity)
    for latency in range(calls):
        recorder.add(latency)
    kept = recorder.samples_ns.tolist()
    assert len(kept) <= max(2, capacity)
    assert [latency // recorder.keep_every for latency in kept] == list(range(len(kept)))
    # Of a last stride that is not over, the call may be still to come.
    assert calls // recorder.keep_every <= len(kept) <= -(-calls // recorder.keep_every)
    assert len(kept) >= min(calls, capacity // 2)
    assert (recorder.runs, recorder.sum_ns) == (calls, sum(range(calls)))


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


def test_paced_calls_tell_of_progress_in_long_waits() -> None:
    clock = FakeClock()
    told: list[float] = []
    paced = measure_paced(
        a_model(clock, forever(0.01)),
        1.0,
        4.0,
        Recorder(),
        clock=clock,
        cpu_clock=FakeClock(),
        sleep=clock.advance,
        on_progress=told.append,
    )
    assert told == [0.25, 0.5, 0.75]
    assert (paced.sum_ns, paced.min_ns, paced.max_ns) == (40_000_000, 10_000_000, 10_000_000)


def test_paced_calls_without_any_wait_are_not_silent() -> None:
    clock = FakeClock()
    told: list[float] = []
    measure_paced(
        a_model(clock, forever(4.0)),
        10.0,
        1.0,
        Recorder(),
        clock=clock,
        cpu_clock=FakeClock(),
        sleep=clock.advance,
        on_progress=told.append,
    )
    assert told == [0.3, 0.6, 0.9]  # each third call of 4 s passes ten seconds


def test_cpu_seconds_of_paced_calls_do_not_count_the_sleep() -> None:
    clock, cpu = FakeClock(), FakeClock()

    def call() -> None:
        clock.advance(0.01)
        cpu.advance(0.01)

    paced = measure_paced(call, 10.0, 1.0, Recorder(), clock=clock, cpu_clock=cpu, sleep=clock.advance)
    assert paced.cpu_s == pytest.approx(0.1)
