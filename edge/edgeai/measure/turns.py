"""A measuring process that stays alive and runs in turn with another: its side of the conversation.

Whole processes differ by 10 to 20 % on a shared machine, and short turns of two that are both alive by far
less: what slows one slows its neighbour too. Orders come as lines on standard input: `load`, then as many
`turn SECONDS` as the launcher likes, then `end`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import IO, TYPE_CHECKING

import numpy as np

from .conditions import change_between, read_conditions
from .protocol import Request, Turn, Turned
from .recorder import Recorder
from .timing import SECOND, warm_up

if TYPE_CHECKING:
    from .phases import Say
    from .worker import Ready

_KEPT = 2_000
"""Latencies of a turn that its median is taken of: a turn of 20 ms of a model of 10 µs."""


def take_turns(ready: Ready, request: Request, say: Say, orders: IO[bytes]) -> Turned:
    """Do what is ordered until the end is, or until the launcher hangs up."""
    recorder = Recorder(_KEPT)
    run_turn(lambda: None, 0.0, recorder)  # so that what a turn itself touches is no RAM of the model
    say("ready")
    orders.readline()
    if request.cpus:
        os.sched_setaffinity(0, request.cpus)  # threads that the model starts inherit it
    session, _, output_error = ready.load()
    call = ready.subject.start()
    ready.phases.begin("warm-up")
    warm = warm_up(call, request.warm_up, on_progress=ready.alive)
    ready.phases.end("warm-up")
    ready.phases.begin("turns")
    before = read_conditions(ready.root)
    say("warm")
    for order in orders:
        name, _, seconds = order.decode().strip().partition(" ")
        if name != "turn":
            break
        say("turn", **asdict(run_turn(call, float(seconds), recorder)))
    after = read_conditions(ready.root)
    ready.phases.end("turns")
    if output_error is None:
        output_error = ready.subject.last_error()
    return Turned(
        phases=tuple(ready.phases.ended),
        peak_resets=ready.peak_resets,
        warm_up_runs=warm.runs,
        converged=warm.converged,
        change=change_between(before, after),
        output_error=output_error,
        provider=session.provider,
    )


def run_turn(
    call: Callable[[], object],
    seconds: float,
    recorder: Recorder,
    *,
    clock: Callable[[], int] = time.perf_counter_ns,
    cpu_clock: Callable[[], int] = time.process_time_ns,
) -> Turn:
    """Calls in a row for so long, one at least, after one that brings the caches back and does not count."""
    recorder.clear()
    call()
    cpu_before, start = cpu_clock(), clock()
    now = start
    while not recorder.runs or now - start < seconds * SECOND:
        before = now
        call()
        now = clock()
        recorder.add(now - before)
    cpu_s = (cpu_clock() - cpu_before) / SECOND
    return Turn(round(float(np.median(recorder.samples_ns))), recorder.runs, (now - start) / SECOND, cpu_s)
