"""`edgeai parity`: holds a model's variants against its source, prints what is told apart."""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from pathlib import Path

import click

from edgeai.cli import ANSWER_IS_NO
from edgeai.cli.options import FILE
from edgeai.cli.output import json_option, verbosity_options, write_json
from edgeai.errors import VariantSkipped

from . import options
from .progress import Progress


@click.command()
@click.argument("model", type=FILE, metavar="MODEL")
@click.option("--against", required=True, metavar="SOURCE", help="What the model was made of, see export.")
@click.option("--data", required=True, metavar="PATH", help="Samples: as of `edgeai export`.")
@click.option("--labels", type=FILE, metavar="FILE.csv", help="Labels, where the data has none.")
@click.option("--samples", type=click.IntRange(1), metavar="N", help="At most so many, drawn by --seed.")
@click.option("--steps", type=FILE, metavar="FILE", help="Manifest or bundle whose steps prepare samples.")
@click.option("--model", "name", metavar="NAME", help="Which of a bundle's models.")
@click.option("--metric", metavar="NAME", shell_complete=options.complete_metrics, help="As of export.")
@click.option("--max-drop", metavar="0.5%", help="How much the metric may fall.")
@click.option("--min-cosine", type=click.FloatRange(-1, 1), metavar="0.99", help="Least mean cosine.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Of each variant.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all draws.")
@json_option
@verbosity_options
def parity(
    model: str,
    against: str,
    data: str,
    labels: str | None,
    samples: int | None,
    steps: str | None,
    name: str | None,
    metric: str | None,
    max_drop: str | None,
    min_cosine: float | None,
    threads: int,
    seed: int,
    as_json: bool,
    verbosity: int,
) -> None:
    """Hold every variant of a model against its source, on your data.

    Each runs in its own runtime: errors, cosine, agreement and the metric with its interval, odd batches,
    values beyond the range, latency here. Exit code 1 where one misses the budget or gives NaN.

    \b
    Examples:
      edgeai parity model.edge --against model.onnx --data photos/
      edgeai parity model.tflite --against model.onnx --data d.npz --max-drop 0.5%
      edgeai parity model.edge --against net.py:build --data d.npz --json
    """
    from ..budget import Budget
    from ..proof import Proof, hold_against
    from ..report.proof import proof_document, proof_table

    asked = Proof(
        model=Path(model),
        against=against,
        data=data,
        labels=None if labels is None else Path(labels),
        limit=samples,
        steps=None if steps is None else Path(steps),
        name=name,
        metric=metric,
        budget=Budget(max_drop=options.drop(max_drop), min_cosine=min_cosine),
        threads=threads,
        seed=seed,
    )
    with ExitStack() as stack, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", VariantSkipped)
        progress = stack.enter_context(Progress(quiet=verbosity < 0))
        found = hold_against(asked, on_progress=progress.update)
    skipped = [str(each.message) for each in caught if issubclass(each.category, VariantSkipped)]
    if as_json:
        write_json(proof_document(found, skipped))
    else:
        click.echo(proof_table(found, skipped))
    if not all(each.passes for each in found):
        click.get_current_context().exit(ANSWER_IS_NO)
