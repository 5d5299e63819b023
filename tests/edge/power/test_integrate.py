"""Integration: exact joules of traces that are known, and what they may be wrong by."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeai.power import COUNTER_J, GAUGE_W, ErrorModel, MeterInfo, Rail, Span, Trace
from edgeai.power.integrate import Joules, curve_of, joules, power_series, rail_power_w, update_period
from edgeai.unavailable import Unavailable

PERFECT = ErrorModel(0.0, 0.0, 0.0, "none")


def counter(
    times: Sequence[float],
    *rails: Sequence[float],
    wrap_j: float | None = None,
    counted: Sequence[bool] = (),
    update_s: float | None = None,
    error: ErrorModel = PERFECT,
    period_s: float = 1.0,
) -> Trace:
    kinds = [Rail(f"r{i}", counted=not counted or counted[i], wrap_j=wrap_j) for i in range(len(rails))]
    info = MeterInfo("fake", "board", COUNTER_J, tuple(kinds), update_s, error)
    return Trace(info, tuple(times), tuple(zip(*rails, strict=True)), (), 0.0, period_s)


def gauge(
    times: Sequence[float],
    *rails: Sequence[float],
    update_s: float | None = None,
    averages_s: float | None = 0.0,
    error: ErrorModel = PERFECT,
    period_s: float = 1.0,
    failed_s: tuple[float, ...] = (),
) -> Trace:
    names = tuple(Rail(f"r{i}") for i in range(len(rails)))
    info = MeterInfo("fake", "board", GAUGE_W, names, update_s, error, averages_s=averages_s)
    return Trace(info, tuple(times), tuple(zip(*rails, strict=True)), failed_s, 0.0, period_s)


def found(trace: Trace, begin_s: float, end_s: float) -> Joules:
    result = joules(trace, Span(begin_s, end_s))
    assert isinstance(result, Joules), result
    return result


def test_a_counter_that_wraps_went_1850_microjoules() -> None:
    trace = counter((0.0, 1.0), (262143.328000, 0.001000), wrap_j=262143.328850, update_s=0.001)
    assert curve_of(trace).times[-1] == 1.0  # type: ignore[union-attr]
    assert found(trace, 0.0, 1.0).energy_j == pytest.approx(1850e-6, abs=1e-10)


def test_each_rail_wraps_by_itself_and_those_inside_others_are_not_added() -> None:
    trace = counter(
        range(5), (6, 8, 0, 2, 4), (0, 1, 2, 3, 4), (9, 9, 9, 9, 9), wrap_j=10, counted=(True, True, False)
    )
    assert found(trace, 0.0, 4.0).energy_j == pytest.approx(8 + 4)
    assert rail_power_w(trace, Span(0.0, 4.0)) == pytest.approx({"r0": 2.0, "r1": 1.0, "r2": 0.0})


def test_a_counter_that_was_set_back_is_no_wrap() -> None:
    for wrap_j in (None, 1e6):
        back = joules(counter(range(6), (100, 101, 102, 0, 1, 2), wrap_j=wrap_j), Span(0.0, 5.0))
        assert isinstance(back, Unavailable)
        assert "r0 was set back" in back.unavailable


def test_a_counters_difference_needs_no_reads_in_between() -> None:
    trace = counter((0, 0.1, 0.2, 30.0, 30.1), (0.0, 0.5, 1.0, 150.0, 150.5), update_s=0.001, period_s=0.1)
    gap = found(trace, 0.1, 30.0)
    assert gap.energy_j == pytest.approx(149.5, rel=1e-6)
    assert gap.coverage == 1.0
    assert gap.longest_gap_s == pytest.approx(29.8)


def test_a_slow_counter_changed_somewhere_before_the_read_that_shows_it() -> None:
    times = np.arange(0, 40, 0.25)
    steps = np.floor(times) * 3.0  # 3 W, brought up to date once a second
    result = found(counter(times.tolist(), steps.tolist(), update_s=1.0, period_s=0.25), 5.4, 34.7)
    assert result.energy_j == pytest.approx(3 * 29.3, abs=3 * 0.25)
    assert result.updates == 29
    # Both ends lie anywhere in a quarter of a second.
    assert result.ends_j == pytest.approx(3 * 0.25 / math.sqrt(12) * math.sqrt(2), rel=0.05)


def test_a_gauge_is_a_line_through_its_reads_with_interpolated_ends() -> None:
    trace = gauge((0.0, 1.0, 3.0, 4.0), (2.0, 4.0, 4.0, 0.0))
    assert found(trace, 0.0, 4.0).energy_j == pytest.approx(3 + 8 + 2)
    assert found(trace, 0.5, 3.5).energy_j == pytest.approx((3 + 4) / 2 * 0.5 + 8 + (4 + 2) / 2 * 0.5)
    assert found(trace, 1.25, 2.75).energy_j == pytest.approx(6.0)


@given(
    times=st.lists(st.integers(1, 500), min_size=3, max_size=30, unique=True).map(sorted),
    cut=st.floats(0, 1),
    slope=st.floats(-5, 5),
    data=st.data(),
)
def test_spans_add_up_and_a_straight_line_is_exact(
    times: list[int], cut: float, slope: float, data: st.DataObject
) -> None:
    begin, end = float(times[0]), float(times[-1])
    whole, middle = Span(begin, end), begin + cut * (end - begin)
    powers = data.draw(st.lists(st.floats(0, 100), min_size=len(times), max_size=len(times)))
    straight = [3 + slope * t for t in times]
    curves = [
        curve_of(gauge([float(t) for t in times], values, period_s=1e3)) for values in (powers, straight)
    ]
    for curve in curves:
        assert not isinstance(curve, Unavailable)
        parts = curve.energy_in(Span(begin, middle)) + curve.energy_in(Span(middle, end))
        assert parts == pytest.approx(curve.energy_in(whole), rel=1e-9, abs=1e-6)
    assert not isinstance(curves[1], Unavailable)
    exact = 3 * (end - begin) + slope * (end**2 - begin**2) / 2
    assert curves[1].energy_in(whole) == pytest.approx(exact, rel=1e-9, abs=1e-6)


@given(st.lists(st.integers(0, 90), min_size=2, max_size=40), st.integers(0, 99))
def test_a_wrap_anywhere_changes_nothing(steps: list[int], start: int) -> None:
    totals = np.concatenate([[0], np.cumsum(steps)]) + start
    times = [float(i) for i in range(len(totals))]
    plain = counter(times, totals.tolist(), update_s=0.001)
    wrapped = counter(times, (totals % 100).tolist(), wrap_j=100, update_s=0.001)
    whole = Span(0.0, times[-1])
    curves = curve_of(plain), curve_of(wrapped)
    assert not isinstance(curves[0], Unavailable)
    assert not isinstance(curves[1], Unavailable)
    assert curves[1].energy_in(whole) == pytest.approx(curves[0].energy_in(whole))


def test_a_failed_read_is_bridged_and_never_0() -> None:
    times = [t / 10 for t in range(100) if t not in (40, 41)]
    result = found(gauge(times, [5.0] * 98, period_s=0.1, failed_s=(4.0, 4.1)), 1.0, 9.0)
    assert result.energy_j == pytest.approx(40.0)
    assert result.longest_gap_s == pytest.approx(0.3)
    assert result.coverage == 1.0


def test_a_long_gap_is_not_covered() -> None:
    times = [t / 10 for t in range(200) if not 50 < t < 100]
    result = found(gauge(times, [5.0] * len(times), period_s=0.1), 0.0, 19.0)
    assert result.longest_gap_s == pytest.approx(5.0)
    assert result.coverage == pytest.approx(1 - (5.0 - 0.4) / 19.0)


def test_a_span_that_was_not_read_has_no_joules() -> None:
    trace = gauge([t / 10 for t in range(100)], [5.0] * 100, period_s=0.1)
    for span in (Span(-0.5, 5.0), Span(5.0, 10.5), Span(3.0, 3.0)):
        assert isinstance(joules(trace, span), Unavailable)
    nothing = joules(gauge((), (), failed_s=(1.0, 2.0)), Span(1.0, 2.0))
    assert isinstance(nothing, Unavailable)
    assert nothing.unavailable == "the sensor gave 0 of 2 reads"


def test_the_update_period_is_the_time_between_changes() -> None:
    times = np.arange(0, 20, 0.05)
    held = np.floor(times / 0.4)
    assert update_period(gauge(times.tolist(), held.tolist())) == pytest.approx(0.4)
    assert update_period(gauge(times.tolist(), times.tolist())) == pytest.approx(0.05)
    assert update_period(gauge(times.tolist(), [3.0] * len(times))) is None
    assert update_period(gauge((), ())) is None


def test_duplicates_are_no_updates_and_add_no_energy() -> None:
    """The same board read once and three times in each of the sensor's update periods."""
    levels = [2.0, 3.0, 2.5, 4.0, 3.5] * 8
    once = gauge([float(i) for i in range(40)], levels)
    times = [i + part / 3 for i in range(40) for part in range(3)]
    thrice = gauge(times, [level for level in levels for _ in range(3)], period_s=1 / 3)
    assert update_period(thrice) == pytest.approx(1.0)
    assert found(once, 10.0, 30.0).updates == found(thrice, 10.0, 30.0).updates == 19
    assert found(thrice, 10.0, 30.0).energy_j == pytest.approx(20 * 3.0, rel=0.01)
    assert found(once, 10.0, 30.0).energy_j == pytest.approx(20 * 3.0, rel=0.01)


