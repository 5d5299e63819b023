"""The measuring process: opens one model, runs it, and reports what it cost. Started by `launch`.

Run as `python -m edgeai.measure.worker SPAWN_NS PIPE_FD`, with the request as JSON on standard input.
Answers are lines of JSON on the pipe, so that nothing a native library prints can mix with them.
"""

from __future__ import annotations

import time

_STARTED_NS = time.perf_counter_ns()  # before anything heavy: the interpreter is up

# ruff: noqa: E402 - the line above must run first

import ctypes
import gc
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import errors
from ..backends import load_backend
from ..errors import one_line
from ..sysroot import SysRoot
from . import exchange, wire
from .conditions import change_between, read_conditions, read_throttling
from .inputs import (
    batch_of,
    candidate_shapes,
    named_shapes,
    open_dimensions,
    outputs_agree,
    read_inputs,
    synthetic_inputs,
)
from .memory import limit_to_machine, read_disk_bytes, read_memory, reset_peak
from .protocol import InputRequest, Measured, ModelRequest, Phase, Probed, Request, Tensor, Timed
from .recorder import Recorder
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
    from ..backends import Array
    from ..session import Session

Say = Callable[..., None]


def main() -> None:
    """Do the request and say what happened; the exit code is 0 whenever an answer was given."""
    spawned_ns, pipe = int(sys.argv[1]), os.fdopen(int(sys.argv[2]), "w", buffering=1)
    _die_with_parent()

    def say(event: str, **fields: object) -> None:
        pipe.write(json.dumps({"event": event, **fields}, separators=(",", ":")) + "\n")

    try:
        request = wire.loads(Request, sys.stdin.buffer.read())
        result = probe(request, say) if request.probe else measure(request, say, spawned_ns)
        pipe.write('{"event":"result","result":' + wire.dumps(result) + "}\n")
    except errors.EdgeError as error:
        say("error", kind=type(error).__name__, message=str(error))
    except MemoryError:
        say("error", kind="RunError", message=f"{one_line(request.model.model)}: memory ran out")
    pipe.close()
    # Not through the interpreter's shutdown: a library that crashes while it is torn down would spoil a
    # measurement that is complete.
    os._exit(0)


def probe(request: Request, say: Say) -> Probed:
    """Find shapes that the model runs with, and keep the inputs and outputs for the measuring workers."""
    say("phase", name="load")
    limit_to_machine(SysRoot(Path(request.sysroot)))
    asked, model = request.inputs, request.model.model
    session = _open(request.model)
    say("phase", name="first inference")
    specs = session.raw_inputs
    given = named_shapes(specs, asked.shapes)
    if asked.file is not None:
        arrays, unknown = read_inputs(Path(asked.file), specs), []
        samples = None
        outputs = session.run(arrays, raw=True)
    else:
        unknown = open_dimensions(specs, given, asked.batch)
        refusals: list[str] = []
        for shapes in candidate_shapes(specs, given, asked.batch):
            arrays = synthetic_inputs(specs, shapes, asked.values, asked.seed)
            for name in asked.loops.keys() & arrays.keys():
                arrays[name] = np.zeros_like(arrays[name])
            try:
                session.reset()
                outputs = session.run(arrays, raw=True)
                break
            except (errors.InputError, errors.RunError) as error:
                refusals.append(str(error))
        else:
            hint = "; give --input-shape NAME:SIZExSIZE" if unknown else ""
            raise errors.InputError(
                f"{one_line(model)} ran with none of the sizes tried ({one_line(refusals[0])}){hint}"
            )
        samples = batch_of(specs, shapes, given, asked.batch)
    _check_loops(asked, arrays, outputs, model)
    exchange.save(Path(request.folder), "inputs", arrays)
    exchange.save(Path(request.folder), "outputs", outputs)
    return Probed(
        inputs=tuple(Tensor(spec.name, spec.dtype, arrays[spec.name].shape) for spec in specs),
        outputs=tuple(Tensor(s.name, s.dtype, outputs[s.name].shape) for s in session.raw_outputs),
        open_dimensions=tuple(unknown),
        not_finite=tuple(n for n, a in outputs.items() if a.dtype.kind == "f" and not np.isfinite(a).all()),
        samples_per_call=samples,
        backend=session.backend,
        library_version=load_backend(session.backend).version(),
        threads=session.threads,
        provider=session.provider,
        provider_share=dict(session.provider_share),
    )


