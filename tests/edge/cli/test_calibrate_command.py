"""`edgeai calibrate`: from samples, from a person at a terminal, from a played plug, and what goes wrong."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import psutil
import pytest

from edgeai.cli.calibrate_asking import Waiting, _watts
from edgeai.device import detect
from edgeai.device.cpu_times import BusyCores
from edgeai.power.estimate import Watts, watts_of
from edgeai.power.identity import serials
from edgeai.power.meter import Site
from edgeai.power.unit import Unit, load_unit, read_unit, save_unit
from edgeai.sysroot import SysRoot
from tests.command import call

HERE = SysRoot()
CPUS = len(os.sched_getaffinity(0))
TRUE_IDLE_W, TRUE_CORE_W = 12.0, 3.0
SAMPLES = "loaded,power_w\n0,2.7\n0,2.8\n4,6.4\n4,6.5\n"

pytestmark = pytest.mark.skipif(not serials(HERE), reason="this machine shows no serial number")


@pytest.fixture
def overlay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's overlay lies; the tester's own is left alone."""
    file = tmp_path / "config/unit.toml"
    monkeypatch.setenv("EDGEAI_UNIT", str(file))
    return file


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    file = tmp_path / "readings.csv"
    file.write_text(SAMPLES)
    return file


# --- From a file ---


def test_samples_become_the_overlay_of_this_unit(overlay: Path, samples: Path) -> None:
    done = call("calibrate", "--samples", samples)
    assert (done.code, done.err) == (0, "")
    assert "at rest         2.75 W (95 %: 2.53 W to 2.97 W)" in done.out
    assert "each busy core  925 mW" in done.out
    assert "     4        4.00  6.40 W  6.45 W  -0.050 W  -0.8 %\n" in done.out
    assert f"saved to {overlay}" in done.out
    unit = load_unit(HERE, detect())
    assert unit is not None
    assert (unit.idle_w, unit.core_active_w) == (2.75, 0.925)
    assert unit.calibration is not None
    assert unit.calibration.meter == "readings of readings.csv"
    watts = watts_of(Site(HERE, detect()))
    assert isinstance(watts, Watts)
    assert (watts.idle_w, watts.error) == (2.75, 0.10)


def test_a_dry_run_shows_and_saves_nothing(overlay: Path, samples: Path) -> None:
    done = call("calibrate", "--samples", samples, "--dry-run")
    assert done.code == 0
    assert "not saved (--dry-run)" in done.out
    assert not overlay.exists()


def test_verbose_prints_the_overlay_and_quiet_only_the_fit(overlay: Path, samples: Path) -> None:
    assert "board  " in call("calibrate", "--samples", samples, "-v").out
    done = call("calibrate", "--samples", samples, "-q")
    assert done.out.splitlines()[-1] == "estimates carry 10 % as one standard deviation"


def test_another_file_is_used_only_where_it_is_named(overlay: Path, samples: Path, tmp_path: Path) -> None:
    done = call("calibrate", "--samples", samples, "-o", tmp_path / "other.toml")
    assert done.code == 0
    assert f"saved to {tmp_path}/other.toml; it is used where EDGEAI_UNIT=" in done.out
    assert read_unit(tmp_path / "other.toml").idle_w == 2.75
    assert not overlay.exists()


def test_json_says_it_all(overlay: Path, samples: Path) -> None:
    document = call("calibrate", "--samples", samples, "--json").document
    assert document["kind"] == "edgeai.calibrate"
    assert document["file"] == str(overlay)
    assert document["fit"]["core_active_w"]["value"] == pytest.approx(0.925)
    assert [row["residual_w"] for row in document["fit"]["readings"]] == pytest.approx(
        [-0.05, 0.05, -0.05, 0.05]
    )
    assert document["unit"]["core_active_w"] == 0.925
    assert call("calibrate", "--show", "--json").document["unit"] == document["unit"]


