"""Joules of an inference: exact figures of known traces, intervals, doubts, and when there is none."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeai.measure.energy import Energy, LoadWindow
from edgeai.measure.energy_of import energy_of, power_trace
from edgeai.measure.statistics import Estimate
from edgeai.power import COUNTER_J, GAUGE_W, ErrorModel, MeterInfo, Rail, Span, Trace
from edgeai.unavailable import Unavailable
from tests.interval_scores import kinds_of, rows_of
from tests.simulated_meter import measured
from tests.simulated_power import FAMILIES

IDLE_BEFORE, IDLE_AFTER = Span(0.0, 10.0), Span(62.0, 72.0)
WINDOWS = [LoadWindow(11.0 + 10 * i, 21.0 + 10 * i, 100) for i in range(5)]
ERROR = ErrorModel(0.01, 0.05, 1e-6, "data sheet")


def gauge(
    watts: Callable[[float], float],
    *,
    error: ErrorModel = ERROR,
    period_s: float = 0.05,
    skip: Callable[[float], bool] = lambda t: False,
) -> Trace:
    """Idling from 0 s to 10.5 s and from 61.5 s on. A speck of noise makes each value a new one."""
    lots = np.random.default_rng(0)
    times = [t for t in np.arange(0.0, 73.0, period_s).tolist() if not skip(t)]
    values = [(watts(t) + float(lots.normal(0, 1e-5)),) for t in times]
    info = MeterInfo("fake", "board input", GAUGE_W, (Rail("in"),), None, error, averages_s=0.0)
    return Trace(info, tuple(times), tuple(values), (), 1e-4, period_s)


def counter(watts: Callable[[float], float], *, error: ErrorModel = ERROR, wrap_j: float = 100.0) -> Trace:
    times = np.arange(0.0, 73.0, 0.01)
    joules = np.concatenate([[0.0], np.cumsum([watts(t + 0.005) * 0.01 for t in times[:-1]])])
    rails = (Rail("package-0", wrap_j=wrap_j), Rail("core", counted=False, wrap_j=wrap_j))
    info = MeterInfo("fake", "package", COUNTER_J, rails, 0.001, error, notes=("a note",))
    values = [(float(j % wrap_j), float(j / 2 % wrap_j)) for j in joules]
    return Trace(info, tuple(times[::10].tolist()), tuple(values[::10]), (), 1e-4, 0.1)


def two_levels(
    idle_w: float = 2.0, load_w: float = 5.0, after_w: float | None = None
) -> Callable[[float], float]:
    last = idle_w if after_w is None else after_w
    return lambda t: idle_w if t < 10.5 else load_w if t < 61.5 else last


def found(trace: Trace, windows: list[LoadWindow] = WINDOWS, slowdown: Estimate | None = None) -> Energy:
    energy = energy_of(trace, IDLE_BEFORE, windows, IDLE_AFTER, slowdown=slowdown)
    assert isinstance(energy, Energy), energy
    return energy


@pytest.mark.parametrize("trace", [gauge(two_levels()), counter(two_levels())], ids=["gauge", "counter"])
def test_gross_net_power_and_rate_of_two_levels(trace: Trace) -> None:
    energy = found(trace)
    assert energy.gross_j.value == pytest.approx(0.5, rel=1e-4)  # 5 W for 50 s over 500 runs
    assert energy.net_j.value == pytest.approx(0.3, rel=1e-4)
    assert energy.power_w.value == pytest.approx(5.0, rel=1e-4)
    assert energy.idle_w == pytest.approx(2.0, rel=1e-4)
    assert energy.idle_drift_w == pytest.approx(0.0, abs=1e-4)
    assert energy.inferences_per_j.value == pytest.approx(2.0, rel=1e-4)
    assert [window.energy_j for window in energy.windows] == pytest.approx([50.0] * 5, rel=1e-3)
    assert [(idle.power_w) for idle in energy.idle] == pytest.approx([2.0, 2.0], rel=1e-3)
    assert energy.doubts == {}


def test_the_interval_of_a_steady_load_is_the_sensors_own_error() -> None:
    energy = found(gauge(two_levels()))
    # Gain: 1 % of 0.5 J. Offset: 50 mW over the 0.1 s of a run.
    sigma = math.hypot(0.01 * 0.5, 0.05 * 0.1)
    assert energy.sigmas_j["gain"] == pytest.approx(0.005, rel=1e-3)
    assert energy.sigmas_j["offset"] == pytest.approx(0.005, rel=1e-9)
    assert energy.gross_j.high == pytest.approx(0.5 + 1.96 * sigma, rel=1e-3)
    assert energy.gross_j.low == pytest.approx(0.5 - 1.96 * sigma, rel=1e-3)
    # Net of idle the offset cancels.
    assert energy.net_j.high == pytest.approx(0.3 * (1 + 1.96 * 0.01), rel=1e-3)
    assert energy.power_w.high == pytest.approx(5.0 + 1.96 * sigma * 10, rel=1e-3)
    assert energy.inferences_per_j.high == pytest.approx(1 / (0.5 - 1.96 * sigma), rel=1e-3)
    assert energy.inferences_per_j.low == pytest.approx(1 / (0.5 + 1.96 * sigma), rel=1e-3)


def test_a_low_bound_of_nothing_leaves_the_rate_without_an_upper_one() -> None:
    energy = found(gauge(two_levels(), error=replace(ERROR, gain=0.6)))
    assert energy.gross_j.low is not None
    assert energy.gross_j.low < 0
    assert energy.inferences_per_j.high is None


def test_idle_drift_is_carried_into_the_net_interval() -> None:
    perfect = replace(ERROR, gain=0.0, offset_w=0.0)
    energy = found(gauge(two_levels(after_w=2.3), error=perfect))
    assert energy.idle_w == pytest.approx(2.15, rel=1e-4)
    assert energy.idle_drift_w == pytest.approx(0.3, rel=1e-3)
    assert energy.net_j.value == pytest.approx(0.285, rel=1e-3)
    assert energy.net_j.high is not None
    # Idling lay anywhere between 2.0 and 2.3 W while runs of 0.1 s were measured.
    half = energy.net_j.high - energy.net_j.value
    assert half == pytest.approx(1.96 * 0.3 * 0.1 / math.sqrt(12), rel=0.02)
    assert energy.doubts["idle_drift"].startswith("idling moved by +15.0 %")


def test_a_trend_over_the_windows_is_a_doubt_and_no_error() -> None:
    perfect = replace(ERROR, gain=0.0, offset_w=0.0)
    energy = found(gauge(lambda t: two_levels()(t) * (1 + 0.004 * (t - 36)), error=perfect))
    assert list(energy.doubts) == ["idle_drift", "windows_drift"]
    assert energy.gross_j.value == pytest.approx(0.5, rel=1e-3)
    assert energy.gross_j.high == pytest.approx(0.5, rel=5e-3)


def test_windows_that_differ_widen_the_interval() -> None:
    """Windows of 5 W, but the second and fourth take 6 W: by chance, as far as anyone can tell."""
    perfect = replace(ERROR, gain=0.0, offset_w=0.0)

    def watts(t: float) -> float:
        return 6.0 if 21.0 <= t < 31.0 or 41.0 <= t < 51.0 else two_levels()(t)

    energy = found(counter(watts, error=perfect))
    assert energy.gross_j.value == pytest.approx(0.54, rel=1e-3)
    per_window = np.array([0.5, 0.6, 0.5, 0.6, 0.5])
    spread = math.sqrt(float(np.sum((per_window - per_window.mean()) ** 2)) / 3)
    assert energy.sigmas_j["windows"] == pytest.approx(spread / math.sqrt(5), rel=0.01)
    assert energy.gross_j.high == pytest.approx(0.54 + 3.182 * spread / math.sqrt(5), rel=0.01)
    assert "windows_disagree" in energy.doubts


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_few_windows_will_do(count: int) -> None:
    energy = found(gauge(two_levels()), WINDOWS[:count])
    assert energy.gross_j.value == pytest.approx(0.5, rel=1e-3)
    assert energy.gross_j.high is not None
    assert len(energy.windows) == count


def test_what_is_said_beside_the_figures() -> None:
    slowdown = Estimate(1.01, 0.99, 1.03)
    energy = found(counter(two_levels()), slowdown=slowdown)
    assert energy.meter == "fake"
    assert energy.scope == "package"
    assert energy.method == "fake, difference of an energy counter: 5 windows of 10.0 s, 500 inferences"
    assert energy.notes == ("a note",)
    assert not energy.is_estimate
    sampling = energy.sampling
    assert sampling.slowdown == slowdown
    assert (sampling.reads, sampling.failed_reads, sampling.period_s, sampling.read_s) == (730, 0, 0.1, 1e-4)
    assert sampling.update_s == pytest.approx(0.1)
    assert sampling.updates_per_window == pytest.approx(99, abs=1)
    assert sampling.coverage == 1.0
    assert sampling.longest_gap_s == pytest.approx(0.1)
    assert (energy.windows[0].begin_s, energy.windows[0].end_s, energy.windows[0].runs) == (11.0, 21.0, 100)
    assert energy.idle[0].begin_s == pytest.approx(0.5)  # settling dropped
    assert energy.trace.rails_w == pytest.approx({"package-0": 5.0, "core": 2.5}, rel=1e-4)
    gauged = found(gauge(two_levels()), WINDOWS[:1])
    assert gauged.method == "fake, power integrated over time: one window of 10.0 s, 100 inferences"
    info = replace(gauge(two_levels()).meter, is_estimate=True)
    guessed = found(replace(gauge(two_levels()), meter=info))
    assert guessed.is_estimate
    assert "estimated power integrated" in guessed.method


def test_a_drawing_has_at_most_2000_points_and_keeps_its_gaps() -> None:
    trace = gauge(two_levels(), period_s=0.01, skip=lambda t: 30 < t < 35)
    drawn = power_trace(trace, [Span(11.0, 21.0)])
    assert 1000 < len(drawn.times_s) <= 2000
    assert drawn.times_s[0] == pytest.approx(0.0, abs=0.05)
    assert drawn.power_w.count(None) == 1
    assert drawn.rails_w == pytest.approx({"in": 5.0}, rel=1e-3)


@pytest.mark.parametrize(
    ("trace", "doubt", "says"),
    [
        (gauge(two_levels(), period_s=0.2), "few_updates", "49 times in a window"),
        (gauge(two_levels(), skip=lambda t: 12 < t < 20), "low_coverage", "%"),
        (gauge(two_levels(), skip=lambda t: 12 < t < 14), "long_gap", "2.00 s"),
        (gauge(two_levels(5.0, 4.9)), "not_above_idle", "no more than idling (5.00 W)"),
    ],
)
def test_doubts(trace: Trace, doubt: str, says: str) -> None:
    assert says in found(trace).doubts[doubt]


def test_an_old_value_within_a_window_is_a_doubt() -> None:
    trace = gauge(two_levels())
    stuck = [
        (5.0,) if 15.0 < t < 20.0 else value for t, value in zip(trace.times_s, trace.values, strict=True)
    ]
    energy = found(replace(trace, values=tuple(stuck)))
    assert "value_stuck" in energy.doubts
    assert "4.95 s" in energy.doubts["value_stuck"]


@pytest.mark.parametrize(
    ("trace", "why"),
    [
        (replace(gauge(two_levels()), values=((5.0,),) * 1460), "stale: the sensor's value never changed"),
        (counter(lambda t: 0.0), "stale: the sensor's value never changed"),
        (counter(lambda t: 3.0 if t < 10 else 0.0), "stale: the counter did not move while inferences ran"),
        (gauge(two_levels(), skip=lambda t: 12 < t < 50), "the sensor was read near only"),
        (gauge(two_levels(), skip=lambda t: t > 40), "the sensor was not read over the whole time"),
        (gauge(two_levels(), skip=lambda t: True), "the sensor gave 0 of 0 reads"),
        (gauge(two_levels(-2.0, -5.0)), "the sensor shows -5.00 W under load"),
    ],
)
def test_no_joules_where_the_sensor_was_not_seen(trace: Trace, why: str) -> None:
    nothing = energy_of(trace, IDLE_BEFORE, WINDOWS, IDLE_AFTER, slowdown=None)
    assert isinstance(nothing, Unavailable)
    assert nothing.unavailable.startswith(why)
    assert nothing.advice


@pytest.mark.parametrize("windows", [[], [LoadWindow(11.0, 21.0, 0)]])
def test_a_window_without_runs_is_a_mistake(windows: list[LoadWindow]) -> None:
    with pytest.raises(ValueError, match="at least one window"):
        energy_of(gauge(two_levels()), IDLE_BEFORE, windows, IDLE_AFTER, slowdown=None)


@pytest.mark.parametrize("family", FAMILIES)
def test_intervals_hold_the_truth_of_simulated_boards(family: str) -> None:
    """A few boards of fixed seeds; intervals half as wide would hold 67 %."""
    rows = [
        row
        for kind in kinds_of(family)
        for row in rows_of(
            family, kind, [measured(family, kind, f"test/{family}/{kind}/{i}") for i in range(10)]
        )
    ]
    assert sum(row.held for row in rows) / len(rows) >= 0.85, rows
    for row in rows:
        assert row.half_width < 0.1, row
        assert abs(row.bias) < 0.02, row


@pytest.mark.long  # three minutes on two idle cores
def test_intervals_hold_the_truth_of_400_boards_of_each_family() -> None:
    script = Path(__file__).parents[3] / "benchmarks/peers/energy_intervals.py"
    # Two at once, of about the same length.
    parts = (("constant", "square", "averaging", "wrap"), ("ramp", "spikes", "jitter", "lost"))
    running = [
        subprocess.Popen(
            [sys.executable, script, "--seed", "1", *(f"--family={name}" for name in families)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for families in parts
    ]
    told = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], told
    assert sum(text.count("| yes |") for text in told) == 28, told
