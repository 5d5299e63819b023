"""The energy pass with real worker processes and meters whose joules are known."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import pytest

from edgeai.errors import ModelError, WorkerCrashed
from edgeai.measure.energy import Energy
from edgeai.measure.energy_pass import (
    QUICK_ENERGY,
    Course,
    EnergyMeasured,
    EnergyRule,
    loads_of,
    run_course,
    run_energy_pass,
    slowdown,
)
from edgeai.measure.energy_process import Stretch
from edgeai.measure.launch import model_folder, run_probe
from edgeai.measure.protocol import InputRequest, ModelRequest, Request
from edgeai.measure.timing import WarmUpRule
from edgeai.power import GAUGE_W
from edgeai.testing import Cumulative, FakeMeter, steady, swinging, write_fake_model
from edgeai.unavailable import Unavailable

RULE = EnergyRule(windows=3, window_s=0.4, updates=4, runs=3, longest_s=1.0, apart_s=0.1, settle_s=0.1)


def measured(model: Path, meter: FakeMeter, rule: EnergyRule = RULE, **options: object) -> EnergyMeasured:
    with model_folder() as folder:
        request = Request(
            ModelRequest(str(model), backend="edgeai.testing:FakeBackend", threads=1),
            InputRequest(),
            folder,
            warm_up=WarmUpRule(min_s=0.0, max_s=0.2),
        )
        run_probe(request)
        return run_energy_pass(request, meter, rule, silence_s=30.0, **options)  # type: ignore[arg-type]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_fake_model(tmp_path / "model.onnx", busy_s=0.005)


class Switched:
    """2 W while the process idles, 6 W while it runs: as the progress tells."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._joules, self._since_s, self._watts = 0.0, 0.0, 2.0
        self._began_s = time.monotonic()

    def __call__(self, seconds: float) -> float:
        with self._lock:
            return self._joules + (seconds - self._since_s) * self._watts

    def follow(self, share: float, what: str) -> None:
        now_s = time.monotonic() - self._began_s
        joules = self(now_s)
        with self._lock:
            self._joules, self._since_s = joules, now_s
            self._watts = 2.0 if "idle" in what else 6.0


# Windows are a tenth as long as real ones, and the machine that runs the tests is busy: a read that waits
# 20 ms for a CPU moves a window of 0.4 s by 5 %. What is told apart here differs by much more.
NEAR = 0.15


def test_gross_holds_everything_and_net_what_is_above_idle(model: Path) -> None:
    load = Switched()
    energy = measured(model, FakeMeter(load, update_s=0.05), on_progress=load.follow).energy
    assert isinstance(energy, Energy)
    assert len(energy.windows) == 3
    runs = sum(window.runs for window in energy.windows)
    seconds = sum(window.end_s - window.begin_s for window in energy.windows)
    assert seconds >= 3 * 0.4
    assert runs > 9
    assert energy.power_w.value == pytest.approx(6.0, rel=NEAR)
    assert energy.gross_j.value == pytest.approx(6.0 * seconds / runs, rel=NEAR)
    assert energy.idle_w == pytest.approx(2.0, rel=NEAR)
    assert energy.net_j.value == pytest.approx(4.0 * seconds / runs, rel=NEAR)
    assert energy.sampling.failed_reads == 0
    assert energy.sampling.slowdown is not None
    assert (energy.meter, energy.scope, energy.is_estimate) == ("fake", "made up", False)


def test_a_gauge_with_lost_reads_gives_the_joules_of_the_windows(model: Path) -> None:
    trace: Cumulative = swinging(5.0, 1.0, 0.31)
    meter = FakeMeter(trace, GAUGE_W, update_s=0.02, fails={3, 9, 14}.__contains__)
    made_s = time.monotonic()
    energy = measured(model, meter).energy
    assert isinstance(energy, Energy)
    assert energy.sampling.failed_reads == 3
    began_s = energy.trace.began_s - made_s
    for window in energy.windows:
        true_j = trace(began_s + window.end_s) - trace(began_s + window.begin_s)
        assert window.energy_j == pytest.approx(true_j, rel=NEAR)


def test_a_counter_may_go_round_in_between(model: Path) -> None:
    energy = measured(model, FakeMeter(steady(3.0), wrap_j=2.0, update_s=0.05)).energy
    assert isinstance(energy, Energy)
    assert energy.power_w.value == pytest.approx(3.0, rel=NEAR)


def test_a_sensor_that_stands_still_gives_no_joules(model: Path) -> None:
    told: list[str] = []
    meter = FakeMeter(lambda seconds: 7.0, update_s=0.02)
    energy = measured(
        model, meter, replace(RULE, window_s=1.5), on_progress=lambda share, what: told.append(what)
    ).energy
    assert isinstance(energy, Unavailable)
    assert energy.unavailable.startswith("stale: the counter did not move in 1.5")
    assert told == ["energy", "energy, idle"], "nobody waits for windows"


def test_a_sensor_that_gives_nothing_gives_no_joules(model: Path) -> None:
    energy = measured(model, FakeMeter(steady(3.0), update_s=0.05, fails=lambda number: True)).energy
    assert isinstance(energy, Unavailable)


