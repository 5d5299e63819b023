"""A stream: chunks of any size go in, answers with source times come out, and what is dropped is counted."""

from __future__ import annotations

import math
import operator
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..bundle.declared import Source
from ..errors import InputError, SessionClosed, one_line
from ..steps.audio import from_int16, mix_down
from .flow import Flow
from .result import Result, StageTime
from .values import Signal
from .worker import Counts, Job, Worker

if TYPE_CHECKING:
    from .values import Array

OVERRUNS = ("block", "latest", "drop")

GAP_S = 0.1
"""A time stamp that is further from where the samples before it end means that sound was lost. Clocks of
sound cards and computers drift apart by less than 100 ppm, and buffers deliver in steps of some 10 ms."""

_MOST_HZ = 10_000_000
"""No converter for sound is faster; resampling from an absurd rate would go on for ever."""


class Stream:
    """A source that goes on: state of its own, on models that all streams of a session share.

    Made by `Session.stream`; a context manager. Not for several threads at once.
    """

    def __init__(
        self,
        *,
        flow: Flow,
        source: Source,
        open_value: Callable[[Any], Any],
        rate_hz: int | None,
        overrun: str,
        queue: int,
    ) -> None:
        if overrun not in OVERRUNS:
            raise InputError(f"overrun is {overrun!r}; give one of: {', '.join(OVERRUNS)}")
        if isinstance(queue, bool) or not isinstance(queue, int) or queue < 1:
            raise InputError(f"queue is {queue!r}; give a whole number from 1")
        self.counts = Counts()
        self._flow, self._source, self._open_value = flow, source, open_value
        self._is_sound = source.kind == "audio"
        if rate_hz is not None and not self._is_sound:
            raise InputError(f"rate is for sound, and this pipeline takes {source.kind}; leave it out")
        self._rate_hz = checked_rate(rate_hz) or source.rate_hz or 0
        self._next_s: float | None = None  # source time at which the next chunk should start
        self._count = 0
        self._origin_s = 0.0
        self._resample: Any = None
        self._is_closed = False
        self._worker = None if overrun == "block" else Worker(self._run, overrun, queue, self.counts)
        self._start_resampling()
        # A stream that is dropped without being closed must not leave its thread and its model behind; nor
        # may the interpreter end while the thread runs a model: C++ libraries abort the process then.
        self._let_go = weakref.finalize(self, _release, self._worker, flow)

    @property
    def dropped(self) -> int:
        """Chunks or items that were never run, because the model was behind."""
        return self.counts.dropped

    @property
    def stages(self) -> tuple[StageTime, ...]:
        """What each stage took so far; with a thread of its own, at about this moment."""
        return tuple(self._flow.spent.values())

    def push(self, chunk: Any, timestamp_s: float | None = None) -> list[Result]:
        """Give the stream what comes next, and get the answers that are ready.

        chunk: of sound, samples of any number: f32 [n] in -1 to 1 or i16 [n], [n, channels] is mixed down;
            else one item: an image, a text, arrays, as `Session.predict` takes them. What has to wait is
            copied: the caller's buffer is free again when the call returns.
        timestamp_s: source time at which the chunk starts; None: right after the one before, from 0. One that
            is more than 0.1 s off tells of lost sound: the stream forgets its state and goes on from there.

        With overrun "block" the answers to this chunk are among them; with "latest" and "drop" the call never
        waits, and brings what was finished meanwhile. Raises InputError, RunError, SessionClosed.
        """
        self._refuse_closed()
        timestamp_s = _checked_time(timestamp_s)
        if self._is_sound:
            job = self._sound(chunk, timestamp_s)
        else:
            job = Job(chunk if self._worker is None else _own(chunk), timestamp_s, 0.0, False)
        self.counts.pushed += 1
        return self._run(job) if self._worker is None else self._worker.put(job)

    def finish(self) -> list[Result]:
        """The source has ended: the answers still to come. The stream is closed afterwards."""
        self._refuse_closed()
        results = [] if self._worker is None else self._worker.drain()
        if self._is_sound:
            results += self._end()
        self.close()
        return results

    def reset(self) -> None:
        """Forget everything that came so far; source time starts again with the next chunk."""
        self._refuse_closed()
        if self._worker is not None:
            self._worker.drain()
        self._flow.forget()
        self._start_resampling()
        self._next_s, self._count, self._origin_s = None, 0, 0.0

    def close(self) -> None:
        """End the stream without asking for what is still to come. Closing twice is fine."""
        if not self._is_closed:
            self._is_closed = True
            self._let_go()

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _refuse_closed(self) -> None:
        if self._is_closed:
            raise SessionClosed("this stream has ended; open another with session.stream()")

    def _sound(self, chunk: Any, timestamp_s: float | None) -> Job:
        # Windows and queues keep what came; a microphone's buffer is written again when this returns.
        samples = _own(mono(chunk))
        start_s = self._next_s
        gap = False
        if start_s is None or (timestamp_s is not None and abs(timestamp_s - start_s) > GAP_S):
            gap = start_s is not None
            self._origin_s, self._count = timestamp_s or 0.0, 0
            start_s = self._origin_s
        self._count += len(samples)
        self._next_s = self._origin_s + self._count / self._rate_hz
        return Job(Signal(samples, float(self._rate_hz), start_s), start_s, len(samples) / self._rate_hz, gap)

    def _run(self, job: Job) -> list[Result]:
        if not self._is_sound:
            result = self._flow.once(self._open_value(job.value))
            return [replace(result, start_s=job.start_s, end_s=job.start_s)]
        results: list[Result] = []
        if job.follows_gap:
            self.counts.gaps += 1
            results = self._end()
            self._flow.forget()
            self._start_resampling()
        signal = job.value if self._resample is None else self._resample(job.value)
        return results + self._flow.push(signal)

    def _end(self) -> list[Result]:
        """What is still to come of the sound so far."""
        left = None if self._resample is None else self._resample.finish()
        results = self._flow.push(left) if left is not None and len(left.values) else []
        return results + self._flow.finish()

    def _start_resampling(self) -> None:
        wanted = self._source.rate_hz
        if self._is_sound and wanted and self._rate_hz != wanted:
            from .ops.audio import Resample

            self._resample = Resample(rate=wanted)


