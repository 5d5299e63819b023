"""Runs one benchmark: a probe, then fresh worker processes one after the other, then the report."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

import edgeai
from edgeai.errors import ModelError, WorkerCrashed
from edgeai.measure.launch import model_folder, run_measure, run_probe
from edgeai.measure.memory import Memory
from edgeai.measure.protocol import (
    InputRequest,
    Measured,
    ModelRequest,
    Phase,
    PipelineRequest,
    Probed,
    Request,
)
from edgeai.measure.statistics import ENOUGH_PROCESSES, Estimate

from . import foreign
from .energy import device_of, run_energy
from .energy_doubts import about_energy, about_tree
from .figures import known, latency_of, less, over
from .findings import about_findings, look, seen_in
from .identity import check_hashes, drop_from_page_cache, files_of, model_identity, prepared_files, sha256_of
from .long_run_doubts import about_mlperf, about_soak
from .long_runs import check_long_runs, energy_share, run_long, usual_share
from .pipeline_report import pipeline_result
from .plan import Plan
from .profiling import check_profile, run_profile
from .report import (
    Identity,
    MemoryUse,
    PacedResult,
    PhaseRecord,
    ProcessRecord,
    Report,
    Settings,
    Start,
)
from .targets import Target, check_inputs, chooses_sizes, completed, opened_target
from .verdict import doubts_about_request, doubts_of, verdict_of

OnProgress = Callable[[float, str], None]
"""Share of the run that is done, and what it is at."""


def run(
    model: ModelRequest,
    inputs: InputRequest,
    plan: Plan,
    *,
    model_id: str | None = None,
    on_progress: OnProgress = lambda share, what: None,
) -> Report:
    """Measure one model, or one pipeline, with one set of options.

    Raises EdgeError; see `edgeai.measure.launch`.
    """
    with opened_target(model.model, model.name) as target:
        check_inputs(target, inputs)
        return _run(target, model, inputs, plan, model_id, on_progress)


def _run(
    target: Target,
    model: ModelRequest,
    asked: InputRequest,
    plan: Plan,
    model_id: str | None,
    on_progress: OnProgress,
) -> Report:
    started = datetime.now(timezone.utc)
    inputs = completed(target, asked)
    with model_folder() as folder:
        request = request_for(target, model, inputs, plan, folder)
        check_long_runs(request, plan)
        check_profile(target, plan)
        on_progress(0.0, "probe")
        probed = probe(target, request, plan)
        found_before = look(plan)
        before = foreign.snapshot()
        part = usual_share(plan)
        chosen = as_probed(request, probed)
        processes = _measure(
            target, chosen, probed, plan, lambda share, what: on_progress(share * part, what)
        )
        others = foreign.used_between(before, foreign.snapshot())
        energy = run_energy(
            chosen, plan, lambda share, what: on_progress(part + share * energy_share(plan), what)
        )
        long = run_long(chosen, plan, on_progress)
        profile = run_profile(chosen, plan, on_progress)
    findings = seen_in(found_before, look(plan))
    on_progress(1.0, "done")
    sizes_from = "bundle" if chooses_sizes(target, asked) else "suite" if model_id is not None else None
    about_request = doubts_about_request(model, inputs, plan, probed, processes, sizes_from=sizes_from)
    doubts = (
        *doubts_of(probed, processes, others),
        *about_tree(plan),
        *about_energy(energy, plan),
        *about_mlperf(long.mlperf),
        *about_soak(long.soak),
        *about_request,
    )
    doubts = (*doubts, *about_findings(findings, doubts))
    steady = [process.steady for process in processes]
    samples = probed.samples_per_call
    return Report(
        verdict=verdict_of(doubts),
        warnings=doubts,
        model=model_identity(target, model, probed, model_id),
        identity=_identity(probed, processes, plan, started),
        settings=_settings(plan, inputs, probed),
        latency=latency_of(steady),
        start=_start(processes),
        memory=memory_of(processes),
        cpu_s_per_inference=over(loop.cpu_s / loop.runs for loop in steady),
        throughput_hz=over(loop.runs / loop.duration_s for loop in steady),
        samples_per_s=None
        if samples is None
        else over(samples * loop.runs / loop.duration_s for loop in steady),
        paced=_paced(processes, plan),
        disk_read_bytes=known([_disk_read(process) for process in processes]),
        energy=energy.energy,
        processes=tuple(_record(process) for process in processes),
        pipeline=pipeline_result(probed, processes),
        mlperf=long.mlperf,
        soak=long.soak,
        profile=profile,
        findings=findings,
    )


def request_for(
    target: Target, model: ModelRequest, inputs: InputRequest, plan: Plan, folder: str
) -> Request:
    """What a probe is asked. folder: of `model_folder`."""
    # A bundle's only model goes by its name, as one that was asked for.
    name = None if target.model is None or target.bundle.is_bare else target.model.name
    return Request(
        replace(model, name=name),
        inputs,
        folder,
        warm_up=plan.warm_up,
        stop=plan.stop,
        rate_hz=plan.rate_hz,
        paced_s=plan.paced_s,
        pipeline=PipelineRequest(plan.stream_s) if target.model is None else None,
        tree=plan.tree,
    )


def probe(target: Target, request: Request, plan: Plan) -> Probed:
    """Find out how the target runs. Raises as `edgeai.measure.launch.run_probe`."""
    try:
        probed = run_probe(request, silence_s=plan.silence_s)
    except (ModelError, WorkerCrashed):
        check_hashes(target, None)  # a changed file is what there is to say then
        raise
    check_hashes(target, probed)
    return probed


def _measure(
    target: Target, request: Request, probed: Probed, plan: Plan, on_progress: OnProgress
) -> list[Measured]:
    processes = []
    for turn in range(plan.processes):
        if plan.cold:
            for file in (*files_of(target, probed), *prepared_files(probed)):
                drop_from_page_cache(file)
        follow = _follow(turn, plan.processes, on_progress)
        processes.append(run_measure(request, on_event=follow, silence_s=plan.silence_s))
    return processes


def as_probed(request: Request, probed: Probed) -> Request:
    """What the measuring workers are asked: the same that the probe chose."""
    if request.pipeline is not None:
        return replace(request, pipeline=replace(request.pipeline, found=probed.pipeline))
    variant = probed.models[0].variant if probed.models else None
    model = replace(request.model, backend=request.model.backend or probed.backend, variant=variant)
    return replace(request, model=model)


def _start(processes: Sequence[Measured]) -> Start:
    def took(*names: str) -> Estimate:
        return over(sum(_phase(process, name).duration_s for name in names) for process in processes)

    return Start(
        interpreter=took("interpreter"),
        imports=took("imports"),
        load=took("load"),
        first_inference=took("first inference"),
        load_to_first_result=took("load", "first inference"),
    )


def memory_of(processes: Sequence[Measured]) -> MemoryUse:
    """RAM over processes: peaks from the load on, and what the model added to the baseline."""
    baselines = [_phase(process, "baseline").memory for process in processes]
    ends = [_phase(process, "steady").memory for process in processes]
    peaks = [peak_of(process.phases) for process in processes]
    return MemoryUse(
        baseline=known([memory.resident_bytes for memory in baselines]),
        peak=known(peaks),
        incremental=known(
            [less(peak, base.resident_bytes) for peak, base in zip(peaks, baselines, strict=True)]
        ),
        anonymous=known([memory.anonymous_bytes for memory in ends]),
        incremental_anonymous=known(
            [
                less(end.anonymous_bytes, base.anonymous_bytes)
                for end, base in zip(ends, baselines, strict=True)
            ]
        ),
        pss=known([memory.pss_bytes for memory in ends]),
    )


class EndedPhase(Protocol):
    """A phase of a worker, or of a saved record."""

    @property
    def name(self) -> str:
        """Which."""

    @property
    def memory(self) -> Memory:
        """RAM at its end."""


def peak_of(phases: Sequence[EndedPhase]) -> int | None:
    """The highest resident set from the load on; the peak is reset before it, where the kernel allows."""
    names = ("load", "first inference", "warm-up", "steady", "paced", "real time", "turns")
    peaks = [phase.memory.peak_bytes for phase in phases if phase.name in names]
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
        cpu_s_per_inference=over(loop.cpu_s / loop.runs for loop in loops),
    )


def _identity(probed: Probed, processes: Sequence[Measured], plan: Plan, started: datetime) -> Identity:
    device = device_of(plan)
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
        tree=plan.tree,
        prepared=", ".join(probed.prepared) or None,
    )


_MADE_UP = "synthetic: floats uniform in [0, 1), integers 0, strings empty; see values"


def _settings(plan: Plan, inputs: InputRequest, probed: Probed) -> Settings:
    told, sha256 = inputs.file or _MADE_UP, None if inputs.file is None else sha256_of(Path(inputs.file))
    if probed.pipeline is not None:
        told, sha256 = probed.pipeline.source.told, probed.pipeline.source.sha256
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
        inputs=told,
        input_sha256=sha256,
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
        pipeline=process.pipeline,
    )


def _follow(turn: int, turns: int, on_progress: OnProgress) -> Callable[[dict[str, object]], None]:
    """Turn a worker's events into a share of the whole run; the steady state is most of each process."""
    at = {"imports": 0.02, "baseline": 0.04, "load": 0.05, "first inference": 0.1, "warm-up": 0.15,
          "steady": 0.3, "paced": 0.85, "real time": 0.9}  # fmt: skip

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
