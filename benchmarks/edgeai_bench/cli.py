"""`edgeai bench`: parses options, calls the runner, prints what it gives."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
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
from edgeai.measure.scenarios import SCENARIOS

from . import options
from .comparing.command import run_comparison
from .comparing.options import Asked, comparison_options
from .energy_options import EnergyAsked, energy_options
from .judging import any_failed, judge_all
from .keeping import Keeping, keeping_options
from .limits import LimitVerdict
from .long_runs import with_long_runs
from .mlperf import is_limit_missed
from .planned import planned
from .progress import Progress
from .remote import asked as remote_asked
from .remote.boards import measure_on_boards
from .remote.forwarding import Forwarding
from .render.files import Files, file_options, write_files
from .render.limits import limits_table
from .render.table import overview, page
from .report import INVALID, Failure, Report, document
from .shared_results import write_results
from .suite_settings import SuiteSettings, settled
from .suites import Suite, load_suite
from .sweep import Job, Sweep, jobs_for_files, jobs_for_suite, run_jobs
from .trace import check_profile_options, write_trace


@click.command(cls=Forwarding)
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
    "--mlperf",
    type=click.Choice(SCENARIOS),
    help="Then also run this scenario of MLPerf by its rules, which takes ten minutes; --min-time and "
    "--min-runs (queries; samples of offline) are its own then, and may shorten it. --input may hold many "
    "samples.",
)
@click.option(
    "--server-rate",
    type=options.rate,
    metavar="N/s",
    help="Queries that arrive at --mlperf server, e.g. 50/s.",
)
@click.option(
    "--server-limit",
    type=options.duration,
    metavar="TIME",
    help="What p99 of --mlperf server has to keep, e.g. 15ms; exit code 1 where it does not.",
)
@click.option(
    "--soak",
    "soak_s",
    type=options.duration,
    metavar="TIME",
    help="Then also run so long without a pause, e.g. 30m: sustained rate, drift, throttling, growth of RAM.",
)
@click.option(
    "--profile",
    "with_profile",
    is_flag=True,
    help="Then also time every operator under the runtime's profiler, in a process of its own; of a bundle, "
    "name one model with --model.",
)
@click.option(
    "--trace",
    "trace_file",
    type=options.FILE,
    metavar="FILE",
    help="Write what --profile saw for chrome://tracing or ui.perfetto.dev, e.g. --trace trace.json.",
)
@click.option(
    "--raw",
    is_flag=True,
    help="Measure the file as it came. Default: what `edgeai prepare` made of it here, where there is any.",
)
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
@energy_options
@comparison_options
@remote_asked.remote_options
@keeping_options
@file_options
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
    mlperf: str | None,
    server_rate: float | None,
    server_limit: float | None,
    soak_s: float | None,
    with_profile: bool,
    trace_file: Path | None,
    raw: bool,
    cold: bool,
    processes: int | None,
    min_runs: int | None,
    min_time: float | None,
    max_time: float | None,
    warm_up: float | None,
    timeout: float | None,
    seed: int,
    energy: EnergyAsked,
    comparing: Asked,
    remote: remote_asked.Asked,
    keeping: Keeping,
    files: Files,
    as_json: bool,
    verbosity: int,
) -> None:
    """Measure latency, RAM, CPU time and energy of a model or a bundle on this machine.

    Without a model, those that come with edgeai are measured; they also answer to their names, as `digits`.
    A bundle is measured with the variant that each installed backend would run.

    Every figure comes from fresh processes, with a 95 % interval; a verdict says whether to trust it: VALID,
    NOISY (intervals widened, reasons named) or INVALID (exit code 1).

    \b
    Examples:
      edgeai bench --quick
      edgeai bench model.onnx
      edgeai bench model.onnx --html report.html
      edgeai bench model.onnx --quick --threads 1,2,4
      edgeai bench a.onnx b.tflite --rate 10/s --json > report.json
      edgeai bench detector.onnx --input-shape x:1x3x640x640
      edgeai bench door.edge --source door.jpg
      edgeai bench door.edge --model det --variant s8,f32
      edgeai bench --suite public --quick
      edgeai bench --suite mine.toml --json-dir out
      edgeai bench model.onnx --mlperf singlestream --input samples.npz
      edgeai bench model.onnx --mlperf server --server-rate 50/s --server-limit 15ms
      edgeai bench door.edge --soak 30m
      edgeai bench model.onnx --profile --trace trace.json
      edgeai bench model.onnx --energy require
      edgeai bench model.onnx --meter shelly=http://10.0.0.7
      edgeai bench a.onnx --against b.tflite --fail-if-slower 5% --fail-if-bigger 5%
      edgeai bench --compare main.json branch.json --fail-if-slower 5% --junit gates.xml
      edgeai bench --self-test
      edgeai bench model.onnx --on ssh://pi@pi5,ssh://me@jetson --html boards.html
    """
    if models and suite is not None:
        raise UsageError("give either model files or --suite NAME; `edgeai bench --help` shows examples")
    if comparing.is_asked and (suite is not None or any(files.values()) or keeping.is_asked):
        raise UsageError(
            "a comparison goes without --suite, --html, --csv, --markdown, --json-dir and --results"
        )
    if comparing.is_asked and remote.boards:
        raise UsageError("a comparison goes without --on; run it on the board itself")
    if suite is None and not comparing.is_asked:
        models = models or _included(quiet=verbosity < 0)
    runs, time_s = (min_runs, min_time) if mlperf is None else (None, None)  # else the scenario's
    chosen = None if suite is None else load_suite(suite)
    said = settled(
        SuiteSettings(quick, processes, runs, time_s, max_time, warm_up, threads or (), backends),
        None if chosen is None else chosen.settings,
    )
    plan = with_long_runs(
        planned(said, rate, cold, timeout),
        mlperf=mlperf,
        min_s=min_time,
        min_queries=min_runs,
        batch=batch,
        server_rate_hz=server_rate,
        server_limit_s=server_limit,
        soak_s=soak_s,
        seed=seed,
    )
    plan = replace(plan, profile=with_profile)
    compares, elsewhere = comparing.is_asked, bool(remote.boards)
    check_profile_options(with_profile, trace_file, compares=compares, elsewhere=elsewhere)
    sweep = Sweep(said.backends, said.threads, variants)
    model = ModelRequest(
        "",
        device=device,
        providers=providers or None,
        signature=signature,
        name=model_name,
        prepared=False if raw else None,
    )
    inputs = InputRequest(
        shapes=options.parse_shapes(shapes),
        file=None if input_file is None else str(input_file),
        batch=batch,
        seed=seed,
        source=None if source_file is None else str(source_file),
        chunk_s=chunk_s,
        pool=mlperf is not None,
    )
    if input_file is not None and (shapes or (batch is not None and mlperf is None)):
        raise UsageError("--input brings its own shapes; leave --input-shape and --batch out")
    if comparing.is_asked:
        energy.refuse_comparing()
        with _stopped_as_by_ctrl_c():
            code = run_comparison(
                comparing,
                models,
                model,
                inputs,
                sweep,
                plan,
                processes=processes,
                turns_s=min_time,
                as_json=as_json,
                quiet=verbosity < 0,
            )
        click.get_current_context().exit(code)
    if remote.boards:
        copied = {"input_file": input_file, "source_file": source_file}
        _on_boards(remote, models, copied, suite, keeping, files, as_json=as_json, verbosity=verbosity)
    energy.refuse_keeping(keeping.results)
    plan = energy.planned(plan)
    jobs, skipped = _jobs(chosen, models, sweep, model, inputs)
    kept = keeping.open(anew=trace_file is not None)
    with _stopped_as_by_ctrl_c(), Progress(len(jobs), quiet=verbosity < 0) as progress:
        reports, failures, problems = run_jobs(jobs, plan, progress, stop_at_error=len(jobs) == 1, kept=kept)
    failures = skipped + failures
    limits = judge_all(
        reports, failures, {} if chosen is None else chosen.limits, estimates=energy.wants_estimates
    )
    write_files(files, reports, failures)
    write_results(keeping.results, reports, quiet=verbosity < 0)
    if as_json:
        write_json(document(reports, failures, limits=limits))
    else:
        _print(reports, failures, limits, verbose=verbosity > 0)
    write_trace(trace_file, reports)  # last: where there is none, nothing that was measured is lost
    code = _exit_code(reports, failures, problems, limits)
    if code == DONE and energy.is_missing(reports):
        code = MISSING_HERE
    click.get_current_context().exit(code)


def _on_boards(
    remote: remote_asked.Asked,
    models: Sequence[Path],
    copied: dict[str, Path | None],
    suite: str | None,
    keeping: Keeping,
    files: Files,
    *,
    as_json: bool,
    verbosity: int,
) -> NoReturn:
    """Measure there, show it as what is measured here, and exit. copied: files by their parameter."""
    context = click.get_current_context()
    with _stopped_as_by_ctrl_c():
        measured = measure_on_boards(context, remote, models, copied, suite, quiet=verbosity < 0)
    write_files(files, measured.reports, measured.failures)
    write_results(keeping.results, measured.reports, quiet=verbosity < 0)
    if as_json:
        write_json(document(measured.reports, measured.failures))
    else:
        _print(measured.reports, measured.failures, [], verbose=verbosity > 0)
    context.exit(measured.code)


def _jobs(
    suite: Suite | None, models: Sequence[Path], sweep: Sweep, model: ModelRequest, inputs: InputRequest
) -> tuple[list[Job], list[Failure]]:
    """What is run, of a suite or of files, and what is not installed for it. Raises EdgeError."""
    if suite is None:
        return jobs_for_files(models, sweep, model, inputs), []
    if inputs.shapes or inputs.file or inputs.batch is not None:
        raise UsageError("--input-shape, --input and --batch go with a model file; a suite has its own")
    if model.name or sweep.variants or inputs.source or inputs.chunk_s is not None:
        raise UsageError("--model, --variant, --source and --chunk go with a bundle, not with --suite")
    return jobs_for_suite(suite, sweep, model, inputs)


def _print(
    reports: list[Report], failures: list[Failure], limits: Sequence[LimitVerdict], *, verbose: bool
) -> None:
    """One run as a page, several as a table; below, what the limits of a suite say."""
    if len(reports) == 1 and not failures:
        click.echo(page(reports[0], verbose=verbose))
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        click.echo(overview(reports, failures, width))
    if limits:
        click.echo(f"\n{limits_table(limits)}")


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


def _exit_code(
    reports: list[Report],
    failures: list[Failure],
    problems: list[EdgeError],
    limits: Sequence[LimitVerdict],
) -> int:
    """The worst thing that happened: wrong input, something missing everywhere, INVALID, a limit missed."""
    if problems:
        return max(exit_code(error) for error in problems)
    if not reports and failures:
        return MISSING_HERE
    missed = any_failed(limits) or any(is_limit_missed(report.mlperf) for report in reports)
    return ANSWER_IS_NO if missed or any(report.verdict == INVALID for report in reports) else DONE
