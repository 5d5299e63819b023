"""`edgeai distill`: parses options, runs a recipe, prints whether distillation paid."""

from __future__ import annotations

from pathlib import Path

import click

from edgeai.cli.options import FILE
from edgeai.cli.output import json_option, verbosity_options, write_json

from .progress import Progress


@click.command()
@click.argument("recipe", type=FILE, metavar="RECIPE.toml")
@click.option("--data", type=FILE, metavar="FILE", help="The data's file, instead of the recipe's.")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where NAME.onnx, NAME.pt and NAME.json go, and checkpoints. Default: the recipe's name.",
)
@click.option(
    "--report", type=click.Path(path_type=Path), metavar="FILE.html", help="Write a report to look at."
)
@click.option("--restart", is_flag=True, help="Start anew instead of going on from checkpoints.")
@json_option
@verbosity_options
def distill(
    recipe: str,
    data: str | None,
    out: Path | None,
    report: Path | None,
    restart: bool,
    as_json: bool,
    verbosity: int,
) -> None:
    """Train a small student by a large teacher, and say whether that paid.

    For every seed of the recipe the student is trained twice, on the labels alone and with the teacher; the
    report tells teacher, student alone and student distilled with intervals over seeds. A run that was
    stopped goes on from its checkpoints.

    \b
    Examples:
      edgeai distill exporters/recipes/digits.toml --data mnist_5k.csv.gz
      edgeai distill recipe.toml -o student/ --report distilled.html
      edgeai export student/digits.onnx --data samples.npz -o digits.edge
    """
    from ..distill import distill as run
    from ..distill import read_recipe
    from ..report.distill import distill_document, distill_table, write_distill_html

    read = read_recipe(Path(recipe), data=None if data is None else Path(data))
    with Progress(quiet=verbosity < 0) as progress:
        found = run(read, out=out or Path(read.name), on_progress=progress.update, resume=not restart)
    if report is not None:
        write_distill_html(found.report, report)
    if as_json:
        write_json(distill_document(found.report))
    elif verbosity < 0:
        click.echo(str(found.student))
    else:
        click.echo(distill_table(found.report))
        click.echo(f"\nstudent      {found.student}")
