"""Many runs in one command: models x variants x backends x threads; a failed one does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgeai.backends import BACKENDS, backends_for, is_installed, missing
from edgeai.errors import BackendMissing, EdgeError, ExtraMissing, InputError, UsageError, one_line
from edgeai.included import find_model
from edgeai.measure.protocol import InputRequest, ModelRequest
from edgeai.quantities import time_text

from .fetch import ToolMissing, fetch
from .json_dir import JsonDir, asked_for
from .plan import Plan
from .progress import Progress
from .render.names import label
from .report import Failure, Report
from .runner import run
from .suites import Suite, SuiteModel
from .targets import Target, backends_here, check_inputs, opened_target


@dataclass(frozen=True)
class Sweep:
    """What to vary; empty means the default."""

    backends: tuple[str, ...] = ()
    threads: tuple[int, ...] = ()
    variants: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job:
    """One run to be. `locate` finds the model's file, which may have to be fetched first."""

    name: str
    locate: Callable[[Callable[[str], None]], Path]
    backend: str | None
    model: ModelRequest
    inputs: InputRequest
    model_id: str | None = None


def jobs_for_files(
    paths: Sequence[Path], sweep: Sweep, model: ModelRequest, inputs: InputRequest
) -> list[Job]:
    """A job for each file, variant, backend and thread count. Raises ModelError for what is no model."""
    jobs = []
    for path in map(find_model, paths):
        with opened_target(path, model.name) as target:
            check_inputs(target, inputs)
            jobs += [
                Job(
                    label(path.name, model.name, request.variant), _at(path), request.backend, request, inputs
                )
                for request in _requests(target, replace(model, model=str(path)), sweep)
            ]
    if not jobs:
        asked_for = one_line(", ".join(sweep.backends))
        raise UsageError(f"none of the backends {asked_for} reads {one_line(paths[0])}")
    return jobs


def _requests(target: Target, model: ModelRequest, sweep: Sweep) -> Iterator[ModelRequest]:
    """Every combination in which a backend that was asked for reads the variant."""
    if target.bundle.is_bare and sweep.variants:
        raise InputError(f"{one_line(model.model)} is a bare model file, which has no variant; leave it out")
    for variant in sweep.variants or (None,):
        request = replace(model, variant=variant)
        asked = [name for name in sweep.backends if target.is_read_by(name, variant)]
        for backend, threads in _combinations(sweep, asked if sweep.backends else _usual(target, request)):
            yield replace(request, backend=backend, threads=threads)


def _usual(target: Target, request: ModelRequest) -> Sequence[str | None]:
    """Each backend that runs a bundle; where there is nothing to compare, what `edgeai.load` would take."""
    if target.bundle.is_bare or request.providers is not None:
        return (None,)
    names = backends_here(target, request)
    return names if len(names) > 1 else (None,)


def jobs_for_suite(
    suite: Suite, sweep: Sweep, model: ModelRequest, inputs: InputRequest
) -> tuple[list[Job], list[Failure]]:
    """A job for each model on every backend that reads it; those that are not installed are skipped.

    A bundle is a job for each backend that runs it here.
    """
    jobs: list[Job] = []
    skipped: list[Failure] = []
    for entry in suite.models:
        format_ = _format_of(entry)
        if format_ is None:
            assert entry.path is not None
            found = jobs_for_files([entry.path], sweep, model, _inputs_of(entry, inputs))
            jobs += [replace(job, name=entry.id, model_id=entry.id) for job in found]
            continue
        names = _that_read(format_, sweep.backends) if sweep.backends else backends_for(format_)
        installed = [name for name in names if name not in BACKENDS or is_installed(name)]
        if names and not installed:
            skipped.append(Failure(entry.id, None, "BackendMissing", missing(format_), skipped=True))
        for name, threads in _combinations(sweep, installed):
            request = replace(model, backend=name, threads=threads)
            settings = _inputs_of(entry, inputs)
            jobs.append(Job(entry.id, _fetched(entry), name, request, settings, entry.id))
    return jobs, skipped


def run_jobs(
    jobs: Sequence[Job],
    plan: Plan,
    progress: Progress,
    *,
    stop_at_error: bool,
    kept: JsonDir | None = None,
) -> tuple[list[Report], list[Failure], list[EdgeError]]:
    """Run one after the other. With `stop_at_error` the first error is raised, else it is kept.

    kept: where each run is written once it is done, and not measured where it is there already.
    """
    reports: list[Report] = []
    failures: list[Failure] = []
    problems: list[EdgeError] = []
    for job in jobs:
        try:
            model = replace(job.model, model=str(job.locate(progress.say)))
            asked = "" if kept is None else _asked_for(job, model, plan)
            found = None if kept is None else kept.find(asked, progress.say)
            report = found[1] if found is not None else _run(job, model, plan, progress)
        except EdgeError as error:
            if stop_at_error:
                raise
            missing = isinstance(error, (ToolMissing, BackendMissing, ExtraMissing))
            failures.append(Failure(job.name, job.backend, type(error).__name__, str(error), skipped=missing))
            if not missing:
                problems.append(error)
            progress.job_done(f"{job.name}: {'skipped' if missing else 'failed'}: {error}")
            continue
        reports.append(report)
        if kept is not None and found is None:
            kept.keep(report, asked)
        there = "" if found is None else f" (not measured again: {one_line(found[0])} is there)"
        progress.job_done(_one_line(report, job.name) + there)
    return reports, failures, problems


def _asked_for(job: Job, model: ModelRequest, plan: Plan) -> str:
    return asked_for(model, job.inputs, plan, model_id=job.model_id)


def _run(job: Job, model: ModelRequest, plan: Plan, progress: Progress) -> Report:
    follow = _named(job.name, progress)
    return run(model, job.inputs, plan, model_id=job.model_id, on_progress=follow)


def _one_line(report: Report, name: str) -> str:
    p50 = "too few samples" if report.latency.p50 is None else f"p50 {time_text(report.latency.p50.value)}"
    return f"{name} on {report.identity.backend}, {report.identity.threads} threads: {p50}, {report.verdict}"


def _named(name: str, progress: Progress) -> Callable[[float, str], None]:
    return lambda share, what: progress.update(share, f"{name}, {what}")


def _combinations(sweep: Sweep, backends: Sequence[str | None]) -> Iterator[tuple[str | None, int | None]]:
    for backend in backends:
        for threads in sweep.threads or (None,):
            yield backend, threads


def _that_read(format_: str, asked: Sequence[str]) -> list[str]:
    """Those of the backends asked for that read a format; an unknown name stays, for its error's sake."""
    return [name for name in asked if name not in BACKENDS or format_ in BACKENDS[name].formats]


def _inputs_of(entry: SuiteModel, inputs: InputRequest) -> InputRequest:
    return replace(inputs, shapes=dict(entry.shapes), values=dict(entry.values), loops=dict(entry.loops))


def _format_of(entry: SuiteModel) -> str | None:
    """By content for a file that is there; by name for one that may have to be fetched first.

    None for a bundle, which may hold several.
    """
    if entry.path is not None:
        with opened_target(entry.path, None) as target:
            return target.models[0].variants[0].format if target.bundle.is_bare else None
    return "tflite" if str(entry.file).endswith(".tflite") else "onnx"


def _at(path: Path) -> Callable[[Callable[[str], None]], Path]:
    return lambda say: path


def _fetched(entry: SuiteModel) -> Callable[[Callable[[str], None]], Path]:
    return lambda say: fetch(entry, say=say)
