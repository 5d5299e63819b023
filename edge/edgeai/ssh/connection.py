"""One connection to another machine: opened once, shared by every command, closed at the end."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from ..errors import EdgeError, RemoteError, one_line
from .address import Address

CONNECT_S = 15
"""Within a building a board answers in milliseconds, a sleeping radio in seconds."""
ALIVE_S, ALIVE_TRIES = 5, 3
"""A machine that is gone without a word is noticed after the product: 15 s."""
LINGER_S = 30
"""How long the connection outlives a client that was killed."""
PREFIX = "edgeai-ssh-"
"""Of the folder of a connection's socket; behind it the process that has it."""
LONGEST_SOCKET = 80
"""A path of a socket holds 107 bytes (unix(7)), and ssh adds 17 while it makes one."""
LOST = 255
"""What ssh exits with for errors of its own; no command of ours does (ssh(1))."""


class ConnectionLost(RemoteError):  # noqa: N818 - a state
    """The machine cannot be reached: no route, no key, or no answer any more."""


class Connection:
    """Runs commands on another machine. `with` owns the connection.

    options: for ssh, such as `("-i", key)`. Keys only: nothing is asked (BatchMode).
    check: called several times a second while a command runs; what it raises ends the command.

    Raises RemoteError for what does not work, and ConnectionLost where that is the connection itself, with
    what ssh or the command said.
    """

    def __init__(
        self, address: Address, options: Sequence[str] = (), check: Callable[[], None] = lambda: None
    ) -> None:
        self.address = address
        self._check = check
        self._options = (
            *("-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_S}"),
            *("-o", f"ServerAliveInterval={ALIVE_S}", "-o", f"ServerAliveCountMax={ALIVE_TRIES}"),
            *options,
            *(("-p", str(address.port)) if address.port is not None else ()),
        )
        self._folder: Path | None = None

    def __enter__(self) -> Connection:
        _remove_left()
        # Of mode 700: nobody else can use it.
        self._folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        try:
            # -f: back once the connection is open. It may hold standard error open for ever, so a file.
            shared = ("-f", "-N", "-o", "ControlMaster=yes", "-o", f"ControlPersist={LINGER_S}")
            if self._sharing():
                self._run(["ssh", *shared, *self._to()], "connecting to", (0,), None, CONNECT_S + 15)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        folder, sharing = self._folder, self._sharing()
        if folder is None:
            return
        if (folder / "s").exists():
            subprocess.run(
                ["ssh", "-O", "exit", *sharing, "--", self.address.host], capture_output=True, check=False
            )
        self._folder = None
        shutil.rmtree(folder, ignore_errors=True)

    def call(
        self,
        command: str,
        *,
        accept: Sequence[int] = (0,),
        file: Path | None = None,
        timeout_s: float = 600,
    ) -> str:
        """What a command of the machine's shell wrote. file: its standard input.

        accept: exit codes that are no failure; of those, all but 0 only with something written.
        """
        done = self._run(["ssh", *self._to(), command], "a command on", accept, file, timeout_s)
        if done.returncode and not done.stdout.strip():
            raise self._failed("a command on", done)
        return done.stdout

    def send(self, file: Path, to: str, *, timeout_s: float = 600) -> None:
        """Copy a file to a path there. By `cat`, since a board with dropbear has no sftp server."""
        command = ["ssh", *self._to(), f"cat > {shlex.quote(to)}"]
        self._run(command, "copying to", (0,), file, timeout_s)

    def _to(self) -> tuple[str, ...]:
        return (*self._sharing(), *self._options, "--", self.address.host)

    def _sharing(self) -> tuple[str, ...]:
        if self._folder is None or len(os.fsencode(self._folder)) > LONGEST_SOCKET:
            return ()
        return ("-S", str(self._folder / "s"))

    def _run(
        self,
        command: Sequence[str],
        what: str,
        accept: Sequence[int],
        file: Path | None,
        timeout_s: float,
    ) -> subprocess.CompletedProcess[str]:
        """The command's end. Its output goes to files: pipes stay open as long as a child of it lives."""
        with (
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
            Path(os.devnull if file is None else file).open("rb") as source,
        ):
            try:
                # A session of its own: Ctrl-C ends us, and we need the connection to clean up.
                process = subprocess.Popen(
                    command, stdin=source, stdout=out, stderr=err, start_new_session=True
                )
            except FileNotFoundError as error:
                raise RemoteError(f"{command[0]} is not installed; install an OpenSSH client") from error
            try:
                code = self._wait(process, what, timeout_s)
            finally:
                process.kill()
                process.wait()
            texts = []
            for each in (out, err):
                each.seek(0)
                texts.append(each.read().decode(errors="replace"))
        done = subprocess.CompletedProcess(command, code, texts[0], texts[1])
        if code not in accept:
            raise self._failed(what, done)
        return done

    def _wait(self, process: subprocess.Popen[bytes], what: str, timeout_s: float) -> int:
        until = time.monotonic() + timeout_s
        while True:
            try:
                return process.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                self._check()
            if time.monotonic() > until:
                raise RemoteError(f"{what} {self.address.host} took over {timeout_s:g} s; is it still there?")

    def _failed(self, what: str, done: subprocess.CompletedProcess[str]) -> EdgeError:
        lost = done.returncode == LOST
        said = done.stderr.strip() or done.stdout.strip() or "nothing"
        if lost:  # the last line says it; a changed host key alone is a page of warnings
            said = said.splitlines()[-1]
        text = f"{what} {self.address.host} failed with {done.returncode}; it said: {one_line(said)}"
        return ConnectionLost(text + self._advice(done.stderr)) if lost else RemoteError(text)

    def _advice(self, said: str) -> str:
        """What to do about an error of ssh itself, told in one line."""
        port = "" if self.address.port is None else f" -p {self.address.port}"
        known = f"[{self.address.host.rpartition('@')[2]}]:{self.address.port}" if port else self.address.host
        for words, advice in (
            (
                "IDENTIFICATION HAS CHANGED",
                f"it has another host key than before; if it was set up anew: ssh-keygen -R '{known}'",
            ),
            (
                "Host key verification failed",
                f"its host key is not known here; accept it once yourself: ssh{port} {self.address.host}",
            ),
            ("Permission denied", f"it takes none of your keys: ssh-copy-id{port} {self.address.host}"),
        ):
            if words in said:
                return f"; {advice}"
        return ""


def _remove_left() -> None:
    """Remove the folders of this user's clients that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).split("-")[0]
        with suppress(OSError):  # its owner just removed it
            mine = not folder.is_symlink() and folder.stat().st_uid == os.getuid()
            if mine and pid.isdecimal() and not Path("/proc", pid).exists():
                shutil.rmtree(folder, ignore_errors=True)
