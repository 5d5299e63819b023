"""`edgeai device` as a user calls it, and the probing of backends behind it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgeai.backends import BACKENDS, Entry
from edgeai.backends.probe import Probe, probe_backends
from edgeai.cli import edgeai
from edgeai.device import profile_ids
from edgeai.errors import UnknownDevice, UsageError

BOARDS = Path(__file__).parents[2] / "boards"


def run(*words: str) -> Result:
    return CliRunner().invoke(edgeai, ["device", *words], prog_name="edgeai")


def printed(*words: str) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def no_backends(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty table, so that this machine is described without starting processes."""
    for name in tuple(BACKENDS):
        monkeypatch.delitem(BACKENDS, name)


# A captured board.


def test_a_captured_board_is_described() -> None:
    assert printed("--root", str(BOARDS / "jetson-orin-nano-jetpack-5")).splitlines() == [
        "jetson-orin-nano  NVIDIA Jetson Orin Nano",
        "  matched by    compatible nvidia,p3768-0000+p3767-0005",
        "  model         NVIDIA Orin Nano Developer Kit",
        "  system        Ubuntu 20.04.6 LTS; kernel 5.10.120-tegra",
        "  architecture  aarch64, 64-bit userland",
        "  cores         6 online, 6 physical",
        "  features      asimddp asimdhp",
        "  RAM           6.18 GiB",
        "  L4T           35.4.1",
        "backends",
        "  not tried: a captured tree cannot be run on",
        "warning: L4T 35.4.1 (JetPack 5) brings Python 3.8, too old for edgeai: update to JetPack 6, "
        "or run it in a container with Python 3.10 or later",
    ]


def test_quiet_leaves_the_warnings_out() -> None:
    words = ("--root", str(BOARDS / "raspberry-pi-4"))
    assert "warning: the CPU has no dot-product" in printed(*words)
    assert "warning" not in printed(*words, "-q")


def test_verbose_adds_what_is_known_of_the_board() -> None:
    lines = printed("--root", str(BOARDS / "raspberry-pi-5"), "-v").splitlines()
    assert "  idle        3 W  [devices.md]" in lines[lines.index("profile") : lines.index("backends")]


def test_a_captured_board_as_json() -> None:
    document = json.loads(printed("--root", str(BOARDS / "raspberry-pi-5"), "--json"))
    assert (document["schema"], document["kind"]) == (1, "edgeai.device")
    assert document["backends"] is None
    device = document["device"]
    assert device["profile"]["id"] == "raspberry-pi-5"
    assert device["profile"]["idle_w"] == {"value": 3.0, "source": "devices.md"}
    assert (device["cores"], device["physical_cores"]) == (4, 4)
    assert device["memory_bytes"] == 8256224 * 1024
    assert device["features"] == ["asimddp", "asimdhp"]
    assert device["warnings"] == []


def test_a_root_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    result = run("--root", str(tmp_path / "nothing"))
    assert result.exit_code == 2
    assert "does not exist" in result.output


# This machine.


@pytest.mark.usefixtures("no_backends")
def test_this_machine_is_described() -> None:
    assert "  matched by    " in printed()


@pytest.mark.usefixtures("no_backends")
def test_this_machine_as_json_lists_the_probed_backends() -> None:
    assert json.loads(printed("--json"))["backends"] == []


# Lists.


def test_the_list_has_every_board() -> None:
    lines = printed("list").splitlines()
    assert lines[0].split() == ["id", "name", "cores", "RAM", "support"]
    assert [line.split()[0] for line in lines[1:]] == list(profile_ids())


def test_the_list_as_json() -> None:
    profiles = json.loads(printed("list", "--json"))["profiles"]
    assert [profile["id"] for profile in profiles] == list(profile_ids())


def test_one_board_is_shown_with_sources() -> None:
    shown = printed("show", "rk3588")
    assert "  cores        4xCortex-A76 + 4xCortex-A55  [devices.md: 4xA55 + 4xA76" in shown
    assert "  accelerator  RKNPU (npu), 6 TOPS peak  [devices.md: 6 TOPS NPU]" in shown
    assert "  idle         unknown\n" in shown


@pytest.mark.parametrize("id_", profile_ids())
def test_every_board_can_be_shown(id_: str) -> None:
    assert printed("show", id_).startswith(f"{id_}  ")
    assert json.loads(printed("show", id_, "--json"))["profile"]["id"] == id_


def test_an_unknown_board_is_an_error_that_names_the_nearest() -> None:
    error = run("show", "jetson-orin-nan").exception
    assert isinstance(error, UnknownDevice)
    assert "did you mean jetson-orin-nano" in str(error)


