"""The process that idles and runs as it is told: what it says of its stretches."""

from __future__ import annotations

import pytest

from edgeai.measure.energy_process import Stretch, idle_stretch, run_stretch
from edgeai.measure.recorder import Recorder
from edgeai.testing import FakeClock


def test_a_stretch_runs_until_its_time_is_over_and_the_last_call_ends_later() -> None:
    clock = FakeClock()
    clock.advance(100.0)
    done = run_stretch(lambda: clock.advance(0.03), 0.1, Recorder(10), clock=clock)
    assert done == Stretch(100.0, pytest.approx(100.12), 4, pytest.approx(0.03))


def test_a_stretch_shorter_than_a_call_has_one() -> None:
    clock = FakeClock()
    assert run_stretch(lambda: clock.advance(2.0), 0.1, Recorder(10), clock=clock) == Stretch(
        0.0, 2.0, 1, 2.0
    )


def test_the_median_leaves_an_interruption_out() -> None:
    clock = FakeClock()
    takes = iter([0.01, 0.01, 0.5, 0.01, 0.01, 1.0])
    done = run_stretch(lambda: clock.advance(next(takes)), 1.0, Recorder(10), clock=clock)
    assert (done.runs, done.median_s) == (6, pytest.approx(0.01))


def test_a_long_stretch_says_that_it_lives_and_no_call_is_longer_for_it() -> None:
    clock, said = FakeClock(), []

    def alive() -> None:
        said.append(clock.now_ns / 1e9)
        clock.advance(0.2)

    recorder = Recorder(100)
    done = run_stretch(lambda: clock.advance(0.4), 4.0, recorder, alive, clock=clock)
    assert said == [pytest.approx(1.2), pytest.approx(2.6)]
    assert set(recorder.samples_ns.tolist()) == {400_000_000}
    assert done.end_s == pytest.approx(0.4 * done.runs + 0.2 * len(said))


def test_what_was_recorded_before_does_not_count() -> None:
    clock, recorder = FakeClock(), Recorder(10)
    recorder.add(10**12)
    done = run_stretch(lambda: clock.advance(0.01), 0.02, recorder, clock=clock)
    assert (done.runs, done.median_s) == (2, pytest.approx(0.01))


def test_idling_sleeps_as_long_as_it_was_told_and_says_each_second_that_it_lives() -> None:
    clock, said, slept = FakeClock(), [], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.advance(seconds)

    done = idle_stretch(2.5, lambda: said.append(1), clock=clock, sleep=sleep)
    assert done == Stretch(0.0, 2.5, 0, None)
    assert slept == [1.0, 1.0, pytest.approx(0.5)]
    assert len(said) == 3


def test_idling_goes_on_where_a_sleep_ends_early() -> None:
    clock = FakeClock()
    done = idle_stretch(1.0, clock=clock, sleep=lambda seconds: clock.advance(seconds / 2 + 0.001))
    assert done.end_s >= 1.0