def measure(request: Request, say: Say, spawned_ns: int) -> Measured:
    """Go through the phases; see the reference of each number in `benchmarks/README.md`."""
    root = SysRoot(Path(request.sysroot))
    phases = _Phases(root, say)
    phases.end("interpreter", since_ns=spawned_ns, until_ns=_STARTED_NS)
    say("phase", name="imports")
    _import_runtime(request.model)
    phases.end("imports", since_ns=_STARTED_NS)  # numpy came with this file's own imports

    phases.begin("baseline")
    feed = exchange.read(Path(request.folder), "inputs")
    recorder, paced_recorder = Recorder(), Recorder()
    loop_s = _rehearse(root, request, feed)
    gc.collect()
    limit_to_machine(root)
    peak_resets = reset_peak(root)
    phases.end("baseline")

    phases.begin("load")
    session = _open(request.model)
    phases.end("load")

    phases.begin("first inference")
    outputs = session.run(feed, raw=True)
    first_s = phases.end("first inference")
    output_error = _outputs_error(request, session, outputs)
    del outputs

    call = _call(session, feed, request.inputs.loops)
    phases.begin("warm-up")
    warm = warm_up(call, request.warm_up, on_progress=_twice_a_second(lambda: say("alive")))
    phases.end("warm-up")

    phases.begin("steady")
    seen: list[tuple[str, ...]] = []

    def look(share: float) -> None:
        seen.append(read_throttling(root).now)
        say("progress", share=share)

    before = read_conditions(root)
    steady = measure_steady(call, request.stop, recorder, on_progress=look)
    after = read_conditions(root)
    phases.end("steady")

    paced, paced_change = None, None
    if request.rate_hz is not None:
        phases.begin("paced")
        seen_paced: list[tuple[str, ...]] = []

        def look_paced(share: float) -> None:
            seen_paced.append(read_throttling(root).now)
            say("alive")

        paced = measure_paced(call, request.rate_hz, request.paced_s, paced_recorder, on_progress=look_paced)
        paced_change = change_between(after, read_conditions(root), seen=seen_paced)
        phases.end("paced")
    provider, provider_share = session.provider, dict(session.provider_share)
    if output_error is None:  # and once more after all the runs, from fresh state
        session.reset()
        output_error = _outputs_error(request, session, session.run(feed, raw=True))
    return Measured(
        phases=tuple(phases.ended),
        peak_resets=peak_resets,
        first_inference_s=first_s,
        warm_up_runs=warm.runs,
        converged=warm.converged,
        steady=_timed(steady),
        paced=None if paced is None else _timed(paced),
        before=before,
        after=after,
        change=change_between(before, after, seen=seen),
        paced_change=paced_change,
        loop_s=loop_s,
        affinity=tuple(sorted(os.sched_getaffinity(0))),
        output_error=output_error,
        provider=provider,
        provider_share=provider_share,
    )


def _rehearse(root: SysRoot, request: Request, feed: dict[str, Array]) -> float:
    """Go through everything that measuring does once, on an empty call.

    The memory that the harness itself touches then lies in the baseline, and is not counted as the model's.
    Returns the seconds that the loop itself takes a call.
    """
    read_conditions(root)
    read_throttling(root)
    # As the outputs will be compared.
    outputs_agree(exchange.read(Path(request.folder), "inputs", mapped=True), feed, set())
    recorder = Recorder(2_000)
    warm_up(_nothing, WarmUpRule(min_s=0.0, max_s=0.02, block_s=0.005))
    # So many runs that the recorder halves, and half_width is asked once.
    empty = measure_steady(_nothing, StopRule(5_000, 0.0, 0.2, None), recorder, check_every_s=0.001)
    half_width(np.arange(Recorder.CAPACITY))  # of as many samples as there can be
    return empty.duration_s / empty.runs