def test_a_gauge_that_is_late_is_read_later() -> None:
    """A sensor that averages over 35 ms and holds the mean for 35 ms lags by 35 ms in the mean."""
    update_s, lots = 0.035, np.random.default_rng(1)
    times = np.cumsum(lots.uniform(0.5, 1.5, 4000)) * update_s / 2
    updates = np.floor(times / update_s) * update_s
    mean = np.clip((updates - 20.0) / update_s, 0, 1)  # 1 W from second 20 on, seen through the average
    shown = mean * 1.0 + lots.normal(0, 1e-6, len(updates))[np.floor(times / update_s).astype(int)]
    trace = gauge(
        times.tolist(), shown.tolist(), update_s=update_s, averages_s=update_s, period_s=update_s / 2
    )
    result = found(trace, 10.0, 30.0)
    assert result.energy_j == pytest.approx(10.0, abs=0.01)
    late = found(trace, 10.0, 20.0)
    assert late.energy_j == pytest.approx(0.0, abs=0.02)
    assert late.energy_j < 2 * late.ends_j
    assert result.ends_j < 1e-4  # nothing happens where it begins and ends


def test_sigmas_of_a_gauge_by_cause() -> None:
    times = [t / 10 for t in range(200)]
    error = ErrorModel(0.01, 0.05, 0.1, "data sheet")
    result = found(gauge(times, [5.0] * 200, error=error, period_s=0.1), 2.0, 12.0)
    assert result.gain_j == pytest.approx(0.5)
    assert result.offset_j == pytest.approx(0.5)
    assert result.resolution_j == pytest.approx(0.1 / math.sqrt(12) * 10)  # always the same step: N = 1
    assert result.sampling_j == 0.0
    assert result.ends_j == pytest.approx(0.0, abs=1e-12)
    assert result.sigma_j == pytest.approx(math.hypot(0.5, 0.5, 0.1 / math.sqrt(12) * 10))
    many = [5.0 + 0.1 * (t % 4) for t in range(200)]
    assert found(gauge(times, many, error=error, period_s=0.1), 2.0, 12.0).resolution_j == pytest.approx(
        0.1 / math.sqrt(12 * 4) * 10
    )


