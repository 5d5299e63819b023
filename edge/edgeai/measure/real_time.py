"""A stream in real time: chunks pushed when a microphone would have them, and how late the answers are."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .recorder import Recorder
from .timing import SECOND, Clock

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROOM_S = 0.02
"""A wait that a look at the machine fits into, as between paced calls."""
_PATIENCE = 3
"""A stream that is too slow is given up after so many times its length."""


@dataclass(frozen=True)
class Pushed:
    """What one chunk brought. answered: whether any model ran. ends_s: for each window of the stage that
    gives the answer, the source time at which its last element ends."""

    answered: bool
    ends_s: Sequence[float]


@dataclass(frozen=True)
class RealTime:
    """A stream on its own schedule.

    samples_ns: capture to result, int64[n]: from the moment at which a window's last element is there until
        the answer is out; one of every `keep_every` of `windows`. sum_ns, min_ns, max_ns: over all windows.
    chunks: pushed. answered: those that a model ran for. late: of these, the ones that were through later
        than the deadline after their last sample was there.
    busy_s: time inside pushes. stream_s: length of what was pushed. duration_s: wall time. cpu_s: CPU time of
        the process, all threads.
    """

    samples_ns: NDArray[np.int64]
    keep_every: int
    windows: int
    sum_ns: int
    min_ns: int
    max_ns: int
    chunks: int
    answered: int
    late: int
    busy_s: float
    stream_s: float
    duration_s: float
    cpu_s: float


def measure_real_time(
    push: Callable[[int], Pushed],
    there_s: Callable[[int], float],
    chunks: int,
    deadline_s: float,
    recorder: Recorder,
    *,
    clock: Clock = time.perf_counter_ns,
    cpu_clock: Clock = time.process_time_ns,
    sleep: Callable[[float], None] = time.sleep,
    on_progress: Callable[[], object] = lambda: None,
) -> RealTime:
    """Push chunk after chunk, each when its last sample is there, or at once where the stream is behind.

    push: pushes the chunk of a number, from 0. there_s: source time at which the last sample of that chunk
    is there; source time 0 is the start. recorder: gets the windows' latencies.
    on_progress: called twice a second where the wait leaves room for it, and every ten seconds where there
    is none.
    """
    answered = late = busy_ns = pushed = 0
    cpu_before, start = cpu_clock(), clock()
    told = start
    patience_ns = round(_PATIENCE * there_s(chunks - 1) * SECOND)
    for turn in range(chunks):
        due = start + round(there_s(turn) * SECOND)
        now = clock()
        roomy = due - now > _ROOM_S * SECOND and due - told > SECOND // 2
        if turn and (roomy or now - told > 10 * SECOND):
            on_progress()
            told = now
        wait = due - clock()
        if wait > 0:
            sleep(wait / SECOND)
        before = clock()
        found = push(turn)
        after = clock()
        pushed += 1
        busy_ns += after - before
        answered += found.answered
        late += found.answered and after - due > deadline_s * SECOND
        for end_s in found.ends_s:
            recorder.add(after - start - round(end_s * SECOND))
        if after - start > patience_ns:
            break
    duration_s = (clock() - start) / SECOND
    return RealTime(
        recorder.samples_ns,
        recorder.keep_every,
        recorder.runs,
        sum_ns=recorder.sum_ns,
        min_ns=recorder.min_ns if recorder.runs else 0,
        max_ns=recorder.max_ns,
        chunks=pushed,
        answered=answered,
        late=late,
        busy_s=busy_ns / SECOND,
        stream_s=there_s(pushed - 1),
        duration_s=duration_s,
        cpu_s=(cpu_clock() - cpu_before) / SECOND,
    )
