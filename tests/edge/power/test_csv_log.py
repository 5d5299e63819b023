"""Logs of a lab instrument: headers and units, the mark, and the joules on the board's own clock."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from edgeai.measure.energy import Energy, LoadWindow
from edgeai.measure.energy_of import energy_of
from edgeai.power import Span, Trace
from edgeai.power.alignment import Alignment, find_marker
from edgeai.power.csv_log import LogError, read_log, trace_of_log, wait_for
from edgeai.power.marker import DURATION_S, emit_marker

from .lab import BUSY_W, IDLE_W, Instrument, Run, write

RUN = Run()
WHOLE = Instrument(RUN.begin_s - 7.3, 60.0)


def align(tmp_path: Path, instrument: Instrument, run: Run = RUN) -> Alignment:
    path = write(tmp_path / "log.csv", instrument.rows(run.watts))
    return find_marker(read_log(path), run.pulses)


def energy_j(trace: Trace, span: Span) -> float:
    """Trapezoid of numpy, apart from the product's own integration."""
    inside = np.linspace(span.begin_s, span.end_s, 20_001)
    watts = np.interp(inside, trace.times_s, [value for (value,) in trace.values])
    return float(np.mean((watts[1:] + watts[:-1]) / 2) * span.duration_s)


def error_s(found: Alignment, instrument: Instrument, at_s: float) -> float:
    """How far off the board's clock is that the alignment gives, at a moment of it."""
    log_s = instrument.clock_s + (at_s - instrument.begin_s) * (1 + instrument.drift)
    return found.to_run(log_s) - at_s


# --- The mark in made-up logs


@pytest.mark.parametrize("marks", [1, 2])
@pytest.mark.parametrize("clock_s", [0.0, 1_764_537_600.0, -12.5])
def test_a_clean_log_is_aligned_to_a_row(tmp_path: Path, marks: int, clock_s: float) -> None:
    run = Run(marks=marks)
    instrument = Instrument(RUN.begin_s - 7.3, 60.0, clock_s=clock_s)
    found = align(tmp_path, instrument, run)
    assert abs(error_s(found, instrument, run.load.begin_s)) <= 0.01
    assert found.score > 0.95
    assert (found.edges, found.has_drift) == (6 * marks, marks == 2)
    assert found.sigma_s == pytest.approx(0.01 / 12**0.5, rel=0.2)


@pytest.mark.parametrize("drift", [-100e-6, 50e-6, 400e-6])
def test_two_marks_tell_the_drift_of_the_clocks(tmp_path: Path, drift: float) -> None:
    run = Run()
    instrument = Instrument(run.begin_s - 7.3, 60.0, drift=drift, interval_s=0.002)
    found = align(tmp_path, instrument, run)
    assert found.rate - 1 == pytest.approx(drift, abs=50e-6)
    for at_s in (run.load.begin_s, run.load.end_s):
        assert abs(error_s(found, instrument, at_s)) <= 0.002


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("noise_w", [0.5, 2.0])
def test_noise_widens_what_is_said_of_the_error(tmp_path: Path, seed: int, noise_w: float) -> None:
    instrument = Instrument(RUN.begin_s - 7.3, 60.0, noise_w=noise_w, seed=seed)
    found = align(tmp_path, instrument)
    assert abs(error_s(found, instrument, RUN.load.begin_s)) < 4 * found.sigma_s
    assert found.sigma_s < 0.03


def test_an_instrument_of_10_hz_that_averages_is_aligned_to_a_part_of_a_row(tmp_path: Path) -> None:
    instrument = Instrument(RUN.begin_s - 7.33, 60.0, interval_s=0.1, average_s=0.1, noise_w=0.1)
    found = align(tmp_path, instrument)
    # A row is stamped at the end of what it averages: its lag of 50 ms is taken out with the offset.
    assert abs(error_s(found, instrument, RUN.load.begin_s) + 0.05) < 4 * found.sigma_s
    assert found.sigma_s < 0.035
    assert (found.rate, found.has_drift) == (1.0, False), (
        "37 s between its marks tell less than a quartz promises"
    )