def test_sigmas_of_a_counter_by_cause() -> None:
    times = [t / 10 for t in range(200)]
    error = ErrorModel(0.01, 0.05, 6.1e-5, "manual")
    result = found(
        counter(times, [5 * t for t in times], error=error, update_s=0.001, period_s=0.1), 2.0, 12.0
    )
    assert result.energy_j == pytest.approx(50.0)
    assert result.gain_j == pytest.approx(0.5)
    assert result.offset_j == pytest.approx(0.5)
    assert result.resolution_j == pytest.approx(6.1e-5 / math.sqrt(6))
    assert result.sampling_j == 0.0
    assert result.ends_j == pytest.approx(5 * 0.001 / math.sqrt(12) * math.sqrt(2))


def test_noise_that_no_read_sees_is_taken_from_the_reads() -> None:
    """White noise of 1 W read 10 times a second for 100 s: the mean is known to 1 W / sqrt(1000)."""
    lots = np.random.default_rng(3)
    times = (np.arange(1200) / 10).tolist()
    sigmas, errors = [], []
    for _ in range(100):
        result = found(gauge(times, lots.normal(5, 1, 1200).tolist(), period_s=0.1), 10.0, 110.0)
        sigmas.append(result.sampling_j)
        errors.append(result.energy_j - 500)
        assert result.freedom == 8
    # Chance moves either by a fifteenth (one standard deviation).
    assert np.sqrt(np.mean(np.square(sigmas))) == pytest.approx(100 / math.sqrt(1000), rel=0.3)
    assert np.std(errors) == pytest.approx(100 / math.sqrt(1000), rel=0.3)


