"""What of a command is kept in files of their own: `--json-dir`, `--again` and `--results`."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from edgeai.errors import UsageError, one_line

from .json_dir import JsonDir, open_json_dir
from .options import FILE

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Keeping:
    """None where it was not asked for. again: measure what is in json_dir already."""

    json_dir: Path | None = None
    again: bool = False
    results: Path | None = None

    @property
    def is_asked(self) -> bool:
        """Whether any of them was given."""
        return self.json_dir is not None or self.again or self.results is not None

    def open(self, *, anew: bool) -> JsonDir | None:
        """The folder of `--json-dir`, made where it is missing. Raises UsageError, also for `--results`.

        anew: whether something is asked for that files do not hold, so that all of it is measured.
        """
        if self.results is not None:
            _check_folder(self.results)
        opened = open_json_dir(self.json_dir, again=self.again)
        return opened if opened is None or not anew else open_json_dir(self.json_dir, again=True)


def keeping_options(command: Function) -> Function:
    """Add `--json-dir`, `--again` and `--results` as one argument `keeping`."""

    @functools.wraps(command)
    def with_keeping(
        *args: Any, json_dir: Path | None, again: bool, results: Path | None, **options: Any
    ) -> Any:
        return command(*args, keeping=Keeping(json_dir, again, results), **options)

    shown: Any = with_keeping
    for add in (
        click.option(
            "--results",
            type=FILE,
            metavar="DIR",
            help="Also write results to keep, DIR/<device>/<date>-<model>.json, with raw samples thinned to "
            "100 kB, e.g. --results benchmarks/results.",
        ),
        click.option("--again", is_flag=True, help="Measure what is in --json-dir already once more."),
        click.option(
            "--json-dir",
            type=FILE,
            metavar="DIR",
            help="Also write one JSON document a run, as soon as it is done, e.g. --json-dir out; a run that "
            "is there already, of the same model, settings and versions, is not measured again.",
        ),
    ):
        shown = add(shown)
    return cast(Function, shown)


def _check_folder(folder: Path) -> None:
    """Before anything is measured for minutes: whether folders can be made there. Raises UsageError."""
    place = folder
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise UsageError(f"{one_line(folder)}: {one_line(place)} is no folder; name another place")
    if not os.access(place, os.W_OK):
        raise UsageError(f"{one_line(folder)} cannot be written: no right to write in {one_line(place)}")