def test_shunts_that_the_user_wrote_stay(overlay: Path, samples: Path) -> None:
    save_unit(Unit(shunts_ohm={"ina219": 0.1}), overlay)
    assert call("calibrate", "--samples", samples).code == 0
    unit = read_unit(overlay)
    assert (unit.shunts_ohm, unit.idle_w) == ({"ina219": 0.1}, 2.75)
    done = call("calibrate", "--remove")
    assert done.out == f"removed the watts of {overlay} (its shunts stay)\n"
    assert read_unit(overlay).shunts_ohm == {"ina219": 0.1}
    assert read_unit(overlay).idle_w is None


def test_what_is_saved_is_shown_and_removed(overlay: Path, samples: Path) -> None:
    assert "nothing is saved for this unit" in call("calibrate", "--show").out
    call("calibrate", "--samples", samples)
    shown = call("calibrate", "--show").out
    assert "at rest" in shown
    assert "4 readings, readings of readings.csv" in shown
    assert call("calibrate", "--remove").out == f"removed {overlay}\n"
    assert not overlay.exists()
    assert call("calibrate", "--remove").out == "nothing is saved for this unit\n"


def test_the_overlay_of_another_unit_is_told_and_replaced(overlay: Path, samples: Path) -> None:
    kind = next(iter(serials(HERE)))
    text = f'[serial]\n{kind} = "another"\n[power.shunts_ohm]\nina219 = 0.1\n'
    overlay.parent.mkdir()
    overlay.write_text(text)
    done = call("calibrate", "--show")
    assert done.code == 2
    assert "ina219" in done.out
    assert "was made on another unit" in done.err
    done = call("calibrate", "--samples", samples)
    assert done.code == 0
    assert "was made on another unit" in done.err
    assert read_unit(overlay).shunts_ohm == {}
    overlay.write_text(text)
    assert call("calibrate", "--remove").out == f"removed {overlay}\n"


# --- Mistakes ---


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--samples", "nosuch.csv"], "nosuch.csv cannot be read"),
        (["--samples", "nosuch.csv", "--meter", "shelly=10.0.0.7"], "--meter does not go with --samples"),
        (["--show", "--remove"], "--remove does not go with --show"),
        (["--remove", "--times", "3"], "--times does not go with --remove"),
        (["--seconds", "3"], "--seconds does not go with no --meter"),
        (["--meter", "wattmeter"], "no meter is called 'wattmeter'"),
        (["--levels", "0,999"], "--levels 999: this process may use"),
        (["--levels", "0"], "--levels: give at least two loads"),
        (["--levels", "all"], "'all' is no list of numbers of cores"),
        (["--times", "1"], "1 is not in the range"),
    ],
)
def test_words_that_make_no_sense_are_one_clear_error(overlay: Path, words: list[str], says: str) -> None:
    done = call("calibrate", *words)
    assert done.code == 2
    assert says in done.err
    assert "Traceback" not in done.err
    assert not overlay.exists()


def test_the_estimate_is_no_meter_to_calibrate_by(overlay: Path, samples: Path) -> None:
    call("calibrate", "--samples", samples)
    done = call("calibrate", "--meter", "estimate")
    assert done.code == 2
    assert "an estimate itself" in done.err


def test_a_meter_that_is_not_there_is_missing_here(overlay: Path) -> None:
    done = call("calibrate", "--meter", "shelly=http://127.0.0.1:9")
    assert done.code == 3
    assert done.err.startswith("edgeai: --meter shelly=http://127.0.0.1:9: ")
    assert not overlay.exists()


def test_readings_that_make_no_sense_save_nothing(overlay: Path, samples: Path) -> None:
    samples.write_text("loaded,power_w\n0,6.4\n0,6.5\n4,2.7\n4,2.8\n")
    done = call("calibrate", "--samples", samples)
    assert done.code == 2
    assert "do not rise with load" in done.err
    assert not overlay.exists()