def test_gaps_do_no_harm_in_a_mark_and_stay_gaps(tmp_path: Path) -> None:
    gaps = (Span(RUN.begin_s + 0.9, RUN.begin_s + 1.6), Span(RUN.begin_s + 15.0, RUN.begin_s + 17.0))
    instrument = Instrument(RUN.begin_s - 7.3, 60.0, gaps=gaps)
    found = align(tmp_path, instrument)
    assert abs(error_s(found, instrument, RUN.load.begin_s)) <= 0.01
    trace = trace_of_log(tmp_path / "log.csv", RUN.pulses, RUN.needed)
    longest, before = max((after - before, before) for before, after in itertools.pairwise(trace.times_s))
    assert longest == pytest.approx(2.01, abs=0.02)
    assert before == pytest.approx(RUN.begin_s + 15.0, abs=0.05)


# --- The trace


@pytest.mark.parametrize(
    "instrument",
    [
        WHOLE,
        Instrument(RUN.begin_s - 7.3, 60.0, noise_w=0.5, drift=100e-6, clock_s=1e9),
        Instrument(RUN.begin_s - 2.0, 48.0, interval_s=0.05, average_s=0.05, noise_w=0.2),
        Instrument(RUN.begin_s - 3.0, 50.0, interval_s=0.0004, noise_w=1.0),
    ],
)
def test_the_joules_of_the_load_are_those_that_were_made(tmp_path: Path, instrument: Instrument) -> None:
    path = write(tmp_path / "log.csv", instrument.rows(RUN.watts))
    trace = trace_of_log(path, RUN.pulses, RUN.needed)
    assert energy_j(trace, RUN.load) == pytest.approx(BUSY_W * 20.0, rel=0.005)
    idle = Span(RUN.needed.begin_s, RUN.load.begin_s - 0.1)
    assert energy_j(trace, idle) / idle.duration_s == pytest.approx(IDLE_W, abs=0.1)
    assert trace.times_s[0] >= RUN.needed.begin_s - 1.0
    assert trace.times_s[-1] <= RUN.needed.end_s + 1.0
    assert trace.period_s >= 0.001 - 1e-12
    assert all(after > before for before, after in itertools.pairwise(trace.times_s))


