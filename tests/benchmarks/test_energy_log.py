"""`--meter csv=FILE`: an instrument logs beside the bench, and its log is laid on this machine's clock."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import psutil
import pytest

from edgeai.measure.energy import Energy
from edgeai.measure.energy_pass import EnergyMeasured, EnergyRule
from edgeai.measure.launch import model_folder, run_probe
from edgeai.measure.protocol import InputRequest, ModelRequest, Request
from edgeai.measure.timing import WarmUpRule
from edgeai.testing import write_fake_model
from edgeai.unavailable import Unavailable
from edgeai_bench import energy_log
from edgeai_bench.plan import Plan
from tests.command import call

RULE = EnergyRule(windows=2, window_s=1.5, updates=5, runs=3, apart_s=0.2, settle_s=0.3)
OFFSET_S = 1234.5
"""The instrument's clock has nothing to do with ours."""


class Instrument(threading.Thread):
    """Logs 2 W while the measuring process sleeps and 6 W while it has work, until it is gone; then saves."""

    def __init__(self, file: Path) -> None:
        super().__init__(daemon=True)
        self._file = file

    def run(self) -> None:
        rows = ["time_s,power_w"]
        while True:
            time.sleep(0.01)
            now_s = time.monotonic()
            states = [child.status() for child in children()]
            if not states and len(rows) > 500:
                break
            watts = 6.0 if psutil.STATUS_RUNNING in states else 2.0
            rows.append(f"{now_s - OFFSET_S:.4f},{watts + 0.001 * (len(rows) % 7):.4f}")
        beside = self._file.with_suffix(".part")
        beside.write_text("\n".join(rows) + "\n")
        beside.replace(self._file)


def children() -> list[psutil.Process]:
    try:
        return [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    except psutil.NoSuchProcess:
        return []


def measured(model: Path, log: Path) -> EnergyMeasured:
    with model_folder() as folder:
        request = Request(
            ModelRequest(str(model), backend="edgeai.testing:FakeBackend", threads=1),
            InputRequest(),
            folder,
            warm_up=WarmUpRule(min_s=0.0, max_s=0.2),
        )
        run_probe(request)
        instrument = Instrument(log)
        instrument.start()
        return energy_log.run_with_log(request, log, RULE, Plan(), lambda share, what: None)


def test_the_log_of_an_instrument_gives_the_joules(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("time_s,power_w\n0,1\n")  # of yesterday: it is not taken for this run's
    energy = measured(write_fake_model(tmp_path / "model.onnx", busy_s=0.005), log).energy
    assert isinstance(energy, Energy), energy
    assert energy.meter == f"csv={log}"
    assert energy.power_w.value == pytest.approx(6.0, rel=0.1)
    assert energy.idle_w == pytest.approx(2.0, rel=0.2)
    assert energy.sampling.slowdown is None


def test_a_log_that_nobody_saves_is_asked_for_and_then_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(energy_log, "_WAIT_S", 0.3)
    monkeypatch.setattr(energy_log, "_marked", lambda worker: ())
    rule = EnergyRule(windows=1, window_s=0.1, updates=1, runs=1, apart_s=0.1, settle_s=0.0)
    model = write_fake_model(tmp_path / "model.onnx")
    with model_folder() as folder:
        asked = ModelRequest(str(model), backend="edgeai.testing:FakeBackend", threads=1)
        request = Request(asked, InputRequest(), folder, warm_up=WarmUpRule(min_s=0.0, max_s=0.2))
        run_probe(request)
        done = energy_log.run_with_log(request, tmp_path / "log.csv", rule, Plan(), lambda share, what: None)
    assert "stop the instrument's log and save it as" in capsys.readouterr().err
    assert isinstance(done.energy, Unavailable)
    assert "no log was saved within 0 s of the run" in done.energy.unavailable
    assert "start the log before the bench" in done.energy.advice


def test_a_folder_that_is_not_there_is_told_of_before_the_run(tmp_path: Path) -> None:
    done = call("bench", "digits", "--meter", f"csv={tmp_path}/no/log.csv")
    assert done.code == 2
    assert "there is no folder" in done.err
