"""Keeps so many cores busy, each with a process of its own that is pinned to it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from types import TracebackType

from ..errors import WorkerCrashed, WorkerError


class CoreLoad:
    """A context manager: leaving it kills what it started, whatever happened.

    cpus: the CPUs in the order in which they are loaded. A process is started when its CPU is first wanted,
    and rests where it is not.
    """

    def __init__(self, cpus: tuple[int, ...]) -> None:
        self.cpus = cpus
        self.work = "nothing yet"
        """What the cores run, in words."""
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> CoreLoad:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(BrokenPipeError):
                    if pipe is not None:
                        pipe.close()

    def set(self, count: int) -> None:
        """Load the first `count` CPUs, and let the others rest. Raises WorkerError, WorkerCrashed."""
        for cpu in self.cpus[len(self._processes) : count]:
            self._processes.append(_start(cpu))
            self.work = _greeting(self._processes[-1], cpu)
        for number, process in enumerate(self._processes):
            _tell(process, self.cpus[number], b"1" if number < count else b"0")

    def check(self) -> None:
        """Raises WorkerCrashed where a process is gone: the cores were not as busy as was meant."""
        for cpu, process in zip(self.cpus, self._processes, strict=False):
            if process.poll() is not None:
                raise _gone(cpu)


def _start(cpu: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "edgeai.measure.core_load_process", str(cpu)]
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={**os.environ, "ORT_DISABLE_TELEMETRY": "1"},  # see launch
            start_new_session=True,  # Ctrl-C is ours to handle
        )
    except OSError as error:
        raise WorkerError(f"no process to load CPU {cpu} can be started: {error.strerror}") from error


def _greeting(process: subprocess.Popen[bytes], cpu: int) -> str:
    """What it says once it is ready: it has opened its model by then."""
    assert process.stdout is not None
    line = process.stdout.readline().decode("utf-8", "replace").strip()
    if not line:
        raise _gone(cpu)
    return line


def _tell(process: subprocess.Popen[bytes], cpu: int, order: bytes) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(order)
    except BrokenPipeError:
        raise _gone(cpu) from None


def _gone(cpu: int) -> WorkerCrashed:
    return WorkerCrashed(
        f"the process that loads CPU {cpu} ended by itself, most likely because memory ran out; free "
        "memory, or load fewer cores with --levels"
    )
