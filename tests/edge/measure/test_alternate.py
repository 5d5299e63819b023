"""Two living processes that take turns, for real: who runs when, what they report, and how they fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgeai.errors import ModelError, WorkerCrashed, WorkerTimeout
from edgeai.measure.alternate import PairRule, run_pair
from edgeai.measure.launch import model_folder, run_probe
from edgeai.measure.protocol import InputRequest, ModelRequest, Request
from edgeai.measure.recorder import Recorder
from edgeai.measure.timing import WarmUpRule
from edgeai.measure.turns import run_turn
from edgeai.testing import write_fake_model

MIB = 2**20
FAKE = "edgeai.testing:FakeBackend"
RULE = PairRule(min_turns=3, seconds=0.0, turn_s=0.002)


@pytest.fixture
def folder() -> Iterator[str]:
    with model_folder() as name:
        yield name


def a_request(path: Path, folder: str) -> Request:
    warm = WarmUpRule(min_s=0.0, max_s=0.05, block_s=0.005)
    request = Request(ModelRequest(str(path), backend=FAKE, threads=1), InputRequest(), folder, warm_up=warm)
    run_probe(request)
    return request


def test_both_take_as_many_turns_and_each_reports_its_own_ram(tmp_path: Path, folder: str) -> None:
    a = a_request(write_fake_model(tmp_path / "a.onnx"), folder)
    b = a_request(write_fake_model(tmp_path / "b.onnx", touch_bytes=32 * MIB, busy_s=0.004), folder)
    one, two = run_pair(a, b, RULE, b_first=True)
    assert len(one.turns) == len(two.turns) == 3
    assert all(turn.runs == 1 and turn.median_ns >= 4_000_000 for turn in two.turns)
    assert all(turn.runs > 1 and turn.duration_s >= 0.002 for turn in one.turns)
    names = ["interpreter", "imports", "baseline", "load", "first inference", "warm-up", "turns"]
    peaks = []
    for arm in (one, two):
        assert [phase.name for phase in arm.told.phases] == names
        assert arm.told.output_error is None
        peak = arm.told.phases[3].memory.peak_bytes
        assert peak is not None
        peaks.append(peak)
    assert peaks[1] - peaks[0] == pytest.approx(32 * MIB, abs=2 * MIB)


def test_turns_go_on_for_so_many_seconds(tmp_path: Path, folder: str) -> None:
    request = a_request(write_fake_model(tmp_path / "a.onnx", busy_s=0.001), folder)
    one, two = run_pair(request, request, replace(RULE, min_turns=1, seconds=0.1))
    spent_s = sum(turn.duration_s for arm in (one, two) for turn in arm.turns)
    last_s = one.turns[-1].duration_s + two.turns[-1].duration_s
    assert spent_s >= 0.1 > spent_s - last_s


def test_a_pinned_process_runs_on_those_cpus_alone(tmp_path: Path, folder: str) -> None:
    import os

    cpu = max(os.sched_getaffinity(0))
    request = replace(a_request(write_fake_model(tmp_path / "a.onnx"), folder), cpus=(cpu,))
    one, _ = run_pair(request, request, RULE)
    assert len(one.turns) == 3
    gone = replace(request, cpus=(10_000,))
    with pytest.raises(WorkerCrashed, match="Invalid argument"):
        run_pair(gone, gone, RULE)


def test_an_error_of_one_ends_both(tmp_path: Path, folder: str) -> None:
    request = a_request(write_fake_model(tmp_path / "a.onnx"), folder)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        run_pair(request, replace(request, model=replace(request.model, model=str(broken))), RULE)


def test_a_process_that_dies_in_its_turn_is_told(tmp_path: Path, folder: str) -> None:
    request = a_request(write_fake_model(tmp_path / "a.onnx"), folder)
    dying = write_fake_model(tmp_path / "dying.onnx", crash_at="run")
    with pytest.raises(WorkerCrashed, match=r"dying\.onnx.* in the phase 'first inference'"):
        run_pair(request, replace(request, model=replace(request.model, model=str(dying))), RULE)


def test_a_process_that_hangs_is_stopped(tmp_path: Path, folder: str) -> None:
    request = a_request(write_fake_model(tmp_path / "a.onnx"), folder)
    slow = write_fake_model(tmp_path / "slow.onnx", load_s=60.0)
    with pytest.raises(WorkerTimeout, match="said nothing for 3 s in the phase 'load'"):
        run_pair(
            request, replace(request, model=replace(request.model, model=str(slow))), RULE, silence_s=3.0
        )


def test_a_turn_does_not_count_its_first_call() -> None:
    now = 0
    costs = iter([900, 10, 30, 20, 40])

    def call() -> None:
        nonlocal now
        now += next(costs)

    turn = run_turn(call, 100e-9, Recorder(10), clock=lambda: now, cpu_clock=lambda: 2 * now)
    assert (turn.median_ns, turn.runs) == (25, 4)
    assert turn.duration_s == pytest.approx(100e-9)
    assert turn.cpu_s == pytest.approx(200e-9)