def mono(chunk: Any) -> Array:
    """Samples as f32 in -1 to 1: integers are scaled, channels mixed down. Raises InputError."""
    try:
        samples = np.asarray(chunk)
    except ValueError as error:
        raise InputError(f"samples are no array: {one_line(error)}; give [n], or [n, channels]") from None
    if samples.dtype == np.int16:
        samples = from_int16(samples)
    elif samples.dtype.kind == "f":
        with np.errstate(over="ignore"):  # f64 beyond f32 becomes infinite, and is passed on as that
            samples = samples.astype(np.float32, copy=False)
    else:
        raise InputError(f"samples are {samples.dtype}; give float32 in -1 to 1, or int16")
    if samples.ndim == 2 and samples.shape[1]:
        samples = mix_down(samples)
    if samples.ndim != 1:
        raise InputError(f"samples have the shape {list(samples.shape)}; give [n], or [n, channels]")
    return samples


def checked_rate(rate_hz: int | None) -> int | None:
    """A rate of samples that can be. Raises InputError."""
    try:
        number = None if rate_hz is None else operator.index(rate_hz)
    except TypeError:
        number = 0
    if number is not None and (isinstance(rate_hz, bool) or not 1 <= number <= _MOST_HZ):
        raise InputError(f"rate is {one_line(repr(rate_hz), 60)}; give samples a second, 1 to {_MOST_HZ}")
    return number


def _checked_time(timestamp_s: float | None) -> float | None:
    if timestamp_s is None:
        return None
    try:
        seconds = float(timestamp_s)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not math.isfinite(seconds):
        raise InputError(f"timestamp_s is {one_line(repr(timestamp_s), 60)}; give seconds of source time")
    return seconds


def _own(value: Any) -> Any:
    """A copy of arrays; what is no array cannot change meanwhile."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, Mapping):
        return {name: _own(each) for name, each in value.items()}
    return value


def _release(worker: Worker | None, flow: Flow) -> None:
    """What the end of a stream frees."""
    if worker is not None:
        worker.stop()
    flow.close()