class Told:
    """A worker that does at once what it is told, in its own time; a call takes `call_s`."""

    def __init__(self, call_s: float) -> None:
        self.orders: list[str] = []
        self._call_s, self._now_s, self._answers = call_s, 0.0, []

    def say(self, line: str) -> None:
        self.orders.append(line)
        name, _, seconds = line.partition(" ")
        runs = math.ceil(float(seconds) / self._call_s) if name == "run" else 0
        begin_s = self._now_s
        self._now_s += max(float(seconds), runs * self._call_s)
        median_s = self._call_s if runs else None
        self._answers.append({"event": "stretch", **asdict(Stretch(begin_s, self._now_s, runs, median_s))})

    def wait_for(self, wanted: str) -> dict[str, object]:
        assert wanted == "stretch"
        return self._answers.pop(0)


def told(call_s: float, update_s: float, rule: EnergyRule) -> tuple[Course, list[str]]:
    worker, said = Told(call_s), []
    done = run_course(
        worker,  # type: ignore[arg-type]
        rule,
        update_s=lambda: update_s,
        pause=lambda: said.append(f"pause after {len(worker.orders)}"),
        resume=lambda: said.append(f"resume after {len(worker.orders)}"),
    )
    return done, [*worker.orders, *said]


def test_stretches_with_and_without_sampling_take_turns_between_two_of_idling() -> None:
    done, said = told(0.01, 0.01, EnergyRule(windows=2, window_s=10.0, apart_s=1.0, settle_s=0.5))
    idle = ["idle 0.500", "idle 10.000", "idle 0.500"]
    window = ["run 0.500", "run 10.000", "run 0.500"]
    orders = [*idle, "run 1.000", *window, "run 1.000", *window, "run 1.000", *idle]
    assert said[: len(orders)] == orders
    assert said[len(orders) :] == [
        "pause after 3",
        "resume after 4",
        "pause after 7",
        "resume after 8",
        "pause after 11",
        "resume after 12",
    ]
    assert (done.idle_before.begin_s, done.idle_before.end_s) == (0.5, 10.5)
    assert [window.runs for window in done.windows] == [1000, 1000]
    assert len(done.apart) == 3


@pytest.mark.parametrize(
    ("call_s", "update_s", "window_s", "settle_s"),
    [
        (0.01, 0.01, "10.000", "0.500"),  # the least
        (0.01, 0.5, "50.000", "1.500"),  # 100 updates, and 3 to settle
        (0.01, 30.0, "120.000", "10.000"),  # nobody waits longer for a slow sensor
        (4.0, 0.01, "40.000", "0.500"),  # 10 calls
    ],
)
def test_a_window_is_as_long_as_time_sensor_and_model_ask_for(
    call_s: float, update_s: float, window_s: str, settle_s: str
) -> None:
    _, said = told(call_s, update_s, EnergyRule(windows=1))
    assert said[4:7] == [f"run {settle_s}", f"run {window_s}", f"run {settle_s}"]


def test_a_model_that_crashes_late_is_told_of(tmp_path: Path) -> None:
    with model_folder() as folder:
        good = write_fake_model(tmp_path / "model.onnx")
        request = Request(
            ModelRequest(str(good), backend="edgeai.testing:FakeBackend", threads=1), InputRequest(), folder
        )
        run_probe(request)
        write_fake_model(good, crash_at="run")
        with pytest.raises(WorkerCrashed, match="SIGSEGV"):
            run_energy_pass(request, FakeMeter(steady(3.0)), RULE)
        write_fake_model(good, fail_at="load")
        with pytest.raises(ModelError, match="told to fail at load"):
            run_energy_pass(request, FakeMeter(steady(3.0)), RULE)


def test_progress_goes_on() -> None:
    seen: list[tuple[float, str]] = []
    run_course(
        Told(0.01),  # type: ignore[arg-type]
        RULE,
        update_s=lambda: 0.1,
        on_progress=lambda share, what: seen.append((share, what)),
    )
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 8 / 9)
    assert "energy, window 2 of 3" in [what for _, what in seen]


def course(sampled: list[float], apart: list[float]) -> Course:
    idle = Stretch(0.0, 1.0, 0, None)
    windows = tuple(Stretch(10.0 * at, 10.0 * at + 5, 50, each) for at, each in enumerate(sampled))
    return Course(idle, windows, tuple(Stretch(0.0, 1.0, 9, each) for each in apart), idle)


def test_the_slowdown_is_each_window_against_its_neighbours_so_that_drift_cancels() -> None:
    drifting = [0.010 * 1.1**at for at in range(4)]
    sampled = [1.05 * (before * after) ** 0.5 for before, after in pairwise(drifting)]
    found = slowdown(course(sampled, drifting))
    assert found is not None
    assert found.value == pytest.approx(1.05)
    assert found.low == pytest.approx(1.05)
    assert found.high == pytest.approx(1.05)


def test_the_slowdown_of_one_window_is_unknown() -> None:
    assert slowdown(course([0.01], [0.01, 0.01])) is None


def test_windows_become_loads() -> None:
    loads = loads_of(course([0.01, 0.02], [0.01] * 3))
    assert [(load.begin_s, load.end_s, load.runs) for load in loads] == [(0.0, 5.0, 50), (10.0, 15.0, 50)]


def test_the_rules_are_those_of_the_method() -> None:
    rule = EnergyRule()
    assert (rule.windows, rule.window_s, rule.updates) == (5, 10.0, 100)
    assert (QUICK_ENERGY.windows, QUICK_ENERGY.window_s, QUICK_ENERGY.updates) == (3, 2.0, 20)
