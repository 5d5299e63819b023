"""The measuring process: opens one model, runs it, and reports what it cost. Started by `launch`.

Run as `python -m edgeai.measure.worker SPAWN_NS PIPE_FD`, with the request as JSON on standard input.
Answers are lines of JSON on the pipe, so that nothing a native library prints can mix with them.
"""

from __future__ import annotations

import time

_STARTED_NS = time.perf_counter_ns()  # before anything heavy: the interpreter is up

# ruff: noqa: E402 - the line above must run first

import gc
import importlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import errors, wire
from ..errors import one_line
from ..sysroot import SysRoot
from .conditions import Change, change_between, read_conditions, read_throttling
from .dying import die_with_parent
from .memory import limit_to_machine, reset_peak
from .phases import Phases, Say
from .protocol import MadeForm, Measured, Probed, Request, Streamed, Timed, Turned
from .real_time import RealTime
from .recorder import Recorder
from .subject import Subject
from .timing import (
    Paced,
    Steady,
    StopRule,
    WarmUpRule,
    half_width,
    measure_paced,
    measure_steady,
    warm_up,
)

if TYPE_CHECKING:
    from ..session import Session
    from .energy_process import EnergyRan
    from .long_runs import ScenarioMeasured, SoakMeasured
    from .profiled import Profiled

_STREAM_CAPACITY = 5_000
"""Latencies that are kept in real time: 50 s of a stream that answers every 10 ms."""


def main() -> None:
    """Do the request and say what happened; the exit code is 0 whenever an answer was given."""
    spawned_ns, pipe = int(sys.argv[1]), os.fdopen(int(sys.argv[2]), "w", buffering=1)
    die_with_parent()

    def say(event: str, **fields: object) -> None:
        pipe.write(json.dumps({"event": event, **fields}, separators=(",", ":")) + "\n")

    try:
        request = wire.loads(Request, sys.stdin.buffer.readline())
        result = _done(request, say, spawned_ns)
        pipe.write('{"event":"result","result":' + wire.dumps(result) + "}\n")
    except errors.EdgeError as error:
        say("error", kind=type(error).__name__, message=str(error))
    except MemoryError:
        say("error", kind="RunError", message=f"{one_line(request.model.model)}: memory ran out")
    pipe.close()
    # Not through the interpreter's shutdown: a library that crashes while it is torn down would spoil a
    # measurement that is complete.
    os._exit(0)


def _done(
    request: Request, say: Say, spawned_ns: int
) -> Probed | Measured | MadeForm | Turned | ScenarioMeasured | SoakMeasured | Profiled | EnergyRan:
    if request.probe:
        return probe(request, say)
    if request.form is not None or request.scenario is not None:
        return _once(request, say, spawned_ns)
    if request.turns or request.energy:
        return _obey(request, say, spawned_ns)
    if request.soak_s is not None:
        from .soak_process import run_soak

        return run_soak(prepare(request, say, spawned_ns), request, say)
    if request.profile is not None:
        from .profile import profile

        return profile(request, request.profile, say)
    return measure(request, say, spawned_ns)


def _once(request: Request, say: Say, spawned_ns: int) -> MadeForm | ScenarioMeasured:
    """Make a form, or run one MLPerf scenario."""
    if request.form is not None:
        from .forming import run_forming

        limit_to_machine(SysRoot(Path(request.sysroot)))
        return run_forming(request, say)
    from .scenario_process import run_scenario

    return run_scenario(prepare(request, say, spawned_ns), request, say)


def _obey(request: Request, say: Say, spawned_ns: int) -> Turned | EnergyRan:
    """Do what comes in as lines from now on."""
    if request.turns:
        from .turns import take_turns

        return take_turns(prepare(request, say, spawned_ns), request, say, sys.stdin.buffer)
    from .energy_process import take_orders

    return take_orders(prepare(request, say, spawned_ns), request, say, sys.stdin.buffer)


def probe(request: Request, say: Say) -> Probed:
    """Find out how the model or the pipeline runs, and keep what goes in and out for the workers."""
    say("phase", name="load")
    limit_to_machine(SysRoot(Path(request.sysroot)))

    def on_opened() -> None:
        say("phase", name="first inference")

    if request.pipeline is None:
        from .model_subject import probe_model

        return probe_model(request, on_opened)
    from .pipeline_subject import probe_pipeline

    return probe_pipeline(request, on_opened, _twice_a_second(lambda: say("alive")))