def test_what_an_average_has_seen_is_no_noise() -> None:
    lots = np.random.default_rng(4)
    times = np.arange(0, 60, 0.05)
    values = np.repeat(lots.normal(5, 1, 600), 2)
    seen = [
        found(
            gauge(times.tolist(), values.tolist(), update_s=0.1, averages_s=averages_s, period_s=0.05),
            5.0,
            55.0,
        ).sampling_j
        for averages_s in (0.0, 0.05, 0.1)
    ]
    assert seen[1] == pytest.approx(seen[0] / math.sqrt(2), rel=0.02)
    # What remains: when within two reads each value changed.
    assert seen[2] == pytest.approx(math.sqrt(500 * 2) * 0.05 / math.sqrt(12), rel=0.1)


def test_a_trend_is_no_noise() -> None:
    times = (np.arange(1000) / 10).tolist()
    assert found(gauge(times, times, period_s=0.1), 10.0, 90.0).sampling_j == pytest.approx(0.0, abs=1e-9)


def test_a_series_has_a_hole_where_reads_are_missing() -> None:
    times = [0.0, 1.0, 2.0, 9.0, 10.0]
    moments, watts = power_series(gauge(times, [1.0, 2.0, 3.0, 4.0, 5.0]))
    assert moments.tolist() == [0.0, 1.0, 2.0, 5.5, 9.0, 10.0]
    assert watts[:3].tolist() + watts[4:].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert math.isnan(watts[3])
    moments, watts = power_series(counter((0.0, 1.0, 2.0, 3.0), (0.0, 2.0, 6.0, 7.0), update_s=0.001))
    assert moments.tolist() == pytest.approx([0.5, 1.5, 2.5], abs=0.01)
    assert watts.tolist() == pytest.approx([2.0, 4.0, 1.0])


@pytest.mark.parametrize("reads", [0, 1])
def test_too_few_reads_make_no_series(reads: int) -> None:
    moments, watts = power_series(gauge((1.0,) * reads, (2.0,) * reads))
    assert len(moments) == len(watts) == 0
