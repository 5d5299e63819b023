"""Starts a measuring process and brings its answer back, whatever happens to the process."""

from __future__ import annotations

import fcntl
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, TypeVar

from .. import errors, wire
from ..errors import one_line
from .long_runs import ScenarioMeasured, SoakMeasured
from .profiled import Profiled
from .protocol import MadeForm, Measured, Probed, Request

T = TypeVar("T", Probed, Measured, MadeForm, ScenarioMeasured, SoakMeasured, Profiled)
OnEvent = Callable[[dict[str, Any]], None]

_FOLDER_PREFIX, _LOCK = "edgeai-bench-", "lock"
_ROOMY_BYTES = 1 << 30
_ABANDONED_S = 60.0  # a folder younger than this may be one that is just being locked
DEFAULT_SILENCE_S = 300.0
"""How long a worker may say nothing. Loading a large model from an SD card takes minutes, not five."""


# ONNX Runtime 1.31 writes `.ses` into the folder for temporary files and starts sending telemetry when it is
# imported: files that stay behind, and a thread beside what is measured. A user's own setting wins.
_ENVIRONMENT = {"ORT_DISABLE_TELEMETRY": "1"}


def run_probe(
    request: Request, *, on_event: OnEvent = lambda event: None, silence_s: float = DEFAULT_SILENCE_S
) -> Probed:
    """Find out in a process of its own how the model can be run. Raises as `run_worker`."""
    return run_worker(Probed, replace(request, probe=True), on_event=on_event, silence_s=silence_s)


def run_measure(
    request: Request, *, on_event: OnEvent = lambda event: None, silence_s: float = DEFAULT_SILENCE_S
) -> Measured:
    """Measure once in a fresh process. Raises as `run_worker`."""
    return run_worker(Measured, replace(request, probe=False), on_event=on_event, silence_s=silence_s)


def run_worker(cls: type[T], request: Request, *, on_event: OnEvent, silence_s: float) -> T:
    """Run one request in a fresh interpreter.

    Raises the EdgeError that the worker met; WorkerCrashed with the signal, the phase and the last lines of
    its output where a native library took it down; WorkerTimeout where it said nothing for `silence_s`.
    """
    with talking_to(request, on_event=on_event, silence_s=silence_s) as worker:
        worker.hang_up()
        return worker.result(cls)


@contextmanager
def talking_to(request: Request, *, on_event: OnEvent, silence_s: float) -> Iterator[Conversation]:
    """A fresh worker that has got its request; it is gone afterwards."""
    with _output() as output, _spawned(request, output) as (process, pipe):
        yield Conversation(one_line(request.model.model), process, pipe, output, on_event, silence_s)


class Conversation:
    """What is said to a worker and what it answers. Methods raise as `run_worker`."""

    def __init__(
        self,
        model: str,
        process: subprocess.Popen[bytes],
        pipe: int,
        output: IO[bytes],
        on_event: OnEvent,
        silence_s: float,
    ) -> None:
        self._model, self._process, self._output = model, process, output
        self._on_event, self._silence_s = on_event, silence_s
        self._events = _events(pipe, silence_s)
        self._phase = "start"

    def say(self, line: str) -> None:
        """Tell the worker something; of one that is gone `wait_for` tells."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()

    def hang_up(self) -> None:
        """Nothing more will be said."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    @property
    def is_alive(self) -> bool:
        """Whether the worker is still there."""
        return self._process.poll() is None

    def freeze(self) -> None:
        """Stop the worker where it waits: threads that spin between its calls would slow its neighbour."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGCONT)

    def result(self, cls: type[T]) -> T:
        """The worker's last word."""
        result: T = wire.build(cls, self.wait_for("result")["result"])
        return result

    def wait_for(self, wanted: str) -> dict[str, Any]:
        """The next event of that name; those before it go to `on_event`."""
        for event in self._events:
            if event is None:
                raise errors.WorkerTimeout(
                    f"{self._model}: the measuring process said nothing for {self._silence_s:g} s in the "
                    f"phase '{self._phase}' and was stopped; give a longer --timeout if the model needs it"
                )
            if event["event"] == wanted:
                return event
            if event["event"] == "error":
                raise getattr(errors, event["kind"])(event["message"])
            self._phase = event.get("name", self._phase)
            self._on_event(event)
        code = self._process.wait()
        raise errors.WorkerCrashed(
            f"{self._model}: the measuring process {_cause(code)} in the phase '{self._phase}'; "
            f"the file may be damaged or the backend may not suit it{_last_lines(self._output)}"
        )