def measure(request: Request, say: Say, spawned_ns: int) -> Measured:
    """Go through the phases; see the reference of each number in `benchmarks/README.md`."""
    ready = prepare(request, say, spawned_ns)
    root, phases, subject, alive = ready.root, ready.phases, ready.subject, ready.alive
    recorder, paced_recorder, stream_recorder = ready.recorders
    session, first_s, output_error = ready.load()

    call = subject.start()
    phases.begin("warm-up")
    warm = warm_up(call, request.warm_up, on_progress=alive)
    phases.end("warm-up")

    phases.begin("steady")
    before = read_conditions(root)
    steady, seen = _steady(request, call, recorder, root, say)
    after = read_conditions(root)
    phases.end("steady")

    paced, paced_change = None, None
    if request.rate_hz is not None:
        phases.begin("paced")
        paced, paced_change = _paced(request, call, paced_recorder, root, say)
        phases.end("paced")
    stream, stream_change = None, None
    if subject.is_stream:
        phases.begin("real time")
        stream, stream_change = _stream(subject, stream_recorder, root, say)
        phases.end("real time")
    provider, provider_share = session.provider, dict(session.provider_share)
    if output_error is None:  # and once more after all the runs, from fresh state
        output_error = subject.last_error()
    return Measured(
        phases=tuple(phases.ended),
        peak_resets=ready.peak_resets,
        first_inference_s=first_s,
        warm_up_runs=warm.runs,
        converged=warm.converged,
        steady=_timed(steady),
        paced=None if paced is None else _timed(paced),
        before=before,
        after=after,
        change=change_between(before, after, seen=seen),
        paced_change=paced_change,
        loop_s=ready.loop_s,
        affinity=tuple(sorted(os.sched_getaffinity(0))),
        output_error=output_error,
        provider=provider,
        provider_share=provider_share,
        pipeline=subject.measured(recorder, _streamed(stream, stream_change)),
    )


@dataclass(frozen=True)
class Ready:
    """A process at its baseline: everything is imported and allocated, the model is not opened."""

    root: SysRoot
    """What conditions are read from."""
    own: SysRoot
    """What this process's RAM is read from."""
    phases: Phases
    subject: Subject
    alive: Callable[[], None]
    recorders: tuple[Recorder, Recorder, Recorder]
    """For the steady state, the paced calls, and the stream."""
    loop_s: float
    peak_resets: bool

    def load(self) -> tuple[Session, float, str | None]:
        """Open the model and run once; with the seconds of that run and what is wrong with its outputs."""
        self.phases.begin("load")
        session = self.subject.open()
        self.phases.end("load")
        self.phases.begin("first inference")
        self.subject.first()
        first_s = self.phases.end("first inference")
        return session, first_s, self.subject.first_error()


def prepare(request: Request, say: Say, spawned_ns: int) -> Ready:
    """The phases before the model is opened."""
    own = SysRoot(Path(request.sysroot))
    root = own if request.tree is None else SysRoot(Path(request.tree))
    phases = Phases(own, say)
    phases.end("interpreter", since_ns=spawned_ns, until_ns=_STARTED_NS)
    say("phase", name="imports")
    alive = _twice_a_second(lambda: say("alive"))
    subject = _subject(request, alive)
    subject.import_runtime()
    phases.end("imports", since_ns=_STARTED_NS)  # numpy came with this file's own imports

    phases.begin("baseline")
    subject.read()
    recorder, paced_recorder = subject.recorder(), Recorder()
    stream_recorder = Recorder(_STREAM_CAPACITY if subject.is_stream else 0)
    loop_s = _rehearse(root, subject)
    gc.collect()
    limit_to_machine(own)
    peak_resets = reset_peak(own)
    phases.end("baseline")
    recorders = (recorder, paced_recorder, stream_recorder)
    return Ready(root, own, phases, subject, alive, recorders, loop_s, peak_resets)


