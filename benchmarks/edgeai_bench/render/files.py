"""Reports in files: HTML, CSV and Markdown, each whole or not there."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from edgeai.errors import UsageError, one_line
from edgeai.whole_file import write_whole

from ..options import FILE
from ..report import Failure, Report

Function = TypeVar("Function", bound=Callable[..., Any])
Files = dict[str, Path | None]
"""Where each format goes; None where it was not asked for."""
FORMATS = ("html", "csv", "markdown")
ENDINGS = {".html": "html", ".htm": "html", ".csv": "csv", ".md": "markdown", ".markdown": "markdown"}


def file_options(command: Function) -> Function:
    """Add `--html`, `--csv` and `--markdown` as one argument `files`, whose places can be written."""

    @functools.wraps(command)
    def with_files(
        *args: Any, html: Path | None, csv: Path | None, markdown: Path | None, **options: Any
    ) -> Any:
        files: Files = {"html": html, "csv": csv, "markdown": markdown}
        check_places(files)
        return command(*args, files=files, **options)

    shown: Any = with_files
    for name, example, what in (
        ("markdown", "table.md", "a Markdown table, for an issue or a README"),
        ("csv", "table.csv", "CSV, a row a run, in SI units"),
        ("html", "report.html", "one HTML file with charts that needs nothing else"),
    ):
        help_ = f"Also write {what}, e.g. --{name} {example}."
        shown = click.option(f"--{name}", type=FILE, metavar="FILE", help=help_)(shown)
    return cast(Function, shown)


def rendered(format_: str, reports: Sequence[Report], failures: Sequence[Failure]) -> str:
    """The text of one of FORMATS. What a format needs is imported when it is asked for."""
    if format_ == "html":
        from .html.page import html_page

        return html_page(reports, failures)
    if format_ == "csv":
        from .csv_rows import csv_text

        return csv_text(reports, failures)
    from .markdown import markdown_text

    return markdown_text(reports, failures)


def format_of(path: Path) -> str:
    """The format by a file's ending. Raises UsageError."""
    found = ENDINGS.get(path.suffix.lower())
    if found is None:
        raise UsageError(
            f"{one_line(path)}: which format? end its name in .html, .csv or .md, or give --format"
        )
    return found


def check_places(files: Files) -> None:
    """Before anything is measured for minutes: whether files can be written there. files: by format.

    Raises UsageError.
    """
    places: dict[Path, str] = {}
    for format_, path in files.items():
        if path is None:
            continue
        folder = path.parent
        if path.is_dir():
            raise UsageError(f"{one_line(path)} is a folder; name a file for --{format_}")
        if not folder.is_dir():
            raise UsageError(f"{one_line(path)}: there is no folder {one_line(folder)}; make it first")
        if not os.access(folder, os.W_OK):
            raise UsageError(f"{one_line(path)} cannot be written: no right to write in {one_line(folder)}")
        other = places.setdefault(path.resolve(), format_)
        if other != format_:
            raise UsageError(
                f"{one_line(path)} is named for --{other} and --{format_}; give each its own file"
            )


def write_files(files: Files, reports: Sequence[Report], failures: Sequence[Failure]) -> None:
    """Each format into its file; None is left out. Raises UsageError."""
    for format_, path in files.items():
        if path is not None:
            write_file(path, rendered(format_, reports, failures))


def write_file(path: Path, text: str) -> None:
    """Beside and renamed. Raises UsageError."""
    try:
        write_whole(path, text.encode("utf-8"))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = (error.strerror if isinstance(error, OSError) else None) or one_line(error)
        raise UsageError(f"{one_line(path)} cannot be written: {reason}; name another place") from error