@contextmanager
def _spawned(request: Request, output: IO[bytes]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A worker and the pipe it answers on; the worker's whole process group is gone afterwards."""
    reader, writer = os.pipe()
    # Not `-m`, which would search the user's folder first: a numpy.py there is not the one to measure.
    start = "import sys; sys.path[:1] = sys.path[:1] if sys.path[0] else []; "
    start += "from edgeai.measure.worker import main; main()"
    command = [sys.executable, "-c", start, str(time.perf_counter_ns()), str(writer)]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            pass_fds=(writer,),
            start_new_session=True,
            env={**_ENVIRONMENT, **os.environ},
        )
    except OSError as error:
        os.close(reader)
        raise errors.WorkerError(f"no measuring process can be started: {error.strerror}") from error
    finally:
        os.close(writer)
    try:
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it died at once: the pipe's end tells
            process.stdin.write(wire.dumps(request).encode() + b"\n")
            process.stdin.flush()
        yield process, reader
    finally:
        os.close(reader)
        with suppress(BrokenPipeError):  # what was not flushed for a worker that is gone
            if process.stdin is not None:
                process.stdin.close()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _events(pipe: int, silence_s: float) -> Iterator[dict[str, Any] | None]:
    """Events as they come; None once where nothing came for too long."""
    buffered = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if not selector.select(timeout=silence_s):
                yield None
                return
            chunk = os.read(pipe, 1 << 16)
            if not chunk:
                return
            *lines, buffered = (buffered + chunk).split(b"\n")
            for line in lines:
                yield json.loads(line)


def _cause(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code} and no answer"
    with suppress(ValueError):
        name = signal.Signals(-code).name
        if -code == signal.SIGKILL:
            return f"was killed by {name}, most likely because memory ran out,"
        return f"crashed with {name}"
    return f"crashed with signal {-code}"


def _last_lines(output: IO[bytes], lines: int = 3) -> str:
    output.seek(0, os.SEEK_END)
    output.seek(max(0, output.tell() - 4096))
    said = [line.strip() for line in output.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return f"; it last said: {one_line(' | '.join(said[-lines:]))}" if said else ""


@contextmanager
def model_folder() -> Iterator[str]:
    """A folder for the inputs and outputs that probe and workers share. Raises WorkerError.

    It may lie in RAM, and a killed launcher cannot remove it: so a living one holds a lock on its own, and
    each new one first removes those that nobody holds.
    """
    parent = _memory_folder() or Path(tempfile.gettempdir())
    _remove_abandoned(parent)
    try:
        made = tempfile.TemporaryDirectory(prefix=_FOLDER_PREFIX, dir=parent)
        lock = os.open(Path(made.name) / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _no_room(error) from error
    with made, os.fdopen(lock):
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield made.name


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{_FOLDER_PREFIX}*"):
        with suppress(OSError), (folder / _LOCK).open() as lock:
            if time.time() - folder.stat().st_mtime < _ABANDONED_S:
                continue
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)


def _output() -> IO[bytes]:
    """A file for what a worker prints."""
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise _no_room(error) from error


def _no_room(error: OSError) -> errors.WorkerError:
    where = one_line(error.filename or "the folder for temporary files")
    return errors.WorkerError(
        f"{where} cannot be written: {error.strerror}; free space there or set TMPDIR to another folder"
    )


def _memory_folder() -> Path | None:
    """The RAM disk where it is large: inputs then never wear an SD card nor count as disk reads.

    Not on a small board, whose RAM is what we measure, nor in a container with Docker's 64 MB.
    """
    shared = Path("/dev/shm")  # noqa: S108 - a folder with an unpredictable name is made inside
    try:
        roomy = shutil.disk_usage(shared).free >= _ROOMY_BYTES
    except OSError:
        return None
    return shared if roomy and os.access(shared, os.W_OK) else None
