"""`edgeai report`: old results rendered again."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from edgeai.cli.output import verbosity_options
from edgeai.errors import UsageError

from .options import FILE
from .reading import read_documents
from .render.files import FORMATS, check_places, format_of, rendered, write_file
from .render.table import overview, page


@click.command()
@click.argument("documents", nargs=-1, required=True, metavar="FILE.json...")
@click.option(
    "-o",
    "--out",
    type=FILE,
    metavar="FILE",
    help="Where to write it, e.g. report.html, table.csv or table.md. Default: a table on the terminal.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    help="What to write. Default: by the ending of FILE.",
)
@verbosity_options
def report(documents: tuple[str, ...], out: Path | None, format_: str | None, verbosity: int) -> None:
    """Render results that `edgeai bench --json` wrote: side by side, as one HTML file, CSV or Markdown.

    Nothing is measured. `-` reads standard input.

    \b
    Examples:
      edgeai report pi5.json jetson.json -o boards.html
      edgeai report before.json after.json -o table.md
      edgeai report results/*.json --format csv > results.csv
      edgeai bench model.onnx --json | edgeai report - -o report.html
      edgeai report old.json
    """
    if documents.count("-") > 1:
        raise UsageError("standard input (-) can be read once only")
    if out is not None:
        format_ = format_ or format_of(out)
        check_places({"out": out})
    reports, failures = read_documents(list(documents))
    if out is not None and format_ is not None:
        write_file(out, rendered(format_, reports, failures))
        if verbosity >= 0:
            click.echo(f"wrote {out}", err=True)
    elif format_ is not None:
        click.echo(rendered(format_, reports, failures), nl=False)
    elif len(reports) == 1 and not failures:
        click.echo(page(reports[0], verbose=verbosity > 0))
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        click.echo(overview(reports, failures, width))
