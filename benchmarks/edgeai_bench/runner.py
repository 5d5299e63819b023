"""Runs one benchmark: a probe, then fresh worker processes one after the other, then the report."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

import edgeai
from edgeai.bundle import bare_variant
from edgeai.device import detect
from edgeai.errors import ModelError, one_line
from edgeai.measure.launch import model_folder, run_measure, run_probe
from edgeai.measure.protocol import InputRequest, Measured, ModelRequest, Phase, Probed, Request, Timed
from edgeai.measure.statistics import (
    ENOUGH_PROCESSES,
    Estimate,
    over_processes,
    percentile,
    widen_by_processes,
)

from . import foreign
from .plan import Plan
from .report import (
    Identity,
    Latency,
    MemoryUse,
    ModelIdentity,
    PacedResult,
    PhaseRecord,
    ProcessRecord,
    Report,
    Settings,
    Start,
    Unavailable,
)
from .verdict import doubts_about_request, doubts_of, verdict_of

OnProgress = Callable[[float, str], None]
"""Share of the run that is done, and what it is at."""


ENERGY = Unavailable(
    "edgeai reads no power sensor yet",
    "measure the supply with an external meter, beside --rate",
)


def run(
    model: ModelRequest,
    inputs: InputRequest,
    plan: Plan,
    *,
    model_id: str | None = None,
    on_progress: OnProgress = lambda share, what: None,
) -> Report:
    """Measure one model with one set of options. Raises EdgeError; see `edgeai.measure.launch`."""
    started = datetime.now(timezone.utc)
    variant = bare_variant(model.model)
    with model_folder() as folder:
        request = Request(
            model,
            inputs,
            folder,
            warm_up=plan.warm_up,
            stop=plan.stop,
            rate_hz=plan.rate_hz,
            paced_s=plan.paced_s,
        )
        on_progress(0.0, "probe")
        probed = run_probe(request, silence_s=plan.silence_s)
        request = replace(request, model=replace(model, backend=model.backend or probed.backend))
        before = foreign.snapshot()
        processes = []
        for turn in range(plan.processes):
            if plan.cold:
                drop_from_page_cache(Path(variant.path))
            follow = _follow(turn, plan.processes, on_progress)
            processes.append(run_measure(request, on_event=follow, silence_s=plan.silence_s))
        others = foreign.used_between(before, foreign.snapshot())
    on_progress(1.0, "done")
    asked = doubts_about_request(model, inputs, plan, probed, processes, from_suite=model_id is not None)
    doubts = (*doubts_of(probed, processes, others), *asked)
    verdict = verdict_of(doubts)
    steady = [process.steady for process in processes]
    samples = probed.samples_per_call
    return Report(
        verdict=verdict,
        warnings=doubts,
        model=_model_identity(Path(variant.path), variant.format, probed, model_id),
        identity=_identity(probed, processes, plan, started),
        settings=_settings(plan, inputs),
        latency=latency_of(steady),
        start=_start(processes),
        memory=memory_of(processes),
        cpu_s_per_inference=_over(loop.cpu_s / loop.runs for loop in steady),
        throughput_hz=_over(loop.runs / loop.duration_s for loop in steady),
        samples_per_s=None
        if samples is None
        else _over(samples * loop.runs / loop.duration_s for loop in steady),
        paced=_paced(processes, plan),
        disk_read_bytes=_known([_disk_read(process) for process in processes]),
        energy=ENERGY,
        processes=tuple(_record(process) for process in processes),
    )


def latency_of(loops: Sequence[Timed]) -> Latency:
    """Percentiles over the kept samples of all processes; minimum, maximum and mean over all runs."""
    processes = [np.asarray(loop.samples_ns) / 1e9 for loop in loops]
    pooled = np.concatenate(processes)

    def at(p: float) -> Estimate | None:
        found = percentile(pooled, p)
        return None if found is None else widen_by_processes(found, processes, p)

    return Latency(
        min=min(loop.min_ns for loop in loops) / 1e9,
        max=max(loop.max_ns for loop in loops) / 1e9,
        mean=_over(loop.sum_ns / loop.runs / 1e9 for loop in loops),
        p50=at(0.5),
        p90=at(0.9),
        p95=at(0.95),
        p99=at(0.99),
        runs=sum(loop.runs for loop in loops),
        samples=len(pooled),
    )


def _start(processes: Sequence[Measured]) -> Start:
    def over(*names: str) -> Estimate:
        return _over(sum(_phase(process, name).duration_s for name in names) for process in processes)

    return Start(
        interpreter=over("interpreter"),
        imports=over("imports"),
        load=over("load"),
        first_inference=over("first inference"),
        load_to_first_result=over("load", "first inference"),
    )


def memory_of(processes: Sequence[Measured]) -> MemoryUse:
    """RAM over processes: peaks from the load on, and what the model added to the baseline."""
    baselines = [_phase(process, "baseline").memory for process in processes]
    ends = [_phase(process, "steady").memory for process in processes]
    peaks = [_peak(process) for process in processes]
    return MemoryUse(
        baseline=_known([memory.resident_bytes for memory in baselines]),
        peak=_known(peaks),
        incremental=_known(
            [_less(peak, base.resident_bytes) for peak, base in zip(peaks, baselines, strict=True)]
        ),
        anonymous=_known([memory.anonymous_bytes for memory in ends]),
        incremental_anonymous=_known(
            [
                _less(end.anonymous_bytes, base.anonymous_bytes)
                for end, base in zip(ends, baselines, strict=True)
            ]
        ),
        pss=_known([memory.pss_bytes for memory in ends]),
    )


def _peak(process: Measured) -> int | None:
    """The highest resident set from the load on; the peak is reset before it, where the kernel allows."""
    names = ("load", "first inference", "warm-up", "steady", "paced")
    peaks = [phase.memory.peak_bytes for phase in process.phases if phase.name in names]
    known = [peak for peak in peaks if peak is not None]
    return max(known) if len(known) == len(peaks) else None


def _paced(processes: Sequence[Measured], plan: Plan) -> PacedResult | None:
    loops = [process.paced for process in processes if process.paced is not None]
    if plan.rate_hz is None or not loops:
        return None
    return PacedResult(
        rate_hz=plan.rate_hz,
        reached_hz=sum(loop.runs for loop in loops) / sum(loop.duration_s for loop in loops),
        late=sum(loop.late for loop in loops),
        latency=latency_of(loops),
        cpu_s_per_inference=_over(loop.cpu_s / loop.runs for loop in loops),
    )


def _model_identity(file: Path, format_: str, probed: Probed, model_id: str | None) -> ModelIdentity:
    return ModelIdentity(
        path=str(file),
        sha256=_sha256(file),
        size_bytes=file.stat().st_size,
        format=format_,
        inputs=probed.inputs,
        outputs=probed.outputs,
        id=model_id,
    )


def _identity(probed: Probed, processes: Sequence[Measured], plan: Plan, started: datetime) -> Identity:
    device = detect()
    last = processes[-1]
    return Identity(
        edgeai_version=edgeai.__version__,
        python_version=platform.python_version(),
        backend=probed.backend,
        library_version=probed.library_version,
        provider=last.provider,
        provider_share=last.provider_share,
        threads=probed.threads,
        affinity=last.affinity,
        device_profile=device.profile.id,
        device_model=device.model,
        matched_by=device.matched_by,
        cpu_features=device.features,
        cores=device.cores,
        memory_bytes=device.memory_bytes,
        kernel=platform.release(),
        machine=platform.machine(),
        governors=last.after.governors,
        power_mode=last.after.power_mode,
        page_cache="cold: the model file was dropped from the page cache before each process"
        if plan.cold
        else "warm: the probe had just read the file",
        command=tuple(sys.argv),
        started_utc=started.isoformat(timespec="seconds"),
    )


def drop_from_page_cache(file: Path) -> None:
    """Make the next process read a file from storage; needs no privilege. Pages that others map stay."""
    with suppress(OSError), file.open("rb") as opened:  # the worker says what is wrong with the file
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    try:
        with file.open("rb") as opened:
            while chunk := opened.read(1 << 20):  # a model may be larger than the board's free RAM
                digest.update(chunk)
    except OSError as error:
        raise ModelError(f"{one_line(file)} went away while it was measured: {error.strerror}") from error
    return digest.hexdigest()


def _settings(plan: Plan, inputs: InputRequest) -> Settings:
    return Settings(
        quick=plan.quick,
        processes=plan.processes,
        warm_up_min_s=plan.warm_up.min_s,
        warm_up_max_s=plan.warm_up.max_s,
        min_runs=plan.stop.min_runs,
        min_s=plan.stop.min_s,
        max_s=plan.stop.max_s,
        precision=plan.stop.precision,
        batch=inputs.batch,
        rate_hz=plan.rate_hz,
        inputs=inputs.file or "synthetic: floats uniform in [0, 1), integers 0, strings empty; see values",
        input_sha256=None if inputs.file is None else _sha256(Path(inputs.file)),
        values=dict(inputs.values),
        loops=dict(inputs.loops),
        seed=inputs.seed,
        intervals="95 %" if plan.processes >= ENOUGH_PROCESSES else "range",
    )


def _record(process: Measured) -> ProcessRecord:
    return ProcessRecord(
        samples_ns=process.steady.samples_ns,
        keep_every=process.steady.keep_every,
        runs=process.steady.runs,
        duration_s=process.steady.duration_s,
        cpu_s=process.steady.cpu_s,
        warm_up_runs=process.warm_up_runs,
        converged=process.converged,
        met_rule=process.steady.met_rule,
        half_width=process.steady.half_width,
        loop_s=process.loop_s,
        phases=tuple(
            PhaseRecord(phase.name, phase.duration_s, phase.memory, phase.disk_bytes)
            for phase in process.phases
        ),
        before=process.before,
        after=process.after,
        change=process.change,
        paced_change=process.paced_change,
        output_error=process.output_error,
        paced_samples_ns=() if process.paced is None else process.paced.samples_ns,
        paced_keep_every=None if process.paced is None else process.paced.keep_every,
    )


def _follow(turn: int, turns: int, on_progress: OnProgress) -> Callable[[dict[str, object]], None]:
    """Turn a worker's events into a share of the whole run; the steady state is most of each process."""
    at = {"imports": 0.02, "baseline": 0.04, "load": 0.05, "first inference": 0.1, "warm-up": 0.15,
          "steady": 0.3, "paced": 0.85}  # fmt: skip

    share = 0.0

    def follow(event: dict[str, object]) -> None:
        nonlocal share
        if event["event"] == "phase":
            share = at.get(str(event["name"]), share)
        elif event["event"] == "progress":
            share = at["steady"] + 0.55 * float(str(event["share"]))
        on_progress((turn + share) / turns, f"process {turn + 1} of {turns}")

    return follow


def _phase(process: Measured, name: str) -> Phase:
    return next(phase for phase in process.phases if phase.name == name)


def _disk_read(process: Measured) -> int | None:
    values = [_phase(process, name).disk_bytes for name in ("load", "first inference")]
    return None if None in values else sum(value for value in values if value is not None)


def _over(values: Iterable[float]) -> Estimate:
    """One figure per process: their mean, and Student's t interval."""
    return over_processes(list(values))


def _known(values: Sequence[int | None]) -> Estimate | None:
    """As `_over`; None where any process does not know its figure."""
    known = [value for value in values if value is not None]
    return _over(known) if len(known) == len(values) else None


def _less(value: int | None, base: int | None) -> int | None:
    return None if value is None or base is None else value - base