def test_the_trace_says_where_it_is_from_and_how_well_it_is_aligned(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", WHOLE.rows(RUN.watts), "time,power")
    info = trace_of_log(path, RUN.pulses, RUN.needed).meter
    assert (info.name, info.scope, info.kind) == (
        f"csv={path}",
        "supply, as logged by the instrument",
        "gauge_w",
    )
    assert info.notes[0] == "the log's column 'time' names no unit: taken for s"
    assert info.notes[1] == "the log's column 'power' names no unit: taken for W"
    assert info.notes[2].startswith("the log is aligned to within ")
    assert "ms by 12 edges; its clock runs " in info.notes[2]
    assert info.error.lsb == pytest.approx(BUSY_W - IDLE_W)
    run = Run(marks=1)
    write(path, WHOLE.rows(run.watts), "time,power")
    one = trace_of_log(path, run.pulses, run.needed).meter
    assert one.notes[2].endswith(
        "by 6 edges; its clock is taken to run as the board's, since the marks do not tell better"
    )


# --- Logs that will not do


@pytest.mark.parametrize(
    ("instrument", "message"),
    [
        (
            Instrument(RUN.begin_s - 7.3, 40.0),
            r"covers 40\.0 s, and the run with its marks took 42\.0 s; start the log",
        ),
        (Instrument(RUN.begin_s + 8.0, 60.0), r"the mark of the run \(3 busy pulses\) is not in the log"),
        (Instrument(RUN.begin_s + 200.0, 60.0, noise_w=0.3), "is not in the log"),
        (Instrument(RUN.begin_s - 7.3, 60.0, interval_s=0.2), r"a row every 0\.2 s is too seldom"),
        (Instrument(RUN.begin_s - 7.3, 60.0, noise_w=60.0), "is not in the log"),
    ],
)
def test_a_log_without_the_marks_is_refused(tmp_path: Path, instrument: Instrument, message: str) -> None:
    path = write(tmp_path / "log.csv", instrument.rows(RUN.watts))
    with pytest.raises(LogError, match=message):
        trace_of_log(path, RUN.pulses, RUN.needed)


def test_a_log_that_ends_before_the_run_does_is_refused(tmp_path: Path) -> None:
    run = Run(marks=1)
    path = write(tmp_path / "log.csv", Instrument(run.begin_s - 7.3, 30.0).rows(run.watts))
    with pytest.raises(LogError, match=r"does not cover the run: it ends 13\.3 s too early"):
        trace_of_log(path, run.pulses, run.needed)
    early = Span(run.begin_s - 20.0, run.begin_s + 5.0)
    with pytest.raises(LogError, match=r"does not cover the run: it begins 12\.7 s too late"):
        trace_of_log(path, run.pulses, early)


def test_a_log_of_two_runs_with_one_mark_each_is_refused(tmp_path: Path) -> None:
    run, again = Run(marks=1), Run(begin_s=RUN.begin_s + 60.0, marks=1)
    both = Instrument(run.begin_s - 7.3, 120.0).rows(lambda at_s: max(run.watts(at_s), again.watts(at_s)))
    path = write(tmp_path / "log.csv", both)
    with pytest.raises(LogError, match=r"fits at \d+\.\d s and at \d+\.\d s of the log; cut it to one run"):
        trace_of_log(path, run.pulses, run.needed)


# --- Headers and units


@pytest.mark.parametrize(
    ("text", "times_s", "watts"),
    [
        ("time_s,power_w\n0,2.5\n1,6.5\n", [0, 1], [2.5, 6.5]),
        ("\ufefftime_ms,power_mw\n0,2500\n1000,6500\n", [0, 1], [2.5, 6.5]),
        ("Timestamp(ms),Current(uA),Voltage(mV)\n0,500000,5000\n1000,1300000,5000\n", [0, 1], [2.5, 6.5]),
        ("#time,current,voltage,power\n0,9,9,2.5\n1,9,9,6.5\n", [0, 1], [2.5, 6.5]),
        ("Timestamp (s),Main power (W)\n0,2.5\n1,6.5\n", [0, 1], [2.5, 6.5]),
        ("t/s;P/mW\n0,0;2500,0\n1,0;6500,0\n", [0, 1], [2.5, 6.5]),
        ("Time [s]\tVolts [V]\tAmps [A]\n0\t5.0\t0.5\n1\t5.0\t1.3\n", [0, 1], [2.5, 6.5]),
        ("Instrument X\nSerial,1234\n\n# note, more\nTime (s),Power (W)\n0,2.5\n1,6.5\n", [0, 1], [2.5, 6.5]),
        ("Seconds,Watts\n0,2.5\n1,6.5\n", [0, 1], [2.5, 6.5]),
        ('"Time (s)","Energy (Wh)","Power (W)"\n0,9,2.5\n1,9,6.5\n', [0, 1], [2.5, 6.5]),
        ("s,W\n0,2.5\n1,6.5\n", [0, 1], [2.5, 6.5]),
        ("t,P\n0,2.5\n1,6.5\n", [0, 1], [2.5, 6.5]),
        (  # of `edgeai power --csv` on a machine beside the board
            "time_utc,time_s,power_w,energy_j,failed_reads,rail_w:3V3_SYS,rail_w:3V7_V,temperature_c:cpu,unavailable\n"
            "2026-11-30T22:03:17.558+00:00,0.5,2.5,9,0,9,9,49.6,\n2026-11-30T22:03:17.658+00:00,0.6,6.5,9,0,9,9,49.6,\n",
            [0.5, 0.6],
            [2.5, 6.5],
        ),
        (
            "Datetime,Power (W)\n1970-01-01T00:00:01.5Z,2.5\n1970-01-01 01:00:02.25+01:00,6.5\n",
            [1.5, 2.25],
            [2.5, 6.5],
        ),
        ("time_s,power_w\n0,2.5\n1,-6.5\n", [0, 1], [2.5, -6.5]),
        (
            "time_s,power_w\n0,2.5\n0,3.5\n1,6.5\n1.5,7",
            [0, 1, 1.5],
            [2.5, 6.5, 7],
        ),  # a duplicate; no last newline
        ("time_s,power_w\n0,2.5\n# paused\n\n1,6.5\n", [0, 1], [2.5, 6.5]),
    ],
)
def test_columns_and_units_are_read_from_the_header(
    tmp_path: Path, text: str, times_s: list[float], watts: list[float]
) -> None:
    path = tmp_path / "log.csv"
    path.write_text(text, encoding="utf-8")
    log = read_log(path)
    assert list(log.times_s) == pytest.approx(times_s)
    assert list(log.watts) == pytest.approx(watts)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no line names a column of time and one of power"),
        ("0,2.5\n1,6.5\n", "a header such as `time_s,power_w` is needed"),
        ("time_s,current_a\n0,1\n", "no column of voltage, and none of power"),
        (
            "time_s,Main power (W),ADC power (W)\n0,1,2\n",
            r"several columns of power \('Main power \(W\)' and",
        ),
        ("time_s,power_wh\n0,1\n", "no line names"),
        ("time_s,power_w\n", "the log has 0 rows"),
        ("time_s,power_w\n0,nan\n1,inf\n2,x\n", "line 2 holds no time and power, as 3 of 3 do not"),
        ("time_s,power_w\n0,1\n2,1\n1,1\n", "line 4 lies before the one above it"),
    ],
)
def test_a_log_that_cannot_be_read_says_where_and_what_is_needed(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(LogError, match=message) as raised:
        read_log(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


def test_one_torn_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("time_s,power_w\n0,2.5\n1,6.5\n2,")
    assert list(read_log(path).times_s) == [0, 1]


def test_a_log_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="cannot be read"):
        read_log(tmp_path / "log.csv")
    with pytest.raises(LogError, match="cannot be read"):
        read_log(tmp_path)


# --- Drawing the mark, and waiting for the log


def test_the_mark_is_three_pulses_by_the_barker_code() -> None:
    now = [100.0]

    def advance(seconds: float) -> None:
        now[0] += seconds

    pulses = emit_marker(lambda: advance(0.125), clock=lambda: now[0], sleep=advance)
    assert [(span.begin_s, span.end_s) for span in pulses] == [(101.0, 102.5), (104.0, 104.5), (105.5, 106.0)]
    assert now[0] == 100.0 + DURATION_S == 106.5


def test_a_call_that_is_longer_than_a_pulse_is_told_as_it_was(tmp_path: Path) -> None:
    now = [0.0]

    def advance(seconds: float) -> None:
        now[0] += seconds

    pulses = emit_marker(lambda: advance(2.0), clock=lambda: now[0], sleep=advance)
    assert [span.duration_s for span in pulses] == [2.0, 2.0, 2.0]
    busy = [*pulses, Span(30.0, 60.0)]
    log = write(
        tmp_path / "log.csv",
        Instrument(-5.0, 70.0, clock_s=9.0).rows(
            lambda t: 5.0 * any(s.begin_s <= t < s.end_s for s in busy) + 1
        ),
    )
    assert find_marker(read_log(log), [pulses]).to_run(14.0) == pytest.approx(0.0, abs=0.01)


def test_a_log_is_waited_for_until_it_stops_growing(tmp_path: Path) -> None:
    path, waits = tmp_path / "log.csv", [0]

    def sleep(_seconds: float) -> None:
        waits[0] += 1
        if 3 <= waits[0] < 6:
            with path.open("a") as file:
                file.write("1,2\n")

    wait_for(path, sleep=sleep)
    assert waits[0] == 6
    now = itertools.count()
    with pytest.raises(LogError, match="no finished log within 5 s"):
        wait_for(tmp_path / "other.csv", 5.0, clock=lambda: float(next(now)), sleep=lambda _: None)


# --- Through to the report


@pytest.mark.parametrize("noise_w", [0.1, 1.0])
def test_joules_of_an_inference_come_out_of_a_log_as_out_of_any_meter(tmp_path: Path, noise_w: float) -> None:
    instrument = Instrument(RUN.begin_s - 7.3, 60.0, noise_w=noise_w, drift=50e-6, clock_s=777.0)
    path = write(tmp_path / "log.csv", instrument.rows(RUN.watts))
    trace = trace_of_log(path, RUN.pulses, RUN.needed)
    begins = [RUN.load.begin_s + 4.0 * n for n in range(5)]
    windows = [LoadWindow(begin_s, begin_s + 4.0, 400) for begin_s in begins]
    before = Span(RUN.needed.begin_s, RUN.load.begin_s - 0.2)
    after = Span(RUN.load.end_s + 0.2, RUN.needed.end_s)
    energy = energy_of(trace, before, windows, after, slowdown=None)
    assert isinstance(energy, Energy), energy
    assert energy.gross_j.low <= BUSY_W / 100 <= energy.gross_j.high
    assert energy.net_j.low <= (BUSY_W - IDLE_W) / 100 <= energy.net_j.high
    assert energy.gross_j.high - energy.gross_j.low < 0.1 * BUSY_W / 100
    assert energy.scope == "supply, as logged by the instrument"
