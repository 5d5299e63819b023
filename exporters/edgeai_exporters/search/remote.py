"""How fast models run on another machine, which is reached by ssh and has edgeai."""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from edgeai.errors import ExportError, RemoteError, one_line
from edgeai.ssh import Address, Connection

from ..arrays import Feed
from ..hashing import sha256_of
from .found import Timing
from .latency import timings

PAIRS = 3
"""Turns of each model; every turn is a process of its own, so 3 are enough for Student's t."""
TURN_S = 1.0
RUN_S = 600
"""Limit for one command on the board: it copies up to hundreds of MB, or runs some ten processes."""


class RemoteMeter:
    """Times models by `edgeai bench` on another machine, and leaves nothing behind.

    target: `ssh://user@host` or `ssh://user@host:port`. edgeai: the command there, such as a path into a
    virtual environment. options: for ssh, such as `("-i", key)`. seconds: of each turn.
    Keys only: nothing is asked (BatchMode). `with` owns a temporary folder there, into which each file is
    copied once. Raises ExportError for what does not work, with what ssh or edgeai said.
    """

    def __init__(
        self,
        target: str,
        *,
        edgeai: str = "edgeai",
        threads: int = 1,
        options: Sequence[str] = (),
        seconds: float = TURN_S,
    ) -> None:
        address = _address(target)
        self._host = address.host
        self.where = f"{target}, threads: {threads}"
        self._edgeai, self._threads, self._seconds = edgeai, threads, seconds
        self._connection = Connection(address, options)
        self._folder: str | None = None
        self._there: set[str] = set()

    def __enter__(self) -> RemoteMeter:
        with _as_export_errors():
            self._connection.__enter__()
            try:
                self._folder = self._connection.call("mktemp -d").strip()
            except BaseException:
                self._connection.__exit__(None, None, None)
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        folder, self._folder = self._folder, None
        self._there.clear()
        try:
            if folder:
                self._call(f"rm -rf -- {shlex.quote(folder)}")
        finally:
            self._connection.__exit__(kind, error, trace)

    def time(self, models: Sequence[Path], feeds: Sequence[Feed]) -> list[Timing]:
        """See `LatencyMeter.time`. Runs the first feed only."""
        names = [self._send(model, _hash(model) + model.suffix) for model in models]
        with tempfile.TemporaryDirectory() as folder:
            inputs = Path(folder, "feed.npz")
            np.savez(inputs, **dict(feeds[0]))  # type: ignore[arg-type,unused-ignore]  # names of arrays, no options
            feed = self._send(inputs, _hash(inputs) + ".npz")
        order: list[int] = []
        for turn in range(PAIRS):  # A B C, C B A, A B C
            order += range(len(models)) if turn % 2 == 0 else reversed(range(len(models)))
        report = self._bench([names[place] for place in order], feed)
        medians: list[list[float]] = [[] for _ in models]
        for place, run in zip(order, report["runs"], strict=True):
            medians[place].append(_median_s(run))
        return timings(medians)

    def _bench(self, files: Sequence[str], feed: str) -> dict[str, Any]:
        seconds = f"{self._seconds:g}s"
        command = [
            *(
                self._edgeai,
                "bench",
                *files,
                "--input",
                feed,
                "--threads",
                str(self._threads),
                "--json",
                "-q",
            ),
            *(
                "--processes",
                "1",
                "--min-runs",
                "5",
                "--min-time",
                seconds,
                "--max-time",
                f"{10 * self._seconds:g}s",
            ),
            *("--warm-up", seconds),
        ]
        line = f"cd {shlex.quote(self._home())} && {shlex.join(command)}"
        # 1: the machine was too busy for a verdict, and the figures are there all the same. 2: see failures.
        answer = self._call(line, accept=(0, 1, 2))
        try:
            report: dict[str, Any] = json.loads(answer)
            if len(report["runs"]) == len(files):
                return report
            reason = f"{len(report['runs'])} of {len(files)} runs: {report['failures'][0]['message']}"
        except (ValueError, LookupError, TypeError) as error:
            reason = f"it answered {answer[:100]!r} ({error!r})"
        raise ExportError(f"edgeai bench on {self._host} gave no figures; {one_line(reason)}")

    def _send(self, file: Path, name: str) -> str:
        if name not in self._there:
            with _as_export_errors():
                self._connection.send(file, f"{self._home()}/{name}", timeout_s=RUN_S)
            self._there.add(name)
        return name

    def _home(self) -> str:
        if self._folder is None:
            raise ExportError(f"{self._host} is not open; use `with RemoteMeter(...)`")
        return self._folder

    def _call(self, command: str, accept: Sequence[int] = (0,)) -> str:
        with _as_export_errors():
            return self._connection.call(command, accept=accept, timeout_s=RUN_S)


@contextmanager
def _as_export_errors() -> Iterator[None]:
    """What goes wrong on the way is an error of the export."""
    try:
        yield
    except RemoteError as error:
        raise ExportError(str(error)) from error


def _address(target: str) -> Address:
    """Raises ExportError."""
    with _as_export_errors():
        address = Address.parse(target)
        if address.path:
            raise RemoteError(
                f"{one_line(target)} is no address of a board; write ssh://user@host or ssh://user@host:port"
            )
        return address


def _hash(file: Path) -> str:
    return sha256_of(file)[:16]


def _median_s(run: dict[str, Any]) -> float:
    samples = [sample for process in run["processes"] for sample in process["samples_ns"]]
    return float(np.median(samples)) / 1e9
