"""Which files of a folder or a table are samples, and what their labels are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeai.errors import ExportError, one_line
from edgeai.sources.files import SUFFIXES

from .labels import folder_labels, label_column, read_class_names, to_classes
from .table import file_column, read_table

_TABLES = {".csv", ".jsonl"}


@dataclass(frozen=True)
class Listing:
    """Samples that are files. labels: one a file; None where there are none. notes: for the user. classes:
    names by their numbers, where the data has them."""

    paths: list[Path]
    labels: list[Any] | None
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


def list_samples(spec: str, group: str, labels: Path | None) -> Listing:
    """The files that a user names: a table of files, or a folder of them or of a folder a class.

    group: `image`, `audio` or `bytes`: which suffixes count in a folder. labels: see `DataOptions`.
    Raises ExportError for files that are missing, labels that do not match, and folders without samples.
    """
    place = Path(spec)
    names = read_class_names(labels)
    if place.suffix.lower() in _TABLES and place.is_file():
        return _from_table(place, place.parent, names)
    if labels is not None and names is None:
        return _with_table(place, labels, group)
    return _from_folder(place, group, names)


def _from_table(table: Path, folder: Path, names: Sequence[str] | None) -> Listing:
    rows = read_table(table)
    column = file_column(rows)
    if column is None:
        raise ExportError(
            f"{one_line(table)} has the columns {one_line(', '.join(rows[0]))}; call that of the files `file`"
        )
    paths = [folder / str(row[column]) for row in rows]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise ExportError(
            f"{one_line(table)} names {len(missing):,} of {len(paths):,} files that are not there, the first "
            f"{one_line(missing[0])}; paths are taken from {one_line(folder)}"
        )
    others = [{key: value for key, value in row.items() if key != column} for row in rows]
    if not others[0]:
        return Listing(paths, None)
    given = [row[label_column(others, table)] for row in others]
    if all(isinstance(each, str) for each in given):
        return Listing(paths, to_classes(given, names, one_line(table)), classes=tuple(names or ()))
    return Listing(paths, given)


def _with_table(folder: Path, table: Path, group: str) -> Listing:
    listed = _from_table(table, folder, None)
    if listed.labels is None:
        raise ExportError(f"{one_line(table)} has no column of labels; call it `label`")
    have = {path.resolve() for path in _files(folder, group)}
    left = len(have - {path.resolve() for path in listed.paths})
    notes = (f"{left:,} files of {one_line(folder)} have no label and are left out",) if left else ()
    return Listing(listed.paths, listed.labels, notes)


def _from_folder(folder: Path, group: str, names: Sequence[str] | None) -> Listing:
    if not folder.is_dir():
        raise ExportError(f"{one_line(folder)}: no such folder of samples; check the path")
    paths = _files(folder, group)
    if not paths:
        wanted = ", ".join(SUFFIXES[group] or ())
        raise ExportError(f"{one_line(folder)} holds no samples{f' ({wanted})' if wanted else ''}; check it")
    parts = [path.relative_to(folder).parts for path in paths]
    loose = sum(len(part) == 1 for part in parts)
    if loose == len(parts):
        if names is not None:
            raise ExportError(
                f"{one_line(folder)} has no folder a class, so the classes' names say nothing; give a CSV of "
                "file and label as --labels"
            )
        return Listing(paths, None)
    if loose:
        raise ExportError(
            f"{one_line(folder)} holds {loose:,} files beside folders of classes; move them into the "
            "folders, or give a CSV of file and label as --labels"
        )
    numbers, classes, told = folder_labels([part[0] for part in parts], names)
    return Listing(paths, numbers, (told,), classes)


def _files(folder: Path, group: str) -> list[Path]:
    """Those with a suffix of the group, at any depth, sorted; hidden ones are passed over."""
    suffixes = SUFFIXES[group]
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        shown = [name for name in sorted(files) if not name.startswith(".")]
        found += [Path(place, name) for name in shown if suffixes is None or name.lower().endswith(suffixes)]
    return found
