"""What the scripts of `benchmarks/peers` have in common: options, models one by one, progress, files."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from edgeai.errors import EdgeError, one_line
from edgeai.home import home_folder
from edgeai.whole_file import write_whole

from .. import options
from ..progress import Progress
from .case import Case, OpenCase, file_case, opened_case, suite_cases
from .lineup import Peer
from .outcome import SCHEMA, CaseResult, Outcome, joined, read_outcome, this_machine, to_json
from .rounds import QUICK_ROUNDS, RoundRule
from .run import run_case
from .tables import threads_text

Function = TypeVar("Function", bound=Callable[..., Any])
OnStep = Callable[[str], None]
LineUp = Callable[[OpenCase, "int | None", OnStep], Sequence[Peer]]
"""Who takes part in a case at a number of threads; the first is the base, the second its double."""


@dataclass(frozen=True)
class Run:
    """What the common options say. threads: None for each peer's default. home: where models are prepared."""

    suite: str | None
    ids: tuple[str, ...]
    files: tuple[str, ...]
    threads: tuple[int | None, ...]
    rule: RoundRule
    quick: bool
    seed: int
    home: Path
    budget_s: float
    json: Path | None
    markdown: Path | None
    cold: bool = False

    def cases(self, say: Callable[[str], None]) -> list[Case]:
        """The models asked for: of the suite, then files. Raises as `suite_cases` and `file_case`."""
        files = [file_case(text) for text in self.files]
        if self.suite is None:
            return files
        return [*suite_cases(self.suite, self.ids, say), *files]


def run_options(rounds: int) -> Callable[[Function], Function]:
    """Add the common options as one argument `run`. rounds: how many, where nobody says."""

    def add(command: Function) -> Function:
        @functools.wraps(command)
        def with_run(**asked: Any) -> Any:
            own = {key: asked.pop(key) for key in [*asked] if key not in _NAMES}
            return command(run=_run(asked, rounds), **own)

        shown: Any = with_run
        for option in reversed(_OPTIONS):
            shown = option(shown)
        return cast(Function, shown)

    return add


_OPTIONS = (
    click.option(
        "--suite",
        default="public",
        metavar="NAME",
        help="Suite to measure; `none` for only the files of --model. [default: public]",
    ),
    click.option(
        "--models",
        type=options.names,
        default="",
        metavar="ID[,ID]",
        help="Only these of the suite, e.g. --models magika,ppocr-det.",
    ),
    click.option(
        "--model",
        "files",
        multiple=True,
        metavar="[NAME=]FILE[#MODEL][@INPUTS]",
        help="Also this model file, or one model of a bundle, e.g. --model minilm=model.onnx or "
        "--model digits=digits.edge#digits@one.npz, with one sample of its inputs (made-up ones show "
        "nothing of an int8 variant); repeatable.",
    ),
    click.option(
        "--threads",
        default="1,all",
        metavar="N[,N]",
        help="Thread counts; `all` leaves each side its default. [default: 1,all]",
    ),
    click.option("--rounds", type=click.IntRange(2), help="Rounds of fresh processes, e.g. --rounds 9."),
    click.option("--quick", is_flag=True, help="Few and short rounds, for a first look; marked as such."),
    click.option("--seed", default=0, help="What the order of turns is drawn from. [default: 0]"),
    click.option(
        "--home",
        type=options.FILE,
        metavar="DIR",
        help="Where models are prepared, e.g. --home out/prepared; what is there already is taken as it "
        "is: remove the folder to prepare anew. [default: a folder in edgeai's home]",
    ),
    click.option(
        "--budget",
        type=options.duration,
        default="30s",
        metavar="TIME",
        help="For each `edgeai prepare`. [default: 30s]",
    ),
    click.option(
        "--json",
        type=options.FILE,
        metavar="FILE",
        help="Keep everything here, after each model; results that are there already are joined, so that a "
        "run can be made in pieces, e.g. --json out/peers.json.",
    ),
    click.option("--markdown", type=options.FILE, metavar="FILE", help="Also write the tables here."),
)
_NAMES = (
    "suite",
    "models",
    "files",
    "threads",
    "rounds",
    "quick",
    "seed",
    "home",
    "budget",
    "json",
    "markdown",
)


def measure(run: Run, line_up: LineUp) -> Outcome:
    """Measure every case at every number of threads; progress goes to standard error. Raises EdgeError.

    A model that cannot be opened at all is told, and the others go on.
    """
    started = datetime.now(timezone.utc).isoformat(timespec="seconds")
    command = ("python", *sys.argv)
    outcome = Outcome(SCHEMA, this_machine(), started, command, run.quick, run.seed, ())
    before = read_outcome(run.json) if run.json is not None and run.json.exists() else None
    outcome = joined(before, outcome)
    with Progress(0, quiet=False) as first:
        cases = run.cases(first.say)
    with Progress(len(cases) * len(run.threads), quiet=False) as progress:
        for case in cases:
            for result in _results(run, case, line_up, progress):
                outcome = joined(outcome, replace(outcome, results=(result,)))
                if run.json is not None:
                    write_whole(run.json, to_json(outcome).encode())
    return outcome


def _results(run: Run, case: Case, line_up: LineUp, progress: Progress) -> Iterator[CaseResult]:
    """Of one model, one by one; what is wrong with the model is told, and ends it."""
    try:
        with opened_case(case, warm_up=run.rule.warm_up, silence_s=run.rule.silence_s) as opened:
            for threads in run.threads:
                yield _measure(run, opened, threads, line_up, progress)
    except EdgeError as error:
        progress.job_done(f"{case.id}: not measured: {one_line(error)}")


def _measure(
    run: Run, case: OpenCase, threads: int | None, line_up: LineUp, progress: Progress
) -> CaseResult:
    where = f"{case.identity.id}, {threads_text(threads)}"

    def on_step(what: str) -> None:
        progress.update(0.0, f"{where}: {what}")

    peers = line_up(case, threads, on_step)
    result = run_case(
        case,
        peers,
        run.rule,
        threads=threads,
        seed=run.seed,
        again=peers[1].label,
        on_step=on_step,
        cold=run.cold,
    )
    lost = sum(not each.rounds for each in result.peers)
    progress.job_done(f"{where}: {len(result.peers) - lost} peers measured, {lost} not")
    return result


def show(run: Run, text: str) -> None:
    """To standard output, and into the file of --markdown."""
    click.echo(text)
    if run.markdown is not None:
        write_whole(run.markdown, text.encode())


def _run(asked: dict[str, Any], rounds: int) -> Run:
    quick = asked["quick"]
    rule = QUICK_ROUNDS if quick else RoundRule(rounds=rounds)
    if asked["rounds"] is not None:
        rule = replace(rule, rounds=asked["rounds"])
    return Run(
        suite=None if asked["suite"] == "none" else asked["suite"],
        ids=asked["models"],
        files=asked["files"],
        threads=_threads(asked["threads"]),
        rule=rule,
        quick=quick,
        seed=asked["seed"],
        home=(asked["home"] or home_folder() / "peers").absolute(),
        budget_s=asked["budget"],
        json=asked["json"],
        markdown=asked["markdown"],
    )


def _threads(text: str) -> tuple[int | None, ...]:
    return tuple(None if part == "all" else options.numbers(part)[0] for part in options.names(text))
