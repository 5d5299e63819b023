"""Options and printing that every command shares: `--json`, `-q`, `-v`."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any, TypeVar, cast

import click

Function = TypeVar("Function", bound=Callable[..., Any])

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Write one JSON document to standard output."
)


def verbosity_options(command: Function) -> Function:
    """Add `-q/--quiet` and `-v/--verbose` as one argument `verbosity`: -1, 0 or 1."""

    @functools.wraps(command)
    def with_verbosity(*args: Any, quiet: bool, verbose: bool, **options: Any) -> Any:
        return command(*args, verbosity=verbose - quiet, **options)

    # Two plain flags: click before 8.4 gives None to two options that share one name.
    shown = click.option("-q", "--quiet", is_flag=True, help="Print results only.")(with_verbosity)
    return cast(Function, click.option("-v", "--verbose", is_flag=True, help="Print more.")(shown))


def write_json(document: object) -> None:
    """One JSON document on standard output; NaN is a bug of ours, so refused."""
    click.echo(json.dumps(document, indent=2, allow_nan=False))


def table(rows: list[list[str]], header: list[str], right: frozenset[int] = frozenset()) -> str:
    """Columns padded to their widest cell, two spaces apart; columns in `right` are right-aligned."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(row: list[str]) -> str:
        cells = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    return "\n".join(line(row) for row in [header, *rows])
