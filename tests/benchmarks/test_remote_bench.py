"""`edgeai bench --on`: real sshd of the test's own on 127.0.0.1 stand for boards."""

from __future__ import annotations

import functools
import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import onnx
import psutil
import pytest

from edgeai.bundle.canonical import parse
from edgeai.included import included_path
from edgeai_bench.remote.owner import is_alive, this_owner
from tests.benchmarks.test_report_schema import VALIDATOR
from tests.command import Done, call
from tests.sshd import NEEDS_SSHD, Board, free_port, running_board, ssh_config
from tests.tiny_models import linear_onnx

pytestmark = NEEDS_SSHD
WORDS = ["--quick", "--processes", "1", "--min-runs", "5", "--warm-up", "0.05", "--threads", "1"]
SHORT = [*WORDS, "--min-time", "0.05"]
LONG = [*WORDS, "--min-time", "6"]
"""Long enough for what happens to the connection meanwhile."""
ENDLESS = [*WORDS, "--min-time", "600", "--max-time", "900"]
NO_VERDICT = (0, 1)
"""1: INVALID, on a machine that is busy with other tests; the figures are there all the same."""


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Board, Board]]:
    """Two machines with edgeai on their PATH."""
    folder = tmp_path_factory.mktemp("boards")
    with running_board(folder / "one") as one, running_board(folder / "two") as two:
        for board in (one, two):
            board.put_edgeai_on_path()
        (folder / "config").write_text(ssh_config([one, two]))
        yield one, two


