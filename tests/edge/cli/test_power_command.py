"""`edgeai power` as a user calls it: looks in every form, a terminal drawn in place, recorded commands."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from edgeai.cli.power_lines import Words, clock_text, cut
from edgeai.measure.power_watch import PowerLook, PowerTotals, RailPower
from edgeai.power import METERS
from edgeai.sysroot import SysRoot
from edgeai.testing import PlayedRoot, swinging
from edgeai.unavailable import Unavailable
from tests.command import call

if TYPE_CHECKING:
    from collections.abc import Iterator

BOARDS = Path(__file__).parents[2] / "boards"
ORIN = BOARDS / "jetson-orin-nano"
NOTHING = BOARDS / "container-without-sys"
EDGEAI = str(Path(sys.executable).with_name("edgeai"))
QUICK = ("--every", "100ms")
SCHEMA = jsonschema.Draft202012Validator(
    json.loads((Path(__file__).parents[3] / "edge/edgeai/cli/power.schema.json").read_text(encoding="utf-8"))
)


@pytest.fixture(scope="module")
def orin() -> Iterator[PlayedRoot]:
    """An Orin Nano of 9.25 W, more or less."""
    with PlayedRoot(ORIN, swinging(9.25, 0.5, 0.7), shows_w=9.250304) as played:
        yield played


# Looks


def test_a_line_a_look_where_it_is_piped_and_a_summary() -> None:
    done = call("power", "--root", ORIN, *QUICK, "--count", "2")
    assert (done.code, done.err) == (0, "")
    title, first, second, summary = done.out.splitlines()
    assert title == (
        "edgeai power: NVIDIA Jetson Orin Nano Engineering Reference Developer Kit; ina3221: module (VDD_IN)"
    )
    for line in (first, second):
        assert "  9.25 W " in line
        assert "VDD_IN 9.25 W, VDD_CPU_GPU_CV 2.55 W (inside), VDD_SOC 2.27 W (inside)" in line
        assert "cpu-thermal 48.0 °C" in line
        assert "6 x 0.73 GHz, governor schedutil" in line
        assert line.endswith("throttling none in force")
    assert re.fullmatch(
        r"[\d.]+ m?s: mean 9\.25 W, highest 9\.25 W, [\d.]+ J; ina3221: module \(VDD_IN\)", summary
    ), summary


def test_quiet_is_the_looks_alone_and_verbose_adds_what_to_know() -> None:
    quiet = call("power", "--root", ORIN, *QUICK, "--count", "1", "-q").out
    assert len(quiet.splitlines()) == 1
    verbose = call("power", "--root", ORIN, *QUICK, "--count", "1", "-v").out
    assert "note: what lies outside of the module (carrier board, fan, drives" in verbose


def test_json_lines_hold_every_rail_and_all_else() -> None:
    done = call("power", "--root", ORIN, *QUICK, "--for", "250ms", "--json")
    assert done.code == 0
    assert len(done.lines) == 3
    for line in done.lines:
        assert (line["kind"], line["schema"]) == ("edgeai.power", 1)
        assert (line["meter"], line["scope"], line["is_estimate"]) == ("ina3221", "module (VDD_IN)", False)
        assert line["power_w"] == pytest.approx(9.250304)
        assert [(rail["name"], rail["counted"]) for rail in line["rails"]] == [
            ("VDD_IN", True),
            ("VDD_CPU_GPU_CV", False),
            ("VDD_SOC", False),
        ]
        assert line["temperatures_c"]["cpu-thermal"] == 48.031
        assert line["frequencies_hz"] == [729_600_000] * 6
        assert (line["throttle_now"], line["unavailable"]) == ([], None)
    assert [line["time_s"] for line in done.lines] == sorted(line["time_s"] for line in done.lines)
    assert "mean 9.25 W" in done.err  # the summary does not spoil the lines


def test_csv_is_a_header_and_rows() -> None:
    done = call("power", "--root", ORIN, *QUICK, "--count", "2", "--csv")
    rows = [*csv.DictReader(io.StringIO(done.out))]
    assert len(rows) == 2
    for row in rows:
        assert float(row["power_w"]) == pytest.approx(9.250304)
        assert float(row["rail_w:VDD_SOC"]) == pytest.approx(2.272704)
        assert row["temperature_c:cpu-thermal"] == "48.031"
        assert row["frequency_hz:5"] == "729600000"
        assert (row["failed_reads"], row["throttle_now"], row["unavailable"]) == ("0", "", "")


def test_without_a_meter_the_rest_is_shown_with_the_reason() -> None:
    root = BOARDS / "raspberry-pi-4"
    done = call("power", "--root", root, *QUICK, "--count", "1", "--meter", "ina3221")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("edgeai: --meter ina3221: there is no INA3221 under /sys/class/hwmon; ")
    done = call("power", "--root", NOTHING, *QUICK, "--count", "1")
    assert done.code == 0
    assert "; power unavailable: this machine has no power sensor that edgeai can read; measure" in done.out
    assert "temperature unavailable: the kernel shows no thermal zone; clock unavailable: " in done.out
    line = call("power", "--root", NOTHING, *QUICK, "--count", "1", "--json").lines[0]
    assert (line["power_w"], line["energy_j"], line["rails"], line["meter"]) == (None, None, [], None)
    assert line["unavailable"]["unavailable"] == "this machine has no power sensor that edgeai can read"


def test_a_counter_that_stands_still_is_stale_and_not_0() -> None:
    done = call("power", "--root", BOARDS / "x86-64", *QUICK, "--count", "2")
    assert done.code == 0
    assert "power unavailable: stale: the counter of rapl-psys did not move in " in done.out
    assert "0 W" not in done.out
    assert "no power was read: stale: " in done.out.splitlines()[-1]


def test_the_list_says_of_each_meter_whether_it_works_here_or_what_to_do() -> None:
    done = call("power", "--list", "--root", ORIN)
    assert done.code == 0
    lines = done.out.splitlines()
    assert [line.split()[0] for line in lines if line[0] != " "] == list(METERS)
    assert "ina3221       works: module (VDD_IN), 3 rails" in lines
    assert max(map(len, lines)) <= 110
    meters = {
        each["name"]: each for each in call("power", "--list", "--json", "--root", ORIN).document["meters"]
    }
    assert meters["ina3221"]["works"] is True
    assert meters["ina3221"]["scope"] == "module (VDD_IN)"
    assert meters["rapl"]["works"] is False
    assert meters["rapl"]["unavailable"]
    assert meters["rapl"]["advice"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--every", "1ms"), 2, "--every 0.001s is too short; give 20ms or more"),
        (("--every", "soon"), 2, "'soon' is no duration like 500ms, 10s or 2m"),
        (("--csv", "--json"), 2, "--csv and --json exclude each other"),
        (("--csv", "--list"), 2, "--csv and --list exclude each other"),
        (("--meter", "rappl"), 2, "no meter is called 'rappl'; did you mean rapl? the meters are: "),
        (("--meter", "shelly"), 3, "--meter shelly: a Shelly plug is used only when named; give its address"),
        (("--meter", "rapl", "record", "--", "true"), 2, "options before 'record' are not passed on to it"),
        (("record",), 2, "give the command to run"),
    ],
)
def test_what_is_wrong_is_one_line(words: tuple[str, ...], code: int, said: str) -> None:
    done = call("power", *words)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("edgeai power --meter ina", {name for name in METERS if name.startswith("ina")}),
        ("edgeai power record --meter bat", {"battery"}),
        ("edgeai power rec", {"record"}),
    ],
)
def test_tab_completes_meters(words: str, expected: set[str]) -> None:
    asked = {"_EDGEAI_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run([EDGEAI], env={**os.environ, **asked}, capture_output=True, text=True, check=False)
    assert {line.split(",")[1] for line in done.stdout.split()} == expected


@pytest.mark.parametrize("board", ["jetson-orin-nano", "raspberry-pi-5", "x86-64", "container-without-sys"])
def test_json_is_as_its_schema_says(board: str) -> None:
    for line in call("power", "--root", BOARDS / board, *QUICK, "--count", "2", "--json").lines:
        SCHEMA.validate(line)
    SCHEMA.validate(call("power", "--root", BOARDS / board, "--list", "--json").document)


# The terminal


class Screen:
    """What a terminal shows of what was written to it: as much of ECMA-48 as the live view uses."""

    def __init__(self) -> None:
        self.lines = [""]
        self.row = self.column = 0
        self.cursor_shown = True
        self.frames = 0

    def feed(self, text: str) -> None:
        for code, count, kind, letter in re.findall(r"(\x1b\[(\??\d*)([A-Za-z]))|(.|[\r\n])", text):
            if not code:
                self._letter(letter)
            elif kind == "F":
                self.row, self.column = self.row - int(count), 0
                self.frames += 1
                assert self.row >= 0
            elif kind == "K":
                self.lines[self.row] = self.lines[self.row][: self.column]
            elif kind == "J":
                del self.lines[self.row + 1 :]
                self.lines[self.row] = self.lines[self.row][: self.column]
            else:
                assert (count, kind) in {("?25", "l"), ("?25", "h")}, code
                self.cursor_shown = kind == "h"

    def _letter(self, letter: str) -> None:
        if letter == "\r":
            self.column = 0
        elif letter == "\n":
            self.row += 1
            if self.row == len(self.lines):
                self.lines.append("")
        else:
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[: self.column] + letter + line[self.column + 1 :]
            self.column += 1


class Terminal:
    """A command in a pseudo-terminal of its own, which Ctrl-C goes to."""

    def __init__(self, *words: object) -> None:
        self.master, slave = os.openpty()
        environment = {**os.environ, "COLUMNS": "100", "LINES": "40", "PYTHONIOENCODING": "utf-8"}
        # setsid makes the terminal the one that controls the command, as a shell's is.
        self.process = subprocess.Popen(
            ["setsid", "--ctty", EDGEAI, *map(str, words)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
        )
        os.close(slave)
        self.text = ""

    def read_until(self, holds: str, limit_s: float = 60.0) -> str:
        """Everything so far, once it holds a text."""
        end_s = time.monotonic() + limit_s
        while holds not in self.text:
            assert time.monotonic() < end_s, self.text
            self._read(0.1)
        return self.text

    def press_ctrl_c(self) -> None:
        os.write(self.master, b"\x03")

    def end(self, limit_s: float = 60.0) -> int:
        """The exit code, and all that was written."""
        end_s = time.monotonic() + limit_s
        while self._read(0.1) or self.process.poll() is None:
            if time.monotonic() > end_s:
                self.process.kill()
                raise AssertionError(f"it goes on: {self.text[-2000:]}")
        os.close(self.master)
        return self.process.returncode

    def _read(self, wait_s: float) -> bool:
        if not select.select([self.master], [], [], wait_s)[0]:
            return False
        try:
            part = os.read(self.master, 65536)
        except OSError:  # the other end is closed
            return False
        self.text += part.decode()
        return bool(part)


needs_setsid = pytest.mark.skipif(shutil.which("setsid") is None, reason="no setsid here: util-linux has it")


@needs_setsid
def test_a_terminal_is_drawn_in_place_and_ctrl_c_ends_it_with_a_summary(orin: PlayedRoot) -> None:
    terminal = Terminal("power", "--root", orin.path, "--every", "200ms")
    terminal.read_until("Ctrl-C ends")
    end_s = time.monotonic() + 60
    while terminal.text.count("Ctrl-C ends") < 3 and time.monotonic() < end_s:
        terminal._read(0.1)
    terminal.press_ctrl_c()
    assert terminal.end() == 0
    screen = Screen()
    screen.feed(terminal.text)
    assert screen.frames >= 2
    assert screen.cursor_shown
    shown = [line.rstrip() for line in screen.lines if line.strip()]
    assert shown[0].startswith("edgeai power: NVIDIA Jetson Orin Nano")
    assert [line.split()[0] for line in shown[1:5]] == ["total", "VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"]
    assert "█" in shown[2]
    assert [line.endswith("inside another") for line in shown[1:5]] == [False, False, True, True]
    assert [line.split()[0] for line in shown[6:9]] == ["temperature", "clock", "throttling"]
    assert sum("total" in line for line in shown) == 1  # one frame is left, not one below the other
    assert re.match(r"[\d.]+ m?s: mean [\d.]+ W, highest [\d.]+ W, [\d.]+ J", shown[-1])
    assert "Traceback" not in terminal.text


@needs_setsid
def test_a_terminal_gets_its_cursor_back_when_the_view_is_killed(orin: PlayedRoot) -> None:
    terminal = Terminal("power", "--root", orin.path, "--every", "200ms")
    terminal.read_until("Ctrl-C ends")
    terminal.process.terminate()
    assert terminal.end() == 128 + signal.SIGTERM
    screen = Screen()
    screen.feed(terminal.text)
    assert screen.cursor_shown


@needs_setsid
def test_ctrl_c_reaches_a_recorded_command_once(orin: PlayedRoot) -> None:
    script = (
        "import signal, time\n"
        "seen = []\n"
        "signal.signal(signal.SIGINT, lambda *_: seen.append(1))\n"
        "print('ready', flush=True)\n"
        "end = time.monotonic() + 60\n"
        "while not seen and time.monotonic() < end: time.sleep(0.01)\n"
        "time.sleep(0.3)\n"
        "raise SystemExit(40 + len(seen))\n"
    )
    terminal = Terminal("power", "record", "--root", orin.path, "--", sys.executable, "-c", script)
    terminal.read_until("ready")
    terminal.press_ctrl_c()
    assert terminal.end() == 41
    assert "exit code 41" in terminal.text
    assert "energy   gross " in terminal.text


def test_a_terminal_that_is_too_small_is_not_written_beyond() -> None:
    assert cut(["12345678", "a", "b"], columns=6, rows=3) == ["12345", "a"]


# Words


def look_of(**changes: Any) -> PowerLook:
    from dataclasses import replace

    from edgeai.measure.conditions import read_conditions

    rails = (RailPower("VIN", True, 5.0), RailPower("VDD_GPU", False, -0.01))
    conditions = read_conditions(SysRoot(ORIN))
    return replace(PowerLook(1.0, 5.0, 5.0, rails, 0, None, conditions), **changes)


def test_what_a_board_calls_itself_cannot_write_to_the_terminal() -> None:
    info = Unavailable("nothing", "do")
    words = Words(info, "\x1b[2Jboard")
    rails = (RailPower("\x1b[31mVIN\n", True, 5.0),)
    look = look_of(rails=rails)
    frame = words.frame(look, PowerTotals(1.0, 1.0, 5.0, 5.0))
    assert not any("\x1b" in line or "\n" in line for line in [*frame, words.line(look)])


def test_without_a_meter_the_frame_holds_the_whole_reason() -> None:
    words = Words(Unavailable("no sensor" + " at all" * 20, "do this and that"), "board")
    frame = words.frame(look_of(rails=(), power_w=None), PowerTotals(1.0, 0.0, 0.0, None))
    assert frame[0] == "edgeai power: board"
    assert all(len(line) < 80 for line in frame[: frame.index("", 2)])
    text = " ".join(" ".join(frame).split())
    assert f"power unavailable: no sensor{' at all' * 20}; do this and that temperature" in text


def test_a_rail_below_0_has_no_bar() -> None:
    frame = Words(Unavailable("nothing", "do"), "board").frame(look_of(), PowerTotals(1.0, 1.0, 5.0, 5.0))
    row = next(line for line in frame if "VDD_GPU" in line)
    assert row.split() == ["VDD_GPU", "-10.0", "mW", "inside", "another"]


def test_throttling_tells_what_is_new_from_what_was_latched() -> None:
    from dataclasses import replace

    words = Words(Unavailable("nothing", "do"), "board")
    first = look_of()
    seen = replace(first.conditions, throttle_counts={"under-voltage since boot": 1, "over-current (oc1)": 4})
    words.line(replace(first, conditions=seen))
    later = replace(
        seen, throttle_counts={**seen.throttle_counts, "over-current (oc1)": 6}, throttle_now=("throttled",)
    )
    line = words.line(replace(first, conditions=later))
    assert line.endswith(
        "throttling NOW throttled, over-current (oc1) (2 new) (seen: under-voltage since boot)"
    )


def test_the_course_goes_from_0_to_the_highest() -> None:
    words = Words(Unavailable("nothing", "do"), "board", unicode=False)
    for watts in (0.0, 5.0, 10.0):
        words.line(look_of(power_w=watts, rails=()))
    assert words.course() == "_-#"


def test_hours_are_told_as_such() -> None:
    assert clock_text(3723.9) == "1:02:03"


# Recorded commands


def record(root: Path, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [EDGEAI, "power", "record", "--root", str(root), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **options)


def test_a_recorded_command_keeps_its_output_and_exit_code(orin: PlayedRoot, tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    done = record(orin.path, "--csv", str(trace), "-v", "--", "sh", "-c", "echo mine; sleep 1; exit 7")
    assert (done.returncode, done.stdout) == (7, "mine\n")
    told = dict(line.split(None, 1) for line in done.stderr.splitlines() if line[0] != " ")
    assert re.fullmatch(r"gross [\d.]+ J \[[\d.]+ J, [\d.]+ J\]; scope: module \(VDD_IN\)", told["energy"])
    assert re.fullmatch(r"mean [\d.]+ W \[[\d.]+ W, [\d.]+ W\], peak [\d.]+ W", told["power"])
    assert told["time"].endswith(" s, exit code 7")
    assert told["method"].startswith("ina3221, power integrated over time, ")
    assert "VDD_IN 9." in told["rails"]
    rows = [*csv.DictReader(io.StringIO(trace.read_text()))]
    assert [*rows[0]] == ["time_s", "VDD_IN_w", "VDD_CPU_GPU_CV_w", "VDD_SOC_w"]
    assert float(rows[0]["time_s"]) < 0
    assert float(rows[-1]["time_s"]) > 1
    assert all(8.5 < float(row["VDD_IN_w"]) < 10 for row in rows)
    assert [path.name for path in tmp_path.iterdir()] == ["trace.csv"]


def test_json_is_alone_on_standard_output(orin: PlayedRoot) -> None:
    done = record(orin.path, "--idle", "1s", "--json", "--", "sh", "-c", "echo mine; sleep 1")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    SCHEMA.validate(document)
    assert done.stderr.splitlines() == ["edgeai: idling for 1.00 s", "mine"]
    assert document["kind"] == "edgeai.power.record"
    assert document["command"] == ["sh", "-c", "echo mine; sleep 1"]
    energy = document["energy"]
    assert energy["gross_j"]["value"] == pytest.approx(9.25 * document["duration_s"], rel=0.1)
    assert energy["idle_w"] == pytest.approx(9.25, rel=0.1)
    net = energy["net_j"]
    assert net["low"] < 0 < net["high"]  # the board draws the same all the time


def test_without_a_meter_the_command_is_not_run(tmp_path: Path) -> None:
    done = record(NOTHING, "--", "touch", str(tmp_path / "ran"))
    assert done.returncode == 3
    assert done.stderr.startswith("edgeai: this machine has no power sensor")
    assert done.stderr.endswith("; the command was not run\n")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("command", "code"), [("no-such-command", 127), ("/etc/passwd", 126)])
def test_a_command_that_is_not_there_is_one_clear_line(command: str, code: int) -> None:
    done = record(ORIN, "--", command)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"edgeai: the command '{command}' ")
    assert done.stderr.count("\n") == 1


def test_a_trace_that_cannot_be_written_is_told_before_the_command_runs(tmp_path: Path) -> None:
    done = record(ORIN, "--csv", str(tmp_path / "no/trace.csv"), "--", "touch", str(tmp_path / "ran"))
    assert done.returncode == 2
    assert "trace.csv cannot be written" in done.stderr
    assert not (tmp_path / "ran").exists()


def test_where_no_joules_can_be_told_the_exit_code_is_still_the_commands() -> None:
    done = record(ORIN, "--json", "--", "sh", "-c", "exit 5")  # a tree that nobody plays
    assert done.returncode == 5
    SCHEMA.validate(json.loads(done.stdout))
    done = record(ORIN, "--", "sh", "-c", "exit 5")
    assert done.returncode == 5
    assert done.stderr.startswith("energy   unavailable: stale: the sensor's value never changed in ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_us_is_sent_on_to_the_command(orin: PlayedRoot, number: signal.Signals) -> None:
    script = f"trap 'exit 42' {number.name[3:]}; echo ready; while :; do sleep 0.01; done"
    words = ["power", "record", "--root", str(orin.path), "--", "sh", "-c", script]
    with subprocess.Popen(
        [EDGEAI, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 42
    assert "exit code 42" in told


def test_an_address_of_a_meter_that_takes_none_is_refused() -> None:
    done = call("power", "--root", ORIN, "--meter", "ina3221=x", "--count", "1")
    assert (done.code, done.out) == (2, "")
    assert done.err == "edgeai: --meter ina3221=x: ina3221 takes no address; write --meter ina3221\n"


def test_a_report_that_cannot_be_written_leaves_the_commands_exit_code() -> None:
    command = f"{EDGEAI} power record --json --root {ORIN} -- sh -c 'exit 5'"
    done = subprocess.run(
        ["sh", "-c", f"{command} > /dev/full"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 5
    assert done.stderr == "edgeai: the report cannot be written: No space left on device\n"


def test_closed_standard_output_is_no_stack_trace() -> None:
    done = subprocess.run(
        ["sh", "-c", f"{EDGEAI} power --root {ORIN} --every 100ms --count 1 >&-"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