def test_an_unknown_board_ends_with_exit_code_2() -> None:
    child = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.path[:] = {sys.path!r}; from edgeai.cli import main; main()",
            *("device", "show", "nothing"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (child.returncode, child.stdout) == (2, "")
    assert child.stderr == "edgeai: no device is called 'nothing'; `edgeai device list` shows all\n"


def test_an_option_before_the_subcommand_is_refused_rather_than_ignored() -> None:
    error = run("--json", "list").exception
    assert isinstance(error, UsageError)
    assert "edgeai device list --json" in str(error)


def test_ids_are_completed() -> None:
    from edgeai.cli.device import show

    argument = show.params[0]
    items = argument.shell_complete(show.make_context("show", ["x"]), "jetson-orin")
    assert [item.value for item in items] == ["jetson-orin-nano", "jetson-orin-nx"]


@pytest.mark.parametrize("words", [(), ("list",), ("show",)])
def test_helps_have_examples(words: tuple[str, ...]) -> None:
    assert "Examples:\n  edgeai device" in printed(*words, "--help").replace("    edgeai", "  edgeai")


# Probing backends.

BACKEND = "class Fake:\n    open = None\n\n    def version(self):\n        {body}\n"


@pytest.fixture
def fake_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_backends: None) -> Path:
    """The file of the only backend in the table."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(BACKENDS, "fake", Entry("fake_backend:Fake", ("onnx",), "fake", "fake_backend"))
    return tmp_path / "fake_backend.py"


def test_a_backend_that_loads_is_usable(fake_backend: Path) -> None:
    fake_backend.write_text(BACKEND.format(body="return '1.2.3'"))
    assert probe_backends() == (Probe("fake", "1.2.3", None),)


def test_a_backend_that_prints_while_it_loads_is_usable(fake_backend: Path) -> None:
    fake_backend.write_text("print('hello')\n" + BACKEND.format(body="return '1.2.3'"))
    assert probe_backends() == (Probe("fake", "1.2.3", None),)


def test_a_backend_that_is_not_installed_says_how_to_install_it(fake_backend: Path) -> None:
    assert not fake_backend.exists()
    assert probe_backends() == (Probe("fake", None, "not installed: pip install 'edgeai[fake]'"),)


def test_a_backend_of_another_cpu_does_not_take_us_down(fake_backend: Path) -> None:
    fake_backend.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n")
    assert [probe.problem for probe in probe_backends()] == [
        "does not load: killed by SIGILL (the wheel is built for another CPU); "
        "reinstall it: pip install 'edgeai[fake]'"
    ]


@pytest.mark.skipif(not hasattr(signal, "SIGRTMIN"), reason="needs Linux")
def test_a_signal_without_a_name_is_given_by_its_number(fake_backend: Path) -> None:
    number = signal.SIGRTMIN + 1
    fake_backend.write_text(f"import os\nos.kill(os.getpid(), {number})\n")
    assert [probe.problem for probe in probe_backends()] == [
        f"does not load: killed by signal {number}; reinstall it: pip install 'edgeai[fake]'"
    ]


@pytest.mark.parametrize(("own", "seen"), [(None, "1"), ("0", "0")])
def test_a_backend_is_probed_without_telemetry_unless_the_user_wants_it(
    own: str | None, seen: str, fake_backend: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    if own is not None:
        monkeypatch.setenv("ORT_DISABLE_TELEMETRY", own)
    body = "import os; return os.environ.get('ORT_DISABLE_TELEMETRY', 'unset')"
    fake_backend.write_text(BACKEND.format(body=body))
    assert probe_backends() == (Probe("fake", seen, None),)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "not installed: 'edgeai[fake]' needs Python 3.9 or older"),
        ("raise ImportError('x')", "does not load: x; 'edgeai[fake]' needs Python 3.9 or older"),
    ],
)
def test_a_backend_that_ended_before_this_python_is_not_recommended(
    text: str | None, problem: str, fake_backend: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BACKENDS, "fake", BACKENDS["fake"]._replace(last_python=(3, 9)))
    if text is not None:
        fake_backend.write_text(text)
    assert [probe.problem for probe in probe_backends()] == [problem]


def test_a_class_that_is_no_backend_gives_its_reason(fake_backend: Path) -> None:
    fake_backend.write_text("class Fake:\n    pass\n")
    (probe,) = probe_backends()
    assert probe.problem is not None
    assert probe.problem.startswith("does not load: fake_backend:Fake is no backend")


def test_a_backend_with_a_missing_library_gives_its_reason(fake_backend: Path) -> None:
    fake_backend.write_text("raise ImportError('libGL.so.1: cannot open shared object file')\n")
    assert [probe.problem for probe in probe_backends()] == [
        "does not load: libGL.so.1: cannot open shared object file; reinstall it: pip install 'edgeai[fake]'"
    ]


def test_a_backend_that_hangs_is_given_up(fake_backend: Path) -> None:
    fake_backend.write_text("import time\ntime.sleep(60)\n")
    assert [probe.problem for probe in probe_backends(timeout_s=0.5)] == [
        "does not load: no answer within 0.5 s; reinstall it: pip install 'edgeai[fake]'"
    ]


def test_a_backend_that_exits_silently_is_not_usable(fake_backend: Path) -> None:
    fake_backend.write_text("raise SystemExit(0)\n")
    assert [probe.problem for probe in probe_backends()] == [
        "does not load: exit code 0; reinstall it: pip install 'edgeai[fake]'"
    ]


def test_the_command_prints_a_broken_backend_and_goes_on(fake_backend: Path) -> None:
    fake_backend.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n")
    assert "  fake          does not load: killed by SIGILL" in printed()