def _nothing() -> None:
    """The empty call of the rehearsal."""


def _outputs_error(request: Request, session: Session, outputs: dict[str, Array]) -> str | None:
    """What is wrong with outputs, against those that the probe kept on disk, read in place."""
    quantized = {spec.name for spec in session.raw_outputs if spec.quantization is not None}
    return outputs_agree(exchange.read(Path(request.folder), "outputs", mapped=True), outputs, quantized)


def _twice_a_second(call: Callable[[], None]) -> Callable[[], None]:
    """The call, at most twice a second: often enough for the launcher to see life."""
    last_s = time.monotonic()

    def maybe() -> None:
        nonlocal last_s
        if time.monotonic() - last_s > 0.5:
            last_s = time.monotonic()
            call()

    return maybe


class _Phases:
    """Times phases one after the other and reads RAM and disk at the end of each."""

    def __init__(self, root: SysRoot, say: Say) -> None:
        self.ended: list[Phase] = []
        self._root, self._say = root, say
        self._disk = self._since_ns = 0

    def begin(self, name: str) -> None:
        self._say("phase", name=name)
        reset_peak(self._root)
        self._disk = read_disk_bytes(self._root) or 0
        self._since_ns = time.perf_counter_ns()

    def end(self, name: str, since_ns: int | None = None, until_ns: int | None = None) -> float:
        now_ns = until_ns or time.perf_counter_ns()
        duration_s = (now_ns - (since_ns or self._since_ns)) / 1e9
        memory = read_memory(self._root)
        disk = read_disk_bytes(self._root)
        self.ended.append(Phase(name, duration_s, memory, None if disk is None else disk - self._disk))
        return duration_s


def _open(asked: ModelRequest) -> Session:
    import edgeai

    return edgeai.load(
        asked.model,
        device=asked.device,
        backend=asked.backend,
        threads=asked.threads,
        providers=asked.providers,
        signature=asked.signature,
    )


def _import_runtime(asked: ModelRequest) -> None:
    """All that opening the model will import, so that the baseline holds the library and not the model."""
    from .. import device, session  # noqa: F401 - imported for what it costs

    assert asked.backend is not None  # the launcher fills in what the probe chose
    load_backend(asked.backend)


def _call(session: Session, feed: dict[str, Array], loops: dict[str, str]) -> Callable[[], object]:
    """What is timed: one run of the model on fixed inputs. State that is looped is handed on inside the
    timed call, as an application would: one dictionary entry, under 0.1 µs."""
    run = session.run
    if not loops:
        return lambda: run(feed, raw=True)
    feed = dict(feed)

    def step() -> None:
        outputs = run(feed, raw=True)
        for name, output in loops.items():
            feed[name] = outputs[output]

    return step


def _check_loops(
    asked: InputRequest, arrays: dict[str, Array], outputs: dict[str, Array], model: str
) -> None:
    for name, output in asked.loops.items():
        if name not in arrays or output not in outputs or arrays[name].shape != outputs[output].shape:
            raise errors.InputError(
                f"{one_line(model)} cannot loop output {output!r} into input {name!r}: "
                "both must exist with one shape"
            )


def _timed(loop: Steady | Paced) -> Timed:
    samples = tuple(loop.samples_ns.tolist())
    common = (samples, loop.keep_every, loop.runs, loop.duration_s, loop.cpu_s)
    extremes = (loop.sum_ns, loop.min_ns, loop.max_ns)
    if isinstance(loop, Paced):
        return Timed(*common, *extremes, late=loop.late)
    return Timed(*common, *extremes, met_rule=loop.met_rule, half_width=loop.half_width)


def _die_with_parent() -> None:
    """Be killed when the launcher dies, and be the kernel's first choice when memory runs out."""
    set_parent_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
    libc: Any = ctypes.CDLL(None)
    libc.prctl(set_parent_death_signal, signal.SIGKILL)
    SysRoot().write_text("/proc/self/oom_score_adj", "1000")


if __name__ == "__main__":
    main()