def _subject(request: Request, alive: Callable[[], None]) -> Subject:
    if request.other is not None:
        module, _, name = request.other.target.partition(":")
        made: Subject = getattr(importlib.import_module(module), name)(request)
        return made
    if request.pipeline is None:
        from .model_subject import ModelSubject

        return ModelSubject(request)
    from .pipeline_subject import PipelineSubject

    return PipelineSubject(request, alive)


def _steady(
    request: Request, call: Callable[[], object], recorder: Recorder, root: SysRoot, say: Say
) -> tuple[Steady, list[tuple[str, ...]]]:
    """Calls back to back, and each time what the board was throttled by."""
    seen: list[tuple[str, ...]] = []

    def look(share: float) -> None:
        seen.append(read_throttling(root).now)
        say("progress", share=share)

    return measure_steady(call, request.stop, recorder, on_progress=look), seen


def _paced(
    request: Request, call: Callable[[], object], recorder: Recorder, root: SysRoot, say: Say
) -> tuple[Paced, Change]:
    """Calls on a schedule, and what happened to the machine meanwhile."""
    assert request.rate_hz is not None
    seen: list[tuple[str, ...]] = []

    def look(share: float) -> None:
        seen.append(read_throttling(root).now)
        say("alive")

    before = read_conditions(root)
    paced = measure_paced(call, request.rate_hz, request.paced_s, recorder, on_progress=look)
    return paced, change_between(before, read_conditions(root), seen=seen)


def _stream(subject: Subject, recorder: Recorder, root: SysRoot, say: Say) -> tuple[RealTime, Change]:
    """The subject as a stream in real time, and what happened to the machine meanwhile."""
    seen: list[tuple[str, ...]] = []

    def look() -> None:
        seen.append(read_throttling(root).now)
        say("alive")

    before = read_conditions(root)
    measured = subject.real_time(recorder, look)
    return measured, change_between(before, read_conditions(root), seen=seen)


def _rehearse(root: SysRoot, subject: Subject) -> float:
    """Go through everything that measuring does once, on an empty call.

    The memory that the harness itself touches then lies in the baseline, and is not counted as the model's.
    Returns the seconds that the loop itself takes a call.
    """
    read_conditions(root)
    read_throttling(root)
    nothing = subject.rehearse()
    recorder = subject.recorder(2_000)
    warm_up(nothing, WarmUpRule(min_s=0.0, max_s=0.02, block_s=0.005))
    # So many runs that the recorder halves, and half_width is asked once.
    empty = measure_steady(nothing, StopRule(5_000, 0.0, 0.2, None), recorder, check_every_s=0.001)
    half_width(np.arange(Recorder.CAPACITY))  # of as many samples as there can be
    return empty.duration_s / empty.runs


def _twice_a_second(call: Callable[[], None]) -> Callable[[], None]:
    """The call, at most twice a second: often enough for the launcher to see life."""
    last_s = time.monotonic()

    def maybe() -> None:
        nonlocal last_s
        if time.monotonic() - last_s > 0.5:
            last_s = time.monotonic()
            call()

    return maybe


def _timed(loop: Steady | Paced) -> Timed:
    samples = tuple(loop.samples_ns.tolist())
    common = (samples, loop.keep_every, loop.runs, loop.duration_s, loop.cpu_s)
    extremes = (loop.sum_ns, loop.min_ns, loop.max_ns)
    if isinstance(loop, Paced):
        return Timed(*common, *extremes, late=loop.late)
    return Timed(*common, *extremes, met_rule=loop.met_rule, half_width=loop.half_width)


def _streamed(loop: RealTime | None, change: Change | None) -> Streamed | None:
    if loop is None or change is None:
        return None
    return Streamed(
        samples_ns=tuple(loop.samples_ns.tolist()),
        keep_every=loop.keep_every,
        windows=loop.windows,
        sum_ns=loop.sum_ns,
        min_ns=loop.min_ns,
        max_ns=loop.max_ns,
        chunks=loop.chunks,
        answered=loop.answered,
        late=loop.late,
        busy_s=loop.busy_s,
        stream_s=loop.stream_s,
        duration_s=loop.duration_s,
        cpu_s=loop.cpu_s,
        change=change,
    )
