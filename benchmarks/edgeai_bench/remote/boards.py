"""All boards at the same time: one that fails does not stop the others; what came back is one list."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import click

from edgeai.cli import exit_code
from edgeai.errors import InputError, RemoteError, UsageError, one_line
from edgeai.ssh import Address

from ..progress import Progress
from ..reading import from_json
from ..report import Failure, Report
from .asked import Asked
from .forwarding import forwarded
from .job import Job, prepared
from .session import Answer, Session, Wheel

CLEAN_UP_S = 45.0
"""How long an end by Ctrl-C waits for boards to be cleaned; what is left then removes itself."""


@dataclass(frozen=True)
class Measured:
    """What boards gave. code: the worst exit code of them."""

    reports: list[Report] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    code: int = 0


def measure_on_boards(
    context: click.Context,
    asked: Asked,
    models: Sequence[Path],
    inputs: Mapping[str, Path | None],
    suite: str | None,
    *,
    quiet: bool,
) -> Measured:
    """What `edgeai bench` with the options of this call says on every board.

    inputs: files that are copied, by the name of their option's parameter. Raises EdgeError for what is wrong
    here, before any board is asked.
    """
    if suite is not None and (os.sep in suite or suite.endswith(".toml")):
        raise UsageError("--suite with a file goes without --on; name its models, or a suite of edgeai's own")
    with ExitStack() as stack:
        job, called = stack.enter_context(prepared(models, inputs, uses_cache=suite is not None))
        job = replace(job, options=tuple(forwarded(context, called)))
        wheel = None
        if asked.push_wheel:
            from .wheel import built_wheel

            wheel = stack.enter_context(built_wheel(models))
        with Progress(len(asked.boards), quiet=quiet) as progress:
            answers = _all(asked, job, wheel, progress)
    measured = Measured()
    for address in asked.boards:
        part = _part(address, job, suite, answers[str(address)])
        measured = Measured(
            measured.reports + part.reports,
            measured.failures + part.failures,
            max(measured.code, part.code),
        )
    return measured


def _all(asked: Asked, job: Job, wheel: Wheel | None, progress: Progress) -> dict[str, Answer | RemoteError]:
    """A thread a board; this one tells what they do, and ends them."""
    said: queue.Queue[tuple[str, str | Answer | BaseException]] = queue.Queue()
    stop = threading.Event()

    def work(address: Address) -> None:
        name = str(address)

        def say(text: str) -> None:
            said.put((name, text))

        try:
            session = Session(address, job, asked, wheel, say=say, is_stopped=stop.is_set)
            said.put((name, session.run()))
        except BaseException as error:
            said.put((name, error))

    threads = [threading.Thread(target=work, args=(address,), daemon=True) for address in asked.boards]
    for thread in threads:
        thread.start()
    answers: dict[str, Answer | RemoteError] = {}
    try:
        while len(answers) < len(threads):
            name, what = said.get()
            if isinstance(what, str):
                progress.say(f"{name}: {what}")
            elif isinstance(what, Answer | RemoteError):
                answers[name] = what
                progress.job_done(f"{name}: {'done' if isinstance(what, Answer) else what}")
            else:  # a fault of ours, which is told as one
                raise what
    finally:
        stop.set()
        for thread in threads:
            thread.join(CLEAN_UP_S)
    return answers


def _part(address: Address, job: Job, suite: str | None, answer: Answer | RemoteError) -> Measured:
    """What one board gave, under the names that the user knows."""
    every = ", ".join(Path(job.shown[name]).name for name in job.models) or f"suite {suite}"
    try:
        if isinstance(answer, RemoteError):
            raise answer
        if not answer.out.strip():
            return _nothing(address, every, job, answer)
        reports, failures = from_json(answer.out.encode(), "its answer")
    except (RemoteError, InputError) as error:
        message = f"{address}: {one_line(error)}"
        failure = Failure(one_line(every), None, type(error).__name__, message, skipped=False)
        return Measured([], [failure], exit_code(RemoteError()))
    return Measured(
        [_renamed(report, address, job) for report in reports],
        [
            replace(
                failure,
                model=_shown(failure.model, job),
                message=f"{address}: {_shown(failure.message, job)}",
            )
            for failure in failures
        ],
        answer.code,
    )


def _nothing(address: Address, every: str, job: Job, answer: Answer) -> Measured:
    """A bench that wrote no document says why in its last line."""
    lines = answer.said.strip().splitlines() or ["it said nothing"]
    text = lines[-1].removeprefix("edgeai: ").removeprefix("Error: ")
    told = one_line(_shown(text, job), 500)
    message = f"{address}: edgeai bench there ended with {answer.code}: {told}"
    failure = Failure(one_line(every), None, RemoteError.__name__, message, skipped=False)
    return Measured([], [failure], answer.code or exit_code(RemoteError()))


def _renamed(report: Report, address: Address, job: Job) -> Report:
    model, settings = report.model, report.settings
    return replace(
        report,
        identity=replace(report.identity, board=str(address)),
        model=replace(model, path=job.shown.get(model.path, model.path)),
        settings=replace(settings, inputs=job.shown.get(settings.inputs, settings.inputs)),
    )


def _shown(text: str, job: Job) -> str:
    """A text with the user's names of files in place of those on the board."""
    for name in sorted(job.shown, key=len, reverse=True):
        text = text.replace(name, job.shown[name])
        text = text.replace(Path(name).name, Path(job.shown[name]).name)
    return text
