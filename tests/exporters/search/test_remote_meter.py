"""Latencies measured on another machine, for which a real sshd of the test's own on 127.0.0.1 stands."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime.quantization")
pytest.importorskip("onnx_ir")

from edgeai.errors import ExportError
from edgeai_exporters.outcome import Ratio
from edgeai_exporters.schemes import SCHEMES
from edgeai_exporters.search import RemoteMeter
from tests.exporters.search.planted import plant

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = pytest.mark.skipif(
    SSHD is None or shutil.which("ssh") is None, reason="no sshd here: apt-get install openssh-server"
)


@dataclass(frozen=True)
class Board:
    target: str
    options: tuple[str, ...]
    edgeai: str
    temporary: Path


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """A machine with edgeai: this one, by ssh, with keys and a folder for temporary files of its own."""
    folder = tmp_path_factory.mktemp("board")
    temporary = folder / "tmp"
    temporary.mkdir()
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
    edgeai = folder / "edgeai"
    edgeai.write_text(f'#!/bin/sh\nexec {sys.executable} -m edgeai "$@"\n')
    edgeai.chmod(0o755)
    port = _free_port()
    config = folder / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\nStrictModes no\n"
        f"AuthorizedKeysFile {folder}/user.pub\nPasswordAuthentication no\nUsePAM no\nPermitRootLogin yes\n"
        f"SetEnv TMPDIR={temporary}\nSubsystem sftp internal-sftp\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True) if os.getuid() == 0 else None
    assert SSHD is not None
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", config], stderr=log)
    try:
        _wait_for(port, server, folder / "log")
        user = pwd.getpwuid(os.getuid()).pw_name
        options = ("-F", "none", "-i", str(folder / "user"), "-o", "StrictHostKeyChecking=accept-new")
        options += ("-o", f"UserKnownHostsFile={folder}/known", "-o", "IdentitiesOnly=yes")
        yield Board(f"ssh://{user}@127.0.0.1:{port}", options, str(edgeai), temporary)
    finally:
        server.terminate()
        server.wait()


def test_models_are_copied_run_in_turns_and_removed(board: Board, tmp_path: Path) -> None:
    planted = plant(tmp_path, 0)
    static = next(scheme for scheme in SCHEMES if scheme.name == "int8-static")
    static.load_prepare()(planted.model, planted.feeds).write(tmp_path / "int8.onnx")
    with RemoteMeter(board.target, edgeai=board.edgeai, options=board.options, seconds=0.05) as meter:
        first, second = meter.time([planted.model, tmp_path / "int8.onnx"], planted.feeds[:1])
        assert len(list(board.temporary.glob("*/*.onnx"))) == 2
    assert first.turns == second.turns == 3
    assert first.ratio == Ratio(1, 1, 1)
    assert second.ratio is not None
    assert second.ratio.low <= second.ratio.value <= second.ratio.high
    assert not any(board.temporary.iterdir())


def test_what_fails_on_the_board_is_told_in_its_words(board: Board, tmp_path: Path) -> None:
    planted = plant(tmp_path, 0)
    wrong = {"x": planted.feeds[0]["x"][:, :-1]}
    meter = RemoteMeter(board.target, edgeai=board.edgeai, options=board.options, seconds=0.05)
    with meter, pytest.raises(ExportError, match=r"0 of 3 runs: .* input x: f32\[1, 33\]"):
        meter.time([planted.model], [wrong])


def test_a_missing_edgeai_is_named_with_what_the_board_says(board: Board, tmp_path: Path) -> None:
    model = plant(tmp_path, 0)
    meter = RemoteMeter(board.target, edgeai="/nowhere/edgeai", options=board.options)
    with meter, pytest.raises(ExportError, match="/nowhere/edgeai"):
        meter.time([model.model], model.feeds[:1])
    assert not any(board.temporary.iterdir())


def test_a_host_that_does_not_answer_is_an_error_in_one_line(board: Board) -> None:
    target = f"ssh://nobody@127.0.0.1:{_free_port()}"
    with pytest.raises(ExportError, match=r"nobody@127\.0\.0\.1 failed with 255") as caught:
        RemoteMeter(target, options=board.options).__enter__()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "target",
    [
        "board",
        "http://board",
        "ssh://",
        "ssh://-oProxyCommand=x",
        "ssh://u@h:port",
        "ssh://u@h/x",
        "ssh://u:p@h",
    ],
)
def test_what_is_no_address_is_refused(target: str) -> None:
    with pytest.raises(ExportError, match="ssh://user@host"):
        RemoteMeter(target)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if server.poll() is not None:
            break
        time.sleep(0.05)
    pytest.fail(f"sshd does not start: {log.read_text()}")
