"""`edgeai run`: a bundle or a model over files, folders and standard input; an answer a line."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from ..errors import UsageError, one_line
from . import exit_code, options
from .output import table, verbosity_options

if TYPE_CHECKING:
    from ..answer import Totals
    from ..running import Run, RunRequest


@click.command()
@click.argument("path", metavar="BUNDLE|MODEL", type=options.MODEL)
@click.argument("sources", metavar="SOURCE...", nargs=-1, type=options.FILE)
@click.option(
    "--draw", metavar="FOLDER", type=options.FOLDER, help="Also write the pictures with the answers on them."
)
@click.option("--top", type=click.IntRange(1), metavar="N", help="At most N labels or things found.")
@click.option(
    "--rate", type=click.IntRange(1), metavar="HZ", help="Samples a second of raw sound on standard input."
)
@click.option(
    "--chunk",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="Longest piece of sound read at once. Default: 0.1 from a pipe, 1 of a file.",
)
@click.option(
    "--model",
    metavar="NAME",
    shell_complete=options.complete_models,
    help="Run this one of a bundle's models on tensors, without the pipeline.",
)
@click.option(
    "--variant",
    metavar="ID",
    shell_complete=options.complete_variants,
    help="Run this variant. Default: the best for this device.",
)
@options.load_options
@click.option("--stats", is_flag=True, help="Say at the end how long each stage took.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines on a terminal, too.")
@verbosity_options
def run(
    path: str,
    sources: tuple[str, ...],
    draw: str | None,
    top: int | None,
    rate: int | None,
    chunk: float | None,
    model: str | None,
    variant: str | None,
    stats: bool,
    as_json: bool,
    verbosity: int,
    **load: Any,
) -> None:
    """Run a bundle or a model: an answer a line, as soon as it is there.

    Sources are files, folders, patterns and - for standard input: one picture, raw 16-bit samples, a text a
    line, or tensors as JSON lines. A bare .onnx or .tflite takes tensors: .npy, .npz or JSON lines.

    Lines are JSON where they are piped, and always with --json: the source, the stretch of its time, the
    latency, the result. A source that cannot be read is told on standard error, the others are run, and the
    exit code is 2.

    \b
    Examples:
      edgeai run faces.edge photo.jpg
      edgeai run faces.edge photos/ --draw out/
      edgeai run voice.edge 'recordings/*.wav' > events.jsonl
      arecord -t raw -f S16_LE -r 16000 -c 1 | edgeai run wake.edge -
      edgeai run model.onnx input.npz --top 5
    """
    if not sources:
        raise UsageError(f"give something to run {one_line(path)} on: files, a folder, a pattern, or -")
    from ..running import RunRequest

    request = RunRequest(
        path=path,
        sources=sources,
        rate_hz=rate,
        chunk_s=chunk,
        top=top,
        draw_to=None if draw is None else Path(draw),
        model=model,
        variant=variant,
        **load,
    )
    with _opened(request, verbosity) as opened:
        code = _print_answers(
            opened, lines_for_people=_is_terminal(sys.stdout) and not as_json, quiet=verbosity < 0
        )
        if stats or verbosity > 0:
            _print_totals(opened.totals)
    click.get_current_context().exit(code)


def _is_terminal(stream: TextIO | None) -> bool:
    """None where it was closed before we started (`>&-`)."""
    return stream is not None and stream.isatty()


def _opened(request: RunRequest, verbosity: int) -> Run:
    """The run; what it warns of is a line of ours."""
    from ..running import open_run

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        opened = open_run(request)
    for warning in caught:
        click.echo(f"edgeai: warning: {one_line(warning.message)}", err=True)
    if verbosity > 0:
        for line in opened.session.why:
            click.echo(f"edgeai: {line}", err=True)
    return opened


def _print_answers(opened: Run, *, lines_for_people: bool, quiet: bool) -> int:
    """Everything, line by line; the exit code."""
    from ..answer import Failed
    from .answers import answer_line
    from .progress import Progress

    code = 0
    bar = Progress(len(opened.sources), quiet=quiet)
    with bar:
        for answer in opened.answers(bar.start):
            if isinstance(answer, Failed):
                bar.say(f"edgeai: {answer}")
                code = max(code, exit_code(answer.error))
            else:
                click.echo(answer_line(answer) if lines_for_people else json.dumps(answer.to_json()))
    return code


def _print_totals(totals: Totals) -> None:
    click.echo(_summary(totals), err=True)
    if totals.stages:
        rows = [
            [
                stage.name,
                f"{stage.runs:,}",
                *(f"{s * 1e3:,.1f}" for s in (stage.pre_s, stage.run_s, stage.post_s)),
            ]
            for stage in totals.stages.values()
        ]
        header = ["stage", "runs", "before, ms", "model, ms", "after, ms"]
        click.echo(table(rows, header, right=frozenset(range(1, 5))), err=True)


def _summary(totals: Totals) -> str:
    text = f"{totals.answers:,} answers in {totals.busy_s:.3g} s"
    if totals.sound_s:
        text += f", {totals.sound_s:.4g} s of sound: {totals.busy_s / totals.sound_s:.2g} of real time"
    elif totals.items:
        text += f", {totals.busy_s / totals.items * 1e3:.3g} ms an item"
    return text + (f"; {totals.failed:,} failed" if totals.failed else "")
