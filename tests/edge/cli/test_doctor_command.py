"""`edgeai doctor` as a user calls it: text, JSON by its schema, exit codes, and words that are wrong."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from edgeai.doctor import CHECKS
from tests.command import call
from tests.edge.doctor.patients import BOARDS, TREES, made_sick

SCHEMA: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "edge/edgeai/doctor/doctor.schema.json").read_text(encoding="utf-8")
)
PI_4 = BOARDS / "raspberry-pi-4"
SICK = "sys/devices/platform/soc/soc:firmware/get_throttled"


def test_findings_are_printed_with_what_why_and_mend_the_gravest_first() -> None:
    done = call("doctor", "--root", PI_4, "--only", "governor,memory-cgroup,under-voltage,swap")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "raspberry-pi-4  Raspberry Pi 4 Model B Rev 1.4"
    assert lines[2].startswith("warning  under-voltage: the supply was too weak at some time since boot")
    assert lines[3].startswith("         why:  ")
    assert lines[4] == "         mend: use the supply made for the board, and a short cable"
    assert [line.split()[0] for line in lines if line[:1].isalpha()] == [
        "raspberry-pi-4",
        "warning",
        "warning",
        "note",
    ]
    assert lines[-1] == "4 checks: 0 broken, 2 warnings, 1 note, 0 unknown"


def test_exit_code_1_says_that_something_is_broken(tmp_path: Path) -> None:
    tree = made_sick(tmp_path, "raspberry-pi-4", {SICK: "50005\n"}).root.path
    done = call("doctor", "--root", tree, "-q")
    assert done.code == 1
    assert [line.split()[0] for line in done.out.splitlines()[:2]] == ["broken", "broken"]
    assert ": 2 broken, " in done.out.splitlines()[-1]


@pytest.mark.parametrize("name", ["raspberry-pi-4", "jetson-orin-nx", "x86-64", "jetson-container"])
def test_json_is_what_its_schema_says(name: str) -> None:
    done = call("doctor", "--root", BOARDS / name, "--json")
    jsonschema.validate(done.document, SCHEMA)
    assert done.document["checks"] == list(CHECKS)
    assert done.document["root"] == str(BOARDS / name)
    assert sum(done.document["counts"].values()) == len(done.document["findings"]) > 0


def test_the_schema_is_closed_and_its_own_severities_are_ours() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    document = call("doctor", "--root", PI_4, "--json").document
    for spoil in (
        lambda made: made.update(colour="red"),
        lambda made: made.pop("counts"),
        lambda made: made["findings"][0].update(severity="fatal"),
        lambda made: made["findings"][0].pop("mend"),
        lambda made: made["counts"].update(fatal=1),
    ):
        spoilt = json.loads(json.dumps(document))
        spoil(spoilt)
        assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(spoilt)


def test_verbose_names_the_checks_that_found_nothing() -> None:
    done = call("doctor", "--root", PI_4, "--only", "swap,under-voltage", "-v")
    assert "\nnothing to say: swap\n" in done.out


def test_the_list_shows_every_check_with_one_line() -> None:
    lines = call("doctor", "--list").out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(CHECKS)
    assert all(len(line) <= 100 for line in lines)


def test_a_check_that_nobody_knows_is_told_the_nearest() -> None:
    done = call("doctor", "--only", "swop")
    assert (done.code, done.out) == (2, "")
    assert (
        done.err == "edgeai: no check is called 'swop'; did you mean swap? `edgeai doctor --list` shows all\n"
    )


def test_a_tree_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert call("doctor", "--root", tmp_path / "no").code == 2


@pytest.mark.parametrize("name", TREES)
def test_every_tree_can_be_printed(name: str) -> None:
    done = call("doctor", "--root", BOARDS / name)
    assert (done.code, done.err) == (0, "")


def on_a_terminal(*words: str, **environment: str) -> str:
    """Standard output of a command that writes to a terminal."""
    ours, theirs = pty.openpty()
    inherited = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    code = "from edgeai.cli import main; main()"
    subprocess.run(
        [sys.executable, "-c", code, *words],
        stdout=theirs,
        check=True,
        env={**inherited, "TERM": "xterm", **environment},
    )
    os.close(theirs)
    text = os.read(ours, 1 << 16).decode()
    os.close(ours)
    return text


def test_colour_is_for_terminals_only() -> None:
    words = ("doctor", "--root", str(PI_4), "--only", "under-voltage", "-q")
    assert "\x1b[33m" in on_a_terminal(*words)
    assert "\x1b" not in on_a_terminal(*words, NO_COLOR="1")
    assert "\x1b" not in call(*words).out


REPORT = """
import sys
from edgeai.cli import main
try:
    main()
except SystemExit as end:
    assert end.code in (0, 1)
print(sorted({'numpy', 'onnxruntime', 'ai_edge_litert', 'psutil'} & set(sys.modules)), file=sys.stderr)
"""


def test_this_machine_can_be_examined_without_loading_numpy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", REPORT, "doctor"], capture_output=True, text=True, check=True
    )
    assert done.stderr == "[]\n"
    assert f"{len(CHECKS)} checks: 0 broken" in done.stdout


def test_no_check_at_all_is_no_clean_bill() -> None:
    for only in ("", ",,"):
        done = call("doctor", "--only", only)
        assert (done.code, done.out) == (2, "")
        assert done.err == "edgeai: --only names no check; `edgeai doctor --list` shows all\n"


def test_a_list_has_no_json() -> None:
    done = call("doctor", "--list", "--json")
    assert (done.code, done.err) == (2, "edgeai: --json and --list exclude each other; choose one\n")
