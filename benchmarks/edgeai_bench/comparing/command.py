"""What `edgeai bench` does where it compares: one call, which prints and gives the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from edgeai.cli import ANSWER_IS_NO, DONE, WRONG_INPUT
from edgeai.cli.output import write_json
from edgeai.errors import UsageError, one_line
from edgeai.included import find_model
from edgeai.measure.protocol import InputRequest, ModelRequest

from ..plan import Plan
from ..progress import Progress
from ..render.comparison import comparisons_text
from ..sweep import Sweep
from .floor import floor_of
from .gate import FAILED, UNJUDGED, judge
from .junit import write_junit
from .live import QUICK_LIVE, Contender, LivePlan, compare_live
from .options import Asked
from .outcome import Compared, Judged, document
from .saved import compare_saved

DEFAULT_MODEL = "digits"
"""Of the self-test: it comes with edgeai."""


def run_comparison(
    asked: Asked,
    models: Sequence[Path],
    model: ModelRequest,
    inputs: InputRequest,
    sweep: Sweep,
    plan: Plan,
    *,
    processes: int | None,
    turns_s: float | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Compare, print, and give the exit code: 1 where a gate fails or a side is INVALID, 2 where gates were
    asked for and none could judge anything, which must not pass for a success. Raises EdgeError.

    processes: pairs of them. turns_s: how long each pair takes turns. None: as the plan's mode has it.
    """
    unpaired: list[str] = []
    if asked.saved is not None:
        if models:
            raise UsageError("--compare takes two documents and measures nothing; leave models out")
        compared, unpaired = compare_saved(*asked.saved)
    else:
        live = _live_plan(plan, processes, turns_s)
        compared = _take_turns(asked, models, model, inputs, sweep, live, quiet=quiet)
    judged = judge(compared, asked.limits)
    floor = floor_of(compared[0]) if asked.self_test else []
    if asked.junit is not None:
        write_junit(asked.junit, judged)
    if as_json:
        write_json(document(compared, judged, unpaired, floor))
        for each in judged:
            if each.outcome == FAILED:
                click.echo(f"edgeai: {each.text}", err=True)
    else:
        click.echo(comparisons_text(compared, judged, unpaired, floor))
    return _exit_code(compared, judged)


def _exit_code(compared: Sequence[Compared], judged: Sequence[Judged]) -> int:
    if judged and all(each.outcome == UNJUDGED for each in judged):
        return WRONG_INPUT
    failed = any(each.outcome == FAILED for each in judged)
    invalid = any(doubt.effect == "invalid" for each in compared for doubt in each.warnings)
    return ANSWER_IS_NO if failed or invalid else DONE


def _live_plan(plan: Plan, processes: int | None, turns_s: float | None) -> LivePlan:
    if plan.rate_hz is not None or plan.cold or plan.scenario is not None or plan.soak_s is not None:
        raise UsageError("--rate, --cold, --mlperf and --soak go with a measurement, not with a comparison")
    live = QUICK_LIVE if plan.quick else LivePlan()
    rule = live.rule if turns_s is None else replace(live.rule, seconds=turns_s)
    live = replace(live, rule=rule, silence_s=plan.silence_s)
    return live if processes is None else replace(live, pairs=processes, most_pairs=processes)


def _take_turns(
    asked: Asked,
    models: Sequence[Path],
    model: ModelRequest,
    inputs: InputRequest,
    sweep: Sweep,
    plan: LivePlan,
    *,
    quiet: bool,
) -> list[Compared]:
    if len(models) > 1 or (not models and not asked.self_test):
        raise UsageError("give one model to compare: edgeai bench A.onnx --against B.tflite")
    one = models[0] if models else find_model(Path(DEFAULT_MODEL))
    two = one if asked.against is None else asked.against
    backends, variants = _of_both("--backend", sweep.backends), _of_both("--variant", sweep.variants)
    compared = []
    thread_counts = sweep.threads or (None,)
    with Progress(len(thread_counts), quiet=quiet) as progress:
        for threads in thread_counts:
            arms = [
                Contender(
                    replace(model, model=str(path), backend=backend, variant=variant, threads=threads),
                    inputs,
                )
                for path, backend, variant in zip((one, two), backends, variants, strict=True)
            ]
            compared.append(compare_live(arms[0], arms[1], plan, on_progress=progress.update))
            progress.job_done(f"{one_line(two.name)} against {one_line(one.name)}: done")
    return compared


def _of_both(option: str, given: Sequence[str]) -> tuple[str | None, str | None]:
    """One name is for both, of two the second is B's."""
    if len(given) > 2:
        raise UsageError(f"{option} takes one name for both, or A's and B's, not {len(given)}")
    return (given[0], given[-1]) if given else (None, None)
