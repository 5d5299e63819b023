"""Commands beside which power is sampled: joules against a course of power that is known, and a child that
keeps its exit code and its signals."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgeai.device import detect
from edgeai.measure.child import CommandFailed, check_command, run_child, signals_held
from edgeai.measure.power_record import CommandEnergy, Recorded, command_energy, record_command, trace_rows
from edgeai.power import GAUGE_W, ErrorModel, MeterInfo, Rail, Site, Span, Trace, find_meter
from edgeai.sysroot import SysRoot
from edgeai.testing import FakeMeter, PlayedRoot, steady, swinging
from edgeai.unavailable import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

BOARDS = Path(__file__).parents[2] / "boards"
SLEEP = (sys.executable, "-c", "import time; time.sleep(1)")


def recorded_on(played: PlayedRoot, idle_s: float = 0.0) -> Recorded:
    root = SysRoot(played.path)
    meter = find_meter(Site(root, detect(root)))
    assert not isinstance(meter, Unavailable)
    try:
        return record_command(SLEEP, meter, idle_s=idle_s)
    finally:
        meter.close()


@pytest.mark.parametrize(
    ("board", "shows_w", "scope"),
    [("jetson-orin-nano", 9.250304, "module (VDD_IN)"), ("x86-64", None, "platform (psys)")],
)
def test_a_command_takes_what_the_board_drew_meanwhile(board: str, shows_w: float | None, scope: str) -> None:
    with PlayedRoot(BOARDS / board, swinging(9.0, 1.0, 0.9), shows_w=shows_w) as played:
        recorded = recorded_on(played)
        true_j = played.joules(recorded.begin_s, recorded.begin_s + recorded.duration_s)
    energy = recorded.energy
    assert isinstance(energy, CommandEnergy)
    assert (recorded.exit_code, energy.scope) == (0, scope)
    # The player's own thread is late on a busy machine; a rail summed twice or a unit gone wrong is far off.
    assert energy.gross_j.value == pytest.approx(true_j, rel=0.05)
    assert energy.power_w.value == pytest.approx(energy.gross_j.value / recorded.duration_s)
    assert energy.gross_j.low is not None
    assert energy.gross_j.high is not None
    assert energy.gross_j.low < true_j < energy.gross_j.high
    assert energy.peak_w is not None
    assert energy.peak_w > energy.power_w.value
    assert (energy.net_j, energy.idle_w) == (None, None)
    header, rows = trace_rows(recorded)
    assert header[0] == "time_s"
    assert rows[0][0] < 0 < recorded.duration_s < rows[-1][0]
    assert all(len(row) == len(header) for row in rows)


def test_net_is_less_what_idling_took() -> None:
    # 4 W until the command begins, 9 W from then on.
    begun_s: list[float] = []
    started = time.monotonic()

    def joules(seconds: float) -> float:
        loaded_s = max(started + seconds - begun_s[0], 0.0) if begun_s else 0.0
        return 4.0 * seconds + 5.0 * loaded_s

    meter = FakeMeter(joules, GAUGE_W, update_s=0.02)
    begun_s.append(started + 0.6)  # the command's beginning, about
    recorded = record_command(SLEEP, meter, idle_s=0.55)
    energy = recorded.energy
    assert isinstance(energy, CommandEnergy)
    assert energy.idle_w == pytest.approx(4.0, abs=0.3)
    assert energy.net_j is not None
    assert energy.idle_w is not None
    assert energy.net_j.value == pytest.approx(
        energy.gross_j.value - energy.idle_w * recorded.duration_s, rel=1e-6
    )


def trace_of(
    kind: str, watts: Callable[[float], float], error: ErrorModel, failed: tuple[float, ...] = ()
) -> Trace:
    times = tuple(at * 0.01 for at in range(1001))
    info = MeterInfo("m", "board", kind, (Rail("all"),), 0.01, error)
    return Trace(info, times, tuple((watts(time_s),) for time_s in times), failed, 1e-4, 0.01)


def test_gain_of_the_sensor_is_of_the_net_figure_and_its_offset_cancels() -> None:
    # 2 W idle until 5 s, 3 W after; gain 1 %, offset 1 W.
    error = ErrorModel(gain=0.01, offset_w=1.0, lsb=0.0, source="made up")
    trace = trace_of(GAUGE_W, lambda time_s: 2.0 if time_s < 5 else 3.0, error)
    energy = command_energy(trace, Span(5.5, 9.5), Span(0.5, 4.5))
    assert isinstance(energy, CommandEnergy)
    assert energy.gross_j.value == pytest.approx(12.0)
    assert energy.gross_j.high == pytest.approx(12.0 + 1.96 * (0.12**2 + 4.0**2) ** 0.5, rel=0.01)
    assert energy.net_j is not None
    assert energy.net_j.value == pytest.approx(4.0)
    assert energy.net_j.high == pytest.approx(4.0 + 1.96 * 0.04, rel=0.01)
    assert (energy.power_w.value, energy.peak_w, energy.idle_w) == pytest.approx((3.0, 3.0, 2.0))


def test_what_cannot_be_told_is_unavailable() -> None:
    exact = ErrorModel(0.0, 0.0, 0.0, "made up")
    still = command_energy(trace_of(GAUGE_W, lambda time_s: 2.0, exact), Span(1.0, 2.0))
    assert isinstance(still, Unavailable)
    assert still.unavailable == "stale: the sensor's value never changed in 10.0 s"
    outside = command_energy(trace_of(GAUGE_W, lambda time_s: time_s, exact), Span(9.0, 12.0))
    assert isinstance(outside, Unavailable)


def test_failed_reads_are_counted_in_the_command_only() -> None:
    exact = ErrorModel(0.0, 0.0, 0.0, "made up")
    energy = command_energy(trace_of(GAUGE_W, lambda time_s: time_s, exact, (0.5, 2.5, 2.6)), Span(2.0, 4.0))
    assert isinstance(energy, CommandEnergy)
    assert (energy.failed_reads, energy.reads) == (2, 201)
    assert energy.gross_j.value == pytest.approx(6.0, rel=0.01)


# The child


def ended(*words: str, output: int | None = None) -> int:
    with signals_held() as mask:
        return run_child(words, mask, output=output).exit_code


def test_the_exit_code_is_the_commands_own() -> None:
    assert ended("sh", "-c", "exit 7") == 7
    assert ended("sh", "-c", "kill -9 $$") == 137
    assert ended("true") == 0


def test_standard_output_goes_where_it_is_told(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        assert ended("echo", "hello", output=out.fileno()) == 0
    assert (tmp_path / "out").read_text() == "hello\n"


def test_a_command_starts_with_signals_as_they_were_before() -> None:
    # Its mask of blocked signals, and SIGPIPE, which Python ignores.
    script = "grep -E '^Sig(Blk|Ign)' /proc/self/status | awk '{print $2}' | tr '\\n' ' '"
    before = signal.pthread_sigmask(signal.SIG_BLOCK, set())
    read, write = os.pipe()
    assert ended("sh", "-c", script, output=write) == 0
    os.close(write)
    with os.fdopen(read) as told:
        blocked, ignored = (int(word, 16) for word in told.read().split())
    assert blocked == sum(1 << (number - 1) for number in before)
    assert not ignored >> (signal.SIGPIPE - 1) & 1
    assert signal.pthread_sigmask(signal.SIG_BLOCK, set()) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_signals_are_sent_on(number: signal.Signals) -> None:
    # To this thread, since others of this process have no reason to hold signals.
    ready, told = os.pipe()
    script = f"trap 'exit 42' {number.name[3:]}; echo ready; while :; do sleep 0.01; done"
    main = threading.get_ident()

    def send() -> None:
        assert os.read(ready, 6) == b"ready\n"
        signal.pthread_kill(main, number)

    with signals_held() as mask:
        sender = threading.Thread(target=send)
        sender.start()
        code = run_child(["sh", "-c", script], mask, output=told).exit_code
        sender.join()
    os.close(ready)
    os.close(told)
    assert code == 42


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("no-such-command", 127, "the command 'no-such-command' is not there on PATH"),
        ("./nothing", 127, "the command './nothing' is not there"),
        ("plain.txt", 127, "is not there on PATH"),
        ("./plain.txt", 126, "may not be executed"),
        ("./folder", 126, "is a folder"),
        ("", 127, "the command '' is not there on PATH"),
    ],
)
def test_a_command_that_cannot_run_is_told_before_anything_is_waited_for(
    name: str, code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.txt").write_text("text")
    (tmp_path / "folder").mkdir()
    with pytest.raises(CommandFailed, match="nothing was run or measured") as failed:
        record_command([name], FakeMeter(steady(1.0)), idle_s=100.0)
    assert failed.value.exit_code == code
    assert said in str(failed.value)
    check_command(["sh"])


def test_a_script_without_an_interpreter_is_told(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/nowhere/interpreter\n")
    script.chmod(0o755)
    with pytest.raises(CommandFailed, match="cannot be run: No such file") as failed:
        ended(str(script))
    assert failed.value.exit_code == 127