@pytest.fixture(autouse=True)
def nothing_stays(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test did, both boards are empty after it, and nothing of edgeai runs there."""
    yield
    if "boards" in request.fixturenames:
        for board in request.getfixturevalue("boards"):
            assert board.left() == []
            wait_for(functools.partial(is_idle, board), 5)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return linear_onnx(tmp_path / "linear.onnx")


def words(*boards: Board) -> list[str]:
    """Options to measure on them."""
    config = boards[0].folder.parent / "config"
    return ["--on", ",".join(board.target for board in boards), "--ssh-config", str(config)]


def measured(done: Done) -> dict[str, str]:
    """Name of the model by the board that measured it."""
    assert done.code in NO_VERDICT, done.err
    VALIDATOR.validate(done.document)
    return {run["identity"]["board"]: Path(run["model"]["path"]).name for run in done.document["runs"]}


def name(board: Board) -> str:
    return board.target.removeprefix("ssh://")


def processes_of(board: Board) -> list[psutil.Process]:
    """Those of jobs."""
    return [
        each
        for each in psutil.process_iter(["cmdline"])
        if any(str(board.temporary) in word for word in each.info["cmdline"] or ())
    ]


def is_idle(board: Board) -> bool:
    return not processes_of(board)


def wait_for(what: Callable[[], object], limit_s: float = 60) -> None:
    until = time.monotonic() + limit_s
    while not what():
        assert time.monotonic() < until, "it does not happen"
        time.sleep(0.05)


def is_measuring(board: Board) -> bool:
    return any(board.temporary.glob("*/job.pid"))


@contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Something that happens while the block runs."""
    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@contextmanager
def client(*command: object) -> Iterator[subprocess.Popen[str]]:
    """A bench as a process of its own, which is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "edgeai", "bench", *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell may have made its background jobs ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_two_boards_give_one_table_and_one_report(
    boards: tuple[Board, Board], model: Path, tmp_path: Path
) -> None:
    html, csv = tmp_path / "r.html", tmp_path / "r.csv"
    done = call("bench", model, *SHORT, *words(*boards), "--html", html, "--csv", csv)
    assert done.code in NO_VERDICT, done.err
    for board in boards:
        assert name(board) in done.out
        assert name(board) in html.read_text("utf-8")
        assert name(board) in csv.read_text("utf-8")


def test_options_go_there_and_names_come_back(boards: tuple[Board, Board], model: Path) -> None:
    done = call("bench", model, *SHORT, *words(*boards), "--json", "--input-shape", "x:3x4", "--seed", 7)
    assert measured(done) == {name(board): "linear.onnx" for board in boards}
    for run in done.document["runs"]:
        assert run["model"]["path"] == str(model)
        assert run["model"]["inputs"][0]["shape"] == [3, 4]
        assert run["settings"]["seed"] == 7
        assert run["identity"]["threads"] == 1
        assert run["identity"]["command"][1] == "bench"


def test_a_board_that_is_killed_in_mid_run_does_not_stop_the_other(
    boards: tuple[Board, Board], model: Path
) -> None:
    one, two = boards

    def kill_one() -> None:
        wait_for(lambda: is_measuring(one) and is_measuring(two))
        one.kill()

    try:
        with meanwhile(kill_one):
            done = call("bench", model, *LONG, *words(one, two), "--json", "--reconnect", "8s")
        assert done.code == 3
        VALIDATOR.validate(done.document)
        assert [run["identity"]["board"] for run in done.document["runs"]] == [name(two)]
        (failure,) = done.document["failures"]
        assert failure["model"] == "linear.onnx"
        assert failure["error"] == "RemoteError"
        assert failure["message"].startswith(f"{name(one)}: the connection was lost, and did not come back")
        assert "\n" not in failure["message"]
        wait_for(lambda: not one.left())  # by itself: nobody can reach it
        wait_for(lambda: not processes_of(one))
    finally:
        one.start()


def test_a_lost_connection_is_taken_up_again(boards: tuple[Board, Board], model: Path) -> None:
    one, _ = boards
    jobs: list[str] = []

    def cut() -> None:
        wait_for(lambda: is_measuring(one))
        jobs.extend(path.read_text() for path in one.temporary.glob("*/job.pid"))
        one.kill()
        time.sleep(1)
        jobs.extend(path.read_text() for path in one.temporary.glob("*/job.pid"))
        one.start()

    with meanwhile(cut):
        done = call("bench", model, *LONG, *words(one), "--json")
    assert measured(done) == {name(one): "linear.onnx"}
    assert "connection lost, trying again" in done.err
    assert "taken up again" in done.err
    assert len(jobs) == 2
    assert jobs[0] == jobs[1]


def test_a_second_call_takes_up_what_a_killed_client_left(boards: tuple[Board, Board], model: Path) -> None:
    one, _ = boards
    command = [model, *LONG, *words(one), "--json"]
    with client(*command) as killed:
        wait_for(lambda: is_measuring(one))
        killed.kill()
        killed.wait()
    (job,) = one.left()
    done = call("bench", *command)
    assert measured(done) == {name(one): "linear.onnx"}
    assert "taken up again" in done.err
    assert not [*Path(tempfile.gettempdir()).glob(f"edgeai-*-{killed.pid}-*")]  # nor anything here
    assert job.name.startswith("edgeai-bench-")


def test_what_a_killed_client_left_of_another_measurement_is_removed(
    boards: tuple[Board, Board], model: Path
) -> None:
    one, _ = boards
    with client(model, *ENDLESS, *words(one)) as killed:
        wait_for(lambda: is_measuring(one))
        killed.kill()
        killed.wait()
    assert len(one.left()) == 1
    assert measured(call("bench", model, *SHORT, *words(one), "--json"))
    assert one.left() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_client_stops_the_job_and_removes_it(
    boards: tuple[Board, Board], model: Path, number: int
) -> None:
    with client(model, *ENDLESS, *words(*boards)) as stopped:
        wait_for(lambda: all(map(is_measuring, boards)))
        stopped.send_signal(number)
        _, said = stopped.communicate(timeout=60)
    assert stopped.returncode == (130 if number == signal.SIGINT else 143), said
    assert "Traceback" not in said


def test_the_same_measurement_does_not_run_twice(boards: tuple[Board, Board], model: Path) -> None:
    one, _ = boards
    command = [model, *LONG, *words(one), "--json"]
    with client(*command) as first:
        wait_for(lambda: is_measuring(one))
        second = call("bench", *command)
        out, _ = first.communicate(timeout=60)
    assert second.code == 3
    assert f"the same is being measured there by process {first.pid} here" in second.err
    assert len(json.loads(out)["runs"]) == 1


@pytest.mark.parametrize("title", ["-x.onnx", "a b'; touch $(id) `id`\n\".onnx", "größe 100%"])
def test_hostile_names_of_files(boards: tuple[Board, Board], tmp_path: Path, title: str) -> None:
    one, _ = boards
    file = linear_onnx(tmp_path / title)
    done = call("bench", *SHORT, *words(one), "--json", "--", file)
    assert measured(done) == {name(one): title}


def test_weights_beside_a_model_are_copied_too(boards: tuple[Board, Board], tmp_path: Path) -> None:
    one, _ = boards
    file = tmp_path / "m.onnx"
    made = onnx.load(linear_onnx(tmp_path / "whole.onnx"))
    onnx.save(made, file, save_as_external_data=True, location="w 'x.bin", size_threshold=0)
    assert (tmp_path / "w 'x.bin").is_file()
    assert measured(call("bench", file, *SHORT, *words(one), "--json")) == {name(one): "m.onnx"}


def test_an_unpacked_bundle_is_packed_for_the_way(boards: tuple[Board, Board], tmp_path: Path) -> None:
    one, _ = boards
    folder = tmp_path / "digits here"
    with zipfile.ZipFile(included_path("digits")) as packed:
        packed.extractall(folder)
    done = call("bench", folder, *SHORT, *words(one), "--json", "--backend", "onnxruntime")
    assert measured(done) == {name(one): "digits here"}
    (run,) = done.document["runs"]
    assert run["model"]["bundle"]["id"] == parse((folder / "manifest.json").read_bytes(), "")["id"]


def test_a_board_without_edgeai_is_named_with_what_to_do(
    boards: tuple[Board, Board], model: Path, tmp_path: Path
) -> None:
    one, two = boards
    link = one.programs / "edgeai"
    link.unlink()
    try:
        done = call("bench", model, *SHORT, *words(one, two), "--json")
        assert done.code == 3
        assert [run["identity"]["board"] for run in done.document["runs"]] == [name(two)]
        (failure,) = done.document["failures"]
        assert failure["message"].startswith(f"{name(one)}: there is no edgeai on its PATH; give its place")
        given = [*SHORT, "--ssh-config", one.folder.parent / "config", "--json"]
        placed = call("bench", model, *given, "--on", one.target + one.edgeai)
        assert measured(placed) == {name(one): "linear.onnx"}
        wrong = call("bench", model, *given, "--on", one.target + "/nowhere/edgeai")
        assert "there is no edgeai at /nowhere/edgeai" in wrong.err
    finally:
        link.symlink_to(one.edgeai)


def test_what_the_board_says_of_a_model_is_told_under_the_users_name(
    boards: tuple[Board, Board], tmp_path: Path
) -> None:
    one, _ = boards
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"\x08\x07" + bytes(50))
    done = call("bench", broken, *SHORT, *words(one), "--json")
    assert done.code == 2
    (failure,) = done.document["failures"]
    assert failure["model"] == "broken.onnx"
    assert failure["message"].startswith(f"{name(one)}: edgeai bench there ended with 2: {broken}")
    assert "m0" not in failure["message"]


def test_of_several_models_the_one_that_fails_is_named(
    boards: tuple[Board, Board], model: Path, tmp_path: Path
) -> None:
    one, _ = boards
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"\x08\x07" + bytes(50))
    done = call("bench", model, broken, *SHORT, *words(one), "--json")
    assert done.code == 2
    assert [Path(run["model"]["path"]).name for run in done.document["runs"]] == ["linear.onnx"]
    (failure,) = done.document["failures"]
    assert failure["model"] == "broken.onnx"
    assert failure["message"].startswith(f"{name(one)}: {broken}")


def test_a_missing_model_is_told_before_any_board_is_asked(
    boards: tuple[Board, Board], tmp_path: Path
) -> None:
    done = call("bench", tmp_path / "none.onnx", *words(*boards))
    assert done.code == 2
    assert done.err.startswith(f"edgeai: {tmp_path}/none.onnx: no such file")
    assert "copying" not in done.err


def test_an_unknown_host_is_not_trusted(boards: tuple[Board, Board], model: Path, tmp_path: Path) -> None:
    one, _ = boards
    config = tmp_path / "config"
    config.write_text(
        f"IdentityFile {one.folder}/user\nUserKnownHostsFile {tmp_path}/known\nStrictHostKeyChecking yes\n"
    )
    done = call("bench", model, "--on", one.target, "--ssh-config", config, "--json")
    assert done.code == 3
    assert f"its host key is not known here; accept it once yourself: ssh -p {one.port}" in done.err
    wrong = (one.folder / "user.pub").read_text()
    (tmp_path / "known").write_text(f"[127.0.0.1]:{one.port} {wrong}")
    done = call("bench", model, "--on", one.target, "--ssh-config", config, "--json")
    assert done.code == 3
    (failure,) = done.document["failures"]
    assert f"ssh-keygen -R '[127.0.0.1]:{one.port}'" in failure["message"]


def test_a_board_that_does_not_answer_fails_at_once(boards: tuple[Board, Board], model: Path) -> None:
    one, _ = boards
    target = f"ssh://nobody@127.0.0.1:{free_port()}"
    done = call("bench", model, *SHORT, *words(one), "--on", target, "--json")
    assert done.code == 3
    assert len(done.document["runs"]) == 1
    assert "Connection refused" in done.document["failures"][0]["message"]


def test_a_foreign_folder_of_the_jobs_name_is_not_touched(
    boards: tuple[Board, Board], model: Path, tmp_path: Path
) -> None:
    one, _ = boards
    command = [model, *SHORT, *words(one), "--json"]
    with client(*command):
        wait_for(one.left)
        (job,) = one.left()
    assert measured(call("bench", *command))  # takes it up and removes it
    treasure = tmp_path / "treasure"
    treasure.mkdir()
    (treasure / "gold").touch()
    job.symlink_to(treasure)
    try:
        done = call("bench", *command)
        assert done.code == 3
        assert (treasure / "gold").exists()
    finally:
        job.unlink()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (["--on", "board"], "is no address of a board; write ssh://user@host"),
        (["--on", "ssh://-oProxyCommand=x"], "has no host"),
        (["--on", "ssh://a,ssh://a"], "--on names a twice"),
        (["--push-wheel"], "go with --on"),
        (["--on", "ssh://a", "--ssh-config", "/nowhere"], "there is no such file"),
        (["--on", "ssh://a", "--reconnect", "1s"], "too short"),
        (["--on", "ssh://a", "--self-test"], "a comparison goes without --on"),
        (["--on", "ssh://a", "--json-dir", "x"], "--json-dir goes without --on"),
        (["--on", "ssh://a", "--profile", "--trace", "x.json"], "--trace is written where the model runs"),
    ],
)
def test_what_does_not_fit_together_is_refused(model: Path, given: Sequence[str], text: str) -> None:
    done = call("bench", model, *given)
    assert done.code == 2
    assert text in done.err


def test_whether_an_owner_lives_is_known_of_this_machine_only() -> None:
    assert is_alive(this_owner("x")) is True
    with subprocess.Popen(["true"]) as gone:
        mine = this_owner("x").split("/")
        other = psutil.Process(gone.pid)
        mine[1:3] = [str(gone.pid), f"{other.create_time() - 1:.2f}"]
    assert is_alive("/".join(mine)) is False
    assert is_alive("/".join(["another-boot", *mine[1:]])) is None
    assert is_alive("") is None
