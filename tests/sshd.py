"""A real sshd of a test's own on 127.0.0.1, which stands for a board: tests that need one skip without it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
NEEDS_SSHD = pytest.mark.skipif(
    SSHD is None or shutil.which("ssh") is None, reason="no sshd here: apt-get install openssh-server"
)
USER = pwd.getpwuid(os.getuid()).pw_name


@dataclass
class Board:
    """A machine reached by ssh: this one, with keys, a PATH and a folder for temporary files of its own.

    temporary: TMPDIR there. programs: first on PATH there. config: for `ssh -F`. edgeai: a command there.
    """

    folder: Path
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    _server: subprocess.Popen[bytes] | None = None

    @property
    def target(self) -> str:
        """Its address."""
        return f"ssh://{USER}@127.0.0.1:{self.port}"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def programs(self) -> Path:
        return self.folder / "bin"

    @property
    def edgeai(self) -> str:
        return str(self.folder / "edgeai")

    @property
    def config(self) -> Path:
        return self.folder / "ssh_config"

    @property
    def options(self) -> tuple[str, ...]:
        """For ssh."""
        return ("-F", str(self.config))

    def left(self) -> list[Path]:
        """What lies in its temporary folder."""
        return sorted(self.temporary.iterdir())

    def put_edgeai_on_path(self) -> None:
        (self.programs / "edgeai").symlink_to(self.edgeai)

    def start(self) -> None:
        assert SSHD is not None
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen([SSHD, "-D", "-e", "-f", self.folder / "sshd_config"], stderr=log)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self._server.poll() is not None:
                break
            time.sleep(0.05)
        pytest.fail(f"sshd does not start: {(self.folder / 'log').read_text()}")

    def kill(self) -> None:
        """The server and every connection at once, as a cut cable does; what runs detached goes on."""
        if self._server is None:
            return
        server, self._server = self._server, None
        try:
            children = list(psutil.Process(server.pid).children(recursive=True))
        except psutil.NoSuchProcess:
            children = []
        server.kill()
        for child in children:
            with suppress(psutil.NoSuchProcess):  # some end by themselves when the server does
                if child.name().startswith("sshd"):
                    child.send_signal(signal.SIGKILL)
        server.wait()


@contextmanager
def running_board(folder: Path, environment: dict[str, str] | None = None) -> Iterator[Board]:
    """A board of its own in a folder. environment: more variables that its commands see."""
    folder.mkdir(exist_ok=True)
    board = Board(folder, free_port(), environment or {})
    board.temporary.mkdir()
    board.programs.mkdir()
    board.home.mkdir()
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
    Path(board.edgeai).write_text(f'#!/bin/sh\nexec {sys.executable} -m edgeai "$@"\n')
    Path(board.edgeai).chmod(0o755)
    # A home of its own: this user's shell may do at its start what takes longer than a test.
    variables = {
        "TMPDIR": board.temporary,
        "HOME": board.home,
        "PATH": f"{board.programs}:/usr/bin:/bin",
    } | board.environment
    if "PYTHONPATH" in os.environ:  # how the tests find edgeai is how the board does
        variables.setdefault("PYTHONPATH", os.environ["PYTHONPATH"])
    (folder / "sshd_config").write_text(
        f"Port {board.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\nStrictModes no\n"
        f"AuthorizedKeysFile {folder}/user.pub\nPasswordAuthentication no\nUsePAM no\nPermitRootLogin yes\n"
        "SetEnv " + " ".join(f'"{name}={value}"' for name, value in variables.items()) + "\n"
    )
    board.config.write_text(ssh_config([board]))
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    board.start()
    try:
        yield board
    finally:
        board.kill()


def ssh_config(boards: list[Board]) -> str:
    """The client's config for these boards, which are told apart by their ports."""
    texts = [
        f'Match exec "test %p = {board.port}"\n  IdentityFile {board.folder}/user\n  '
        f"UserKnownHostsFile {board.folder}/known\n"
        for board in boards
    ]
    return "".join(texts) + "Match all\n  IdentitiesOnly yes\n  StrictHostKeyChecking accept-new\n"


def free_port() -> int:
    """One that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
