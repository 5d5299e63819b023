"""`edgeai bench`: parses options, calls the runner, prints what it gives."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import click

from edgeai.cli import ANSWER_IS_NO, DONE, MISSING_HERE, exit_code
from edgeai.cli.options import complete_backends, complete_devices
from edgeai.cli.output import json_option, verbosity_options, write_json
from edgeai.errors import EdgeError, UsageError
from edgeai.included import included_names, included_path
from edgeai.measure.protocol import InputRequest, ModelRequest

from . import options
from .plan import QUICK, Plan
from .progress import Progress
from .render.table import overview, page
from .report import INVALID, Failure, Report, document
from .suites import load_suite
from .sweep import Sweep, jobs_for_files, jobs_for_suite, run_jobs


@click.command()
@click.argument("models", nargs=-1, type=options.MODEL, metavar="[MODEL]...")
@click.option(
    "--suite",
    metavar="NAME|FILE",
    shell_complete=options.complete_suites,
    help="Measure the models of a suite: `public`, or a TOML of your own.",
)
@click.option(
    "--quick", is_flag=True, help="A first look: 2 processes, 100 runs or 2 s each; marked as quick."
)
@click.option(
    "--backend",
    "backends",
    type=options.names,
    default="",
    metavar="NAME[,NAME]",
    shell_complete=complete_backends,
    help="Backends to measure, each in turn. Default: every installed one that runs a bundle, the device's "
    "first of a model file.",
)
@click.option(
    "--threads",
    type=options.numbers,
    metavar="N[,N]",
    help="Thread counts to measure, each in turn. Default: the device profile's.",
)
@click.option(
    "--providers",
    type=options.names,
    default="",
    metavar="NAME[,NAME]",
    help="Execution providers in order, e.g. cuda,cpu.",
)
@click.option("--signature", help="Which signature of a TFLite model to run.")
@click.option(
    "--device",
    metavar="ID",
    shell_complete=complete_devices,
    help="Take defaults from this profile instead of the detected one.",
)
@click.option(
    "--batch", type=click.IntRange(1), help="Size of the first dimension, where the model leaves it open."
)
@click.option(
    "--input-shape",
    "shapes",
    multiple=True,
    metavar="[NAME:]SIZExSIZE...",
    help="Sizes of an input, e.g. x:1x3x640x640; repeat it for several inputs.",
)
@click.option(
    "--input",
    "input_file",
    type=options.FILE,
    metavar="FILE",
    help="Real inputs: .npy for one input, .npz for several by name.",
)
@click.option("--model", "model_name", metavar="NAME", help="Of a bundle, measure this one model on tensors.")
@click.option(
    "--variant",
    "variants",
    type=options.names,
    default="",
    metavar="ID[,ID]",
    help="Variants of a bundle to measure, each in turn. Default: the one that each backend would run.",
)
@click.option(
    "--source",
    "source_file",
    type=options.FILE,
    metavar="FILE",
    help="What a bundle's pipeline is given, such as a picture. Default: the bundle's own sample, or noise.",
)
@click.option(
    "--chunk",
    "chunk_s",
    type=options.duration,
    metavar="TIME",
    help="How much sound is pushed at once in real time, e.g. 20ms. Default: the stream's own hop.",
)
@click.option("--rate", type=options.rate, metavar="N/s", help="Also measure calls on a schedule, e.g. 10/s.")
@click.option(
    "--cold", is_flag=True, help="Drop the model file from the page cache before each process loads it."
)
@click.option("--processes", type=click.IntRange(1), help="Fresh worker processes. Default: 5 (quick: 2).")
@click.option("--min-runs", type=click.IntRange(1), help="Runs of each process. Default: 300 (quick: 100).")
@click.option("--min-time", type=options.duration, help="Time of each process. Default: 10s (quick: 2s).")
@click.option("--max-time", type=options.duration, help="Limit of each process. Default: 120s.")
@click.option("--warm-up", type=options.duration, help="Limit of the warm-up. Default: 30s (quick: 3s).")
@click.option(
    "--timeout", type=options.duration, help="Stop a process that says nothing for so long. Default: 300s."
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the synthetic inputs."
)
@json_option
@verbosity_options
def bench(
    models: tuple[Path, ...],
    suite: str | None,
    quick: bool,
    backends: tuple[str, ...],
    threads: tuple[int, ...] | None,
    providers: tuple[str, ...],
    signature: str | None,
    device: str | None,
    batch: int | None,
    shapes: tuple[str, ...],
    input_file: Path | None,
    model_name: str | None,
    variants: tuple[str, ...],
    source_file: Path | None,
    chunk_s: float | None,
    rate: float | None,
    cold: bool,
    processes: int | None,
    min_runs: int | None,
    min_time: float | None,
    max_time: float | None,
    warm_up: float | None,
    timeout: float | None,
    seed: int,
    as_json: bool,
    verbosity: int,
) -> None:
    """Measure latency, RAM and CPU time of a model or a bundle on this machine.

    Without a model, those that come with edgeai are measured; they also answer to their names, as `digits`.
    A bundle is measured with the variant that each installed backend would run.

    Every figure comes from fresh processes, with a 95 % interval; a verdict says whether to trust it: VALID,
    NOISY (intervals widened, reasons named) or INVALID (exit code 1).

    \b
    Examples:
      edgeai bench --quick
      edgeai bench model.onnx
      edgeai bench model.onnx --quick --threads 1,2,4
      edgeai bench a.onnx b.tflite --rate 10/s --json > report.json
      edgeai bench detector.onnx --input-shape x:1x3x640x640
      edgeai bench door.edge --source door.jpg
      edgeai bench door.edge --model det --variant s8,f32
      edgeai bench --suite public --quick
    """
    if models and suite is not None:
        raise UsageError("give either model files or --suite NAME; `edgeai bench --help` shows examples")
    if suite is None:
        models = models or _included(quiet=verbosity < 0)
    plan = _plan(
        QUICK if quick else Plan(), processes, min_runs, min_time, max_time, warm_up, rate, cold, timeout
    )
    sweep = Sweep(backends, threads or (), variants)
    model = ModelRequest("", device=device, providers=providers or None, signature=signature, name=model_name)
    inputs = InputRequest(
        file=None if input_file is None else str(input_file),
        batch=batch,
        seed=seed,
        source=None if source_file is None else str(source_file),
        chunk_s=chunk_s,
    )
    if input_file is not None and (shapes or batch is not None):
        raise UsageError("--input brings its own shapes; leave --input-shape and --batch out")
    skipped: list[Failure] = []
    if suite is not None:
        if shapes or input_file or batch is not None:
            raise UsageError("--input-shape, --input and --batch go with a model file; a suite has its own")
        if model_name or variants or source_file or chunk_s is not None:
            raise UsageError("--model, --variant, --source and --chunk go with a bundle, not with --suite")
        jobs, skipped = jobs_for_suite(load_suite(suite), sweep, model, inputs)
    else:
        given = options.parse_shapes(shapes)
        jobs = jobs_for_files(models, sweep, model, replace(inputs, shapes=given))
    with _stopped_as_by_ctrl_c(), Progress(len(jobs), quiet=verbosity < 0) as progress:
        reports, failures, problems = run_jobs(jobs, plan, progress, stop_at_error=len(jobs) == 1)
    failures = skipped + failures
    if as_json:
        write_json(document(reports, failures))
    elif len(reports) == 1 and not failures:
        click.echo(page(reports[0], verbose=verbosity > 0))
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        click.echo(overview(reports, failures, width))
    click.get_current_context().exit(_exit_code(reports, failures, problems))


def _included(*, quiet: bool) -> tuple[Path, ...]:
    """Paths of the models that come with edgeai. Raises UsageError where there are none."""
    names = included_names()
    if not names:
        raise UsageError("give model files or --suite NAME; `edgeai bench --help` shows examples")
    if not quiet:
        click.echo(f"no model is named; measuring those that come with edgeai: {', '.join(names)}", err=True)
    return tuple(map(included_path, names))


@contextmanager
def _stopped_as_by_ctrl_c() -> Iterator[None]:
    """A `kill` and a closed terminal end the workers and remove the inputs too: in /dev/shm they take RAM."""
    numbers = [
        number
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is signal.SIG_DFL  # nohup ignores SIGHUP, and so shall we
    ]
    for number in numbers:
        signal.signal(number, _exit_by_signal)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _exit_by_signal(number: int, frame: object) -> NoReturn:
    sys.exit(128 + number)  # as a shell reports a process that died of it


def _plan(
    base: Plan,
    processes: int | None,
    min_runs: int | None,
    min_s: float | None,
    max_s: float | None,
    warm_up_s: float | None,
    rate_hz: float | None,
    cold: bool,
    silence_s: float | None,
) -> Plan:
    """The plan with what the user changed. Raises UsageError."""
    stop, warm = base.stop, base.warm_up
    stop = replace(
        stop,
        min_runs=stop.min_runs if min_runs is None else min_runs,
        min_s=stop.min_s if min_s is None else min_s,
        max_s=stop.max_s if max_s is None else max_s,
    )
    if stop.max_s < stop.min_s:
        raise UsageError(f"--max-time {stop.max_s:g}s is shorter than --min-time {stop.min_s:g}s")
    if warm_up_s is not None:
        warm = replace(warm, max_s=warm_up_s, min_s=min(warm.min_s, warm_up_s))
    return replace(
        base,
        stop=stop,
        warm_up=warm,
        rate_hz=rate_hz,
        paced_s=base.paced_s if rate_hz is None else _paced_s(base, rate_hz),
        cold=cold,
        processes=processes or base.processes,
        silence_s=silence_s or base.silence_s,
    )


def _paced_s(base: Plan, rate_hz: float) -> float:
    """Long enough for five calls, as far as anybody waits for those."""
    needed_s = max(base.paced_s, 5 / rate_hz)
    if needed_s > base.stop.max_s:
        raise UsageError(
            f"five calls at that --rate take {needed_s:.0f} s in each process; give at least "
            f"{5 / base.stop.max_s * 60:.3g}/m"
        )
    return needed_s


def _exit_code(reports: list[Report], failures: list[Failure], problems: list[EdgeError]) -> int:
    """The worst thing that happened: wrong input, something missing everywhere, or an INVALID run."""
    if problems:
        return max(exit_code(error) for error in problems)
    if not reports and failures:
        return MISSING_HERE
    return ANSWER_IS_NO if any(report.verdict == INVALID for report in reports) else DONE