def test_a_broken_overlay_is_told_before_anybody_reads_a_meter(overlay: Path) -> None:
    overlay.parent.mkdir()
    overlay.write_text("[power]\nidle = 3\n")
    done = call("calibrate")
    assert done.code == 2
    assert done.err == (
        f"edgeai: {overlay}: power.idle: is not a key that is read here; correct the spelling or remove it\n"
    )


@pytest.mark.parametrize(
    ("text", "watts"),
    [("3.4", 3.4), ("3,4 W", 3.4), ("3400 mW", 3.4), (".5w", 0.5), ("12", 12.0), ("0", None), ("-3", None),
     ("3.4.5", None), ("", None), ("nan", None), ("1e3", None), ("three", None), ("3 A", None)],
)  # fmt: skip
def test_watts_are_read_as_people_type_them(text: str, watts: float | None) -> None:
    assert _watts(text) == watts


# --- A person at a terminal ---


class Terminal:
    """A pseudo-terminal with `edgeai calibrate` on it."""

    def __init__(self, *words: str) -> None:
        self.ours, its = pty.openpty()
        # Its controlling terminal, so that ^C reaches it.
        code = (
            "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); from edgeai.cli import main; main()"
        )
        command = [sys.executable, "-c", code, "calibrate", *words]
        self.process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, start_new_session=True)
        os.close(its)
        self.text = ""
        self._seen = 0

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)

    def until(self, piece: str) -> None:
        """Read on until something new holds a piece."""
        end_s = time.monotonic() + 60
        while piece not in self.text[self._seen :]:
            assert time.monotonic() < end_s, self.text
            assert self._more(), self.text
        self._seen = self.text.index(piece, self._seen) + len(piece)

    def type(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def end(self) -> int:
        """Read to the end; the exit code."""
        while self._more():
            pass
        return self.process.wait(60)

    def _more(self) -> bool:
        if not select.select([self.ours], [], [], 60)[0]:
            return False
        with suppress(OSError):  # Linux: nobody is at the other end any more
            piece = os.read(self.ours, 4096)
            self.text += piece.decode()
            return bool(piece)
        return False


LOADS = ("--levels", f"0,{CPUS}", "--settle", "0.3")


def test_a_person_types_what_the_meter_shows(overlay: Path) -> None:
    with Terminal(*LOADS, "--times", "4") as terminal:
        terminal.until("8 readings will be asked for")
        order = [0, CPUS, CPUS, 0] * 2
        for number, level in enumerate(order, 1):
            terminal.until(f"[{number}/8] {level or 'no'} core")
            terminal.until("the meter shows, in W: ")
            if number == 2:
                terminal.type("lots\n")
                terminal.until("'lots' is no reading; type watts above 0, such as 3.4")
                terminal.until("in W: ")
            terminal.type("10,5 W\n" if level else "10\n")
        code = terminal.end()
    _skip_if_busy(terminal.text)
    assert code == 0, terminal.text
    unit = read_unit(overlay)
    assert unit.calibration is not None
    assert [each.power_w for each in unit.calibration.readings] == [
        10.5 if level else 10.0 for level in order
    ]
    assert [each.loaded for each in unit.calibration.readings] == order
    assert unit.calibration.meter == "readings typed in, load by inferences of the model digits"
    # What others do on this machine meanwhile is in the readings, and so in the line through them.
    readings = unit.calibration.readings
    core_w, idle_w = np.polyfit([each.busy for each in readings], [each.power_w for each in readings], 1)
    assert (unit.idle_w, unit.core_active_w) == pytest.approx((idle_w, core_w), rel=1e-3)


def test_ctrl_c_saves_nothing_and_leaves_no_load(overlay: Path) -> None:
    with Terminal(*LOADS) as terminal:
        terminal.until("in W: ")
        terminal.type("10\n")
        terminal.until("in W: ")  # all cores are loaded
        load = psutil.Process(terminal.process.pid).children()
        assert len(load) == CPUS
        terminal.type("\x03")
        assert terminal.end() == 130
    assert "edgeai: interrupted" in terminal.text
    assert "Traceback" not in terminal.text
    assert not overlay.exists()
    assert not any(each.is_running() for each in load)


def test_the_end_of_the_input_is_one_clear_error(overlay: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edgeai", "calibrate", *LOADS, "-q"],
        input="3.0\nnonsense\n\xff\n", capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith(
        "edgeai: the input ended with 3 readings missing, so nothing is saved; type them in at a terminal"
    )
    assert "Traceback" not in done.stderr
    assert not overlay.exists()


# --- A played plug ---


@contextmanager
def played_plug() -> Iterator[str]:
    """A Shelly on loopback: its watts are those of this machine's real load, four times a second."""
    shown = {"apower": TRUE_IDLE_W}
    ends = threading.Event()

    def play() -> None:
        busy = BusyCores(HERE)
        while not ends.wait(0.25):
            shown["apower"], busy = TRUE_IDLE_W + TRUE_CORE_W * (busy() or 0.0), BusyCores(HERE)

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            known: dict[str, Any] = {
                "/shelly": {"id": "shellyplugsg3-1", "gen": 3, "app": "PlugSG3", "auth_en": False},
                "/rpc/Switch.GetStatus?id=0": {"id": 0, "output": True, **shown},
            }
            body = json.dumps(known.get(self.path)).encode()
            self.send_response(200 if self.path in known else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    threads = [threading.Thread(target=server.serve_forever), threading.Thread(target=play)]
    for thread in threads:
        thread.start()
    try:
        yield f"shelly=http://127.0.0.1:{server.server_port}"
    finally:
        ends.set()
        server.shutdown()
        for thread in threads:
            thread.join()
        server.server_close()


def test_a_plugs_watts_are_found_again(overlay: Path) -> None:
    """The plug knows the truth; the fit has to find it within its interval, or within 5 % where that is
    narrower: the plug looks at other moments than the calibration does."""
    words = ("--levels", f"0,{CPUS}", "--settle", "0.6", "--seconds", "2", "--json")
    with played_plug() as address:
        done = call("calibrate", "--meter", address, *words)
    _skip_if_busy(done.err)
    assert done.code == 0, done.err
    fit = done.document["fit"]
    for key, truth in (("idle_w", TRUE_IDLE_W), ("core_active_w", TRUE_CORE_W)):
        found = fit[key]
        half = max(found["high"] - found["value"], 0.05 * TRUE_IDLE_W)
        assert found["value"] - half <= truth <= found["value"] + half, fit
    unit = read_unit(overlay)
    assert unit.calibration is not None
    assert unit.calibration.meter.startswith(f"{address} (wall), load by inferences")
    assert not [
        each for each in psutil.Process().children() if "core_load_process" in " ".join(each.cmdline())
    ]


def _skip_if_busy(text: str) -> None:
    """Other work on this machine can hide every load that a test makes."""
    if "nearly the same at each load" in text or "scatter too much" in text:
        pytest.skip(f"this machine is too busy with other work: {text[-300:]}")


def test_a_terminal_sees_the_seconds_go_down(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, its = pty.openpty()
    with os.fdopen(its, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        wait = Waiting(quiet=False)
        wait(0.1, "settling", 9.9)
        wait(0.1, "reading", 0.0)
        terminal.flush()
        text = os.read(ours, 4096).decode()
    os.close(ours)
    assert text == "\r\x1b[Ksettling, 10 s left\r\x1b[K"


def test_elsewhere_each_thing_that_is_waited_for_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    wait = Waiting(quiet=False)
    for what in ("settling", "settling", "reading"):
        wait(0.01, what, 0.0)
    Waiting(quiet=True)(0.01, "nothing", 0.0)
    assert capsys.readouterr().err == "settling\nreading\n"


def test_a_time_that_is_no_number_is_refused() -> None:
    done = call("calibrate", "--settle", "nan")
    assert done.code == 2
    assert "Invalid value for '--settle'" in done.err
    assert "is no number" in done.err
