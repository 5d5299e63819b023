"""`--results DIR`: results to keep and share, `DIR/<device>/<date>-<model>.json`, each under 100 kB.

Raw samples are thinned until they fit, and the file says so; every figure stays as it was computed of all of
them. Folders of the machine that measured are left out.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path

import click

from edgeai.errors import UsageError, one_line
from edgeai.measure.protocol import PipelineMeasured
from edgeai.unavailable import Unavailable

from .json_dir import file_stem, safe_name
from .render.files import write_file
from .render.names import name_of
from .report import Doubt, ProcessRecord, Report, document
from .shared_energy import shared_energy

LIMIT_BYTES = 100_000
"""Of a file: what a repository holds by the hundred, and a browser shows at once."""
_THINNEST = 1 << 20


def write_results(folder: Path | None, reports: Sequence[Report], *, quiet: bool = True) -> None:
    """Write what was measured: a file a model, or a file a run where they are too many for one.

    A file of the same model, device and date is replaced. None writes nothing. Raises UsageError.
    quiet: else each file is told on standard error.
    """
    for path, runs in _files(folder, reports) if folder is not None else ():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or one_line(error)
            raise UsageError(
                f"{one_line(path.parent)} cannot be made: {reason}; name another folder"
            ) from error
        write_file(path, shared_text(runs))
        if not quiet:
            click.echo(f"wrote {one_line(path)}", err=True)


def shared_text(reports: Sequence[Report]) -> str:
    """The document of a file: thinned as far as it has to be, without private folders."""
    every = 1
    while True:
        shared = [_shared(report, every) for report in reports]
        text = _text(shared)
        if len(text.encode()) <= LIMIT_BYTES:
            return text
        if every >= _THINNEST:
            return _text([_without_operators(report) for report in shared])
        every *= 2


def _files(folder: Path, reports: Sequence[Report]) -> list[tuple[Path, list[Report]]]:
    together: dict[Path, list[Report]] = {}
    for report in reports:
        identity = report.identity
        name = f"{identity.started_utc[:10]}-{safe_name(name_of(report).removesuffix('.edge'))}.json"
        together.setdefault(folder / safe_name(identity.device_profile) / name, []).append(report)
    files = []
    for path, runs in together.items():
        if len(runs) == 1 or len(shared_text(runs).encode()) <= LIMIT_BYTES:
            files.append((path, runs))
        else:
            date = path.name[:10]
            files += [(path.with_name(f"{date}-{file_stem(run)}.json"), [run]) for run in runs]
    return files


def _text(reports: Sequence[Report]) -> str:
    return json.dumps(document(reports, []), separators=(",", ":"), allow_nan=False) + "\n"


def _shared(report: Report, every: int) -> Report:
    replace = dataclasses.replace
    report = shared_energy(report, every)
    told = () if every == 1 else (_thinned(every),)
    soak, mlperf, folders = report.soak, report.mlperf, _folders(report)
    if mlperf is not None:
        mlperf = replace(mlperf, samples_from=_cleared(mlperf.samples_from, folders))
    if soak is not None:
        soak = replace(soak, blocks=soak.blocks[::every], glances=soak.glances[::every])
    return replace(
        report,
        warnings=(
            *(replace(doubt, message=_cleared(doubt.message, folders)) for doubt in report.warnings),
            *told,
        ),
        model=replace(report.model, path=Path(report.model.path).name),
        identity=replace(report.identity, command=tuple(map(_without_folder, report.identity.command))),
        settings=replace(report.settings, inputs=_without_folder(report.settings.inputs)),
        processes=tuple(_thin(process, every) for process in report.processes),
        soak=soak,
        mlperf=mlperf,
    )


def _without_operators(report: Report) -> Report:
    """What is large of models of hundreds of operators."""
    if report.profile is None:
        return report
    left_out = Unavailable("left out of a file that is to stay small", "measure again with --profile --json")
    return dataclasses.replace(report, profile=left_out)


def _thinned(every: int) -> Doubt:
    return Doubt(
        "thinned",
        "note",
        f"of the raw samples, 1 of every {every} is kept in this file; all figures are of all of them",
        "measure again with --json for every sample",
    )


def _folders(report: Report) -> list[str]:
    """Where the files of a run lie, and the user's home; the longest first."""
    named = [report.model.path, report.settings.inputs, *report.identity.command]
    found = {str(Path(word).parent) for word in named if word.startswith("/")} | {os.environ.get("HOME", "/")}
    return sorted(found - {"/", ""}, key=len, reverse=True)


def _cleared(text: str, folders: Sequence[str]) -> str:
    """A text for people without these folders. Not of names of tensors, which may look like paths."""
    for folder in folders:
        text = text.replace(f"{folder}/", "")
    return text


def _without_folder(word: str) -> str:
    return Path(word).name if word.startswith("/") and Path(word).name else word


def _thin(process: ProcessRecord, every: int) -> ProcessRecord:
    paced = process.paced_keep_every
    return dataclasses.replace(
        process,
        samples_ns=process.samples_ns[::every],
        keep_every=process.keep_every * every,
        paced_samples_ns=process.paced_samples_ns[::every],
        paced_keep_every=None if paced is None else paced * every,
        pipeline=None if process.pipeline is None else _thin_pipeline(process.pipeline, every),
    )


def _thin_pipeline(measured: PipelineMeasured, every: int) -> PipelineMeasured:
    replace = dataclasses.replace
    stages = tuple(
        replace(
            stage,
            pre_ns=stage.pre_ns[::every],
            run_ns=stage.run_ns[::every],
            post_ns=stage.post_ns[::every],
            runs=stage.runs[::every],
        )
        for stage in measured.stages
    )
    stream = measured.stream
    if stream is not None:
        thin = stream.samples_ns[::every]
        stream = replace(stream, samples_ns=thin, keep_every=stream.keep_every * every)
    return PipelineMeasured(stages, stream)
