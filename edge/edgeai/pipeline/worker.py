"""The thread of a stream that never waits: runs what is queued, and drops where it has fallen behind."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..errors import EdgeError, RunError, one_line
from .result import Result


@dataclass
class Counts:
    """What became of the chunks and items of a stream.

    pushed: given to it. dropped: never run, because the model was behind. gaps: times at which state was
    forgotten since something was missing in between.
    """

    pushed: int = 0
    dropped: int = 0
    dropped_s: float = 0.0
    gaps: int = 0


@dataclass(frozen=True)
class Job:
    """One chunk or item. follows_gap: whether something before it is missing."""

    value: Any
    start_s: float | None
    duration_s: float
    follows_gap: bool


class Worker:
    """Runs jobs in a thread of its own, so that who pushes never waits; a full queue drops."""

    def __init__(
        self, run: Callable[[Job], list[Result]], overrun: str, capacity: int, counts: Counts
    ) -> None:
        # Weak: else the thread would keep its stream alive, and itself with it.
        self._run = weakref.WeakMethod(run)
        self._overrun, self._capacity, self._counts = overrun, capacity, counts
        self._waiting: deque[Job] = deque()
        self._results: list[Result] = []
        self._error: EdgeError | None = None
        self._is_busy = self._is_stopped = self._missing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="edgeai-stream", daemon=True)
        self._thread.start()

    def put(self, job: Job) -> list[Result]:
        """Queue a job, dropping one where there is no room; what was finished meanwhile."""
        with self._changed:
            if len(self._waiting) < self._capacity:
                self._append(job)
            elif self._overrun == "drop":
                self._drop(job)
                self._missing = True
            else:
                self._drop(self._waiting.popleft())
                if self._waiting:
                    self._waiting[0] = replace(self._waiting[0], follows_gap=True)
                else:
                    self._missing = True
                self._append(job)
            return self._take()

    def drain(self) -> list[Result]:
        """Wait until everything queued has run; what was finished."""
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or not (self._waiting or self._is_busy))
            return self._take()

    def stop(self) -> None:
        """End the thread after the job that is under way."""
        with self._changed:
            self._is_stopped = True
            self._waiting.clear()
            self._changed.notify_all()
        # The thread itself ends the stream, where it held the last reference to it.
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _append(self, job: Job) -> None:
        self._waiting.append(replace(job, follows_gap=True) if self._missing else job)
        self._missing = False
        self._changed.notify_all()

    def _drop(self, job: Job) -> None:
        self._counts.dropped += 1
        self._counts.dropped_s += job.duration_s

    def _take(self) -> list[Result]:
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        results, self._results = self._results, []
        return results

    def _work(self) -> None:
        while True:
            with self._changed:
                self._is_busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._is_stopped or self._waiting)
                if self._is_stopped:
                    return
                job = self._waiting.popleft()
                self._is_busy = True
            run = self._run()
            if run is None:
                return
            try:
                results, error = run(job), None
            except EdgeError as failed:
                results, error = [], failed
            except Exception as failed:  # a fault of ours must not end the thread without a word
                results, error = (
                    [],
                    RunError(f"the stream failed: {one_line(failed)} ({type(failed).__name__})"),
                )
                error.__cause__ = failed
            with self._changed:
                self._results += results
                self._error = self._error or error
            del run, job, results, error  # nothing of the stream is held while there is nothing to do
