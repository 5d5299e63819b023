"""Runs a command as `time` and `perf stat` do: its terminal, its signals and its exit code are its own."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import EdgeError, one_line

NOT_FOUND, NOT_RUNNABLE = 127, 126
"""Exit codes of shells for a command that is not there, and for one that cannot be run."""
_SIGNALLED = 128
"""Shells add the signal's number to it."""
_SENT_ON = frozenset(
    {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2}
)
_OF_KERNEL = 0x80
"""`si_code` of a signal of the terminal (SI_KERNEL, asm-generic/siginfo.h): the child has got it as well."""
_LOOK_S = 0.05
"""So often the child is looked at besides, should SIGCHLD have gone to another thread."""


class CommandFailed(EdgeError, OSError):  # noqa: N818
    """A command could not be started. exit_code: 126 or 127, as of shells."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Ended:
    """A command that ran, in seconds of `time.monotonic()`. exit_code: 128 + N where signal N ended it."""

    exit_code: int
    begin_s: float
    end_s: float


def check_command(command: Sequence[str]) -> None:
    """Raise CommandFailed where there is no such command, before anything is waited for."""
    name = command[0]
    if not name or shutil.which(name) is None:
        there = "/" in name and Path(name).exists()  # a bare name is looked for on PATH alone
        is_folder = there and Path(name).is_dir()
        why = "is a folder" if is_folder else "may not be executed" if there else "is not there"
        where = "" if "/" in name else " on PATH"
        raise CommandFailed(
            f"the command {one_line(name)!r} {why}{where}; nothing was run or measured",
            NOT_RUNNABLE if there else NOT_FOUND,
        )


@contextmanager
def signals_let(mask: set[signal.Signals]) -> Iterator[None]:
    """Within `signals_held`: as before it for a while, so that Ctrl-C ends us."""
    held = signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


@contextmanager
def signals_held() -> Iterator[set[signal.Signals]]:
    """Signals that a child is to get wait meanwhile, in this thread and in those that it starts. Gives the
    mask from before, which the child starts with. For the main thread, on Linux.

    A thread that was there before takes such a signal instead: call this before numpy, which starts some, is
    imported.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SENT_ON | {signal.SIGCHLD})
    try:
        yield {signal.Signals(number) for number in before}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run_child(
    command: Sequence[str],
    mask: set[signal.Signals],
    *,
    output: int | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Ended:
    """Start a command, send on the signals that come, and wait for its end. To be called in `signals_held`.

    output: a file descriptor that its standard output goes to instead of ours. Raises CommandFailed.
    """
    actions = [] if output is None else [(os.POSIX_SPAWN_DUP2, output, 1)]
    begin_s = clock()
    try:
        # Python ignores SIGPIPE, which a command would inherit.
        child = os.posix_spawnp(
            command[0],
            list(command),
            os.environ,
            file_actions=actions,
            setsigmask=mask,
            setsigdef={signal.SIGPIPE, signal.SIGXFSZ},
        )
    except OSError as error:
        reason = error.strerror or one_line(error)
        code = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_RUNNABLE
        raise CommandFailed(f"{one_line(command[0])!r} cannot be run: {reason}", code) from error
    status = None
    while status is None:
        told = signal.sigtimedwait(_SENT_ON | {signal.SIGCHLD}, _LOOK_S)
        if told is not None and told.si_signo in _SENT_ON and told.si_code != _OF_KERNEL:
            os.kill(child, told.si_signo)  # not waited for yet, so the number is still the child's
        ended, found = os.waitpid(child, os.WNOHANG)
        status = found if ended else None
    end_s = clock()
    if os.WIFSIGNALED(status):
        return Ended(_SIGNALLED + os.WTERMSIG(status), begin_s, end_s)
    return Ended(os.WEXITSTATUS(status), begin_s, end_s)
