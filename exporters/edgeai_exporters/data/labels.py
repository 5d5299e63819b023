"""Labels of samples: numbers of classes, from class folders, CSV, lists of names, or arrays; or texts."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgeai.errors import ExportError, InputError, one_line
from edgeai.regular_file import open_regular
from edgeai.sources.tensors import load_npy
from edgeai.steps.names import read_names

from ..arrays import Array

Label = Callable[[int], Any]
_MOST_CLASSES = 100_000
"""More than any classifier has: folders with greater numbers are called by something else."""


def read_rows(file: Path) -> list[dict[str, str]]:
    """The rows of a CSV by its header, which is the first line. Raises ExportError.

    A line with more or fewer fields than the header is an error: what belongs to what cannot be told.
    """
    text = read_text(file)
    reader = csv.DictReader(io.StringIO(text, newline=""))
    rows = []
    try:
        for row in reader:
            if None in row or None in row.values():
                raise ExportError(
                    f"{one_line(file)}: line {reader.line_num} has not as many fields as the header "
                    f"({one_line(', '.join(reader.fieldnames or []))}); quote commas within fields"
                )
            rows.append({key.strip(): value for key, value in row.items()})
    except csv.Error as error:
        raise ExportError(f"{one_line(file)} is no CSV: {one_line(error)}") from None
    if not rows:
        raise ExportError(f"{one_line(file)} has no rows below its header; check the file")
    return rows


def read_text(file: Path) -> str:
    """A file of UTF-8, with or without a byte order mark. Raises ExportError."""
    try:
        with open_regular(file) as opened:
            return opened.read().decode("utf-8-sig")
    except InputError as error:
        raise ExportError(str(error)) from None
    except UnicodeDecodeError as error:
        raise ExportError(f"{one_line(file)} is no UTF-8: {one_line(error)}; convert it") from None


def read_class_names(file: Path | None) -> tuple[str, ...] | None:
    """Names of the classes in the model's order, of a `.txt` or `.json`; None for another file or none."""
    if file is None or file.suffix.lower() not in {".txt", ".json"}:
        return None
    try:
        return tuple(read_names(file))
    except InputError as error:
        raise ExportError(str(error)) from None


def folder_labels(
    folders: Sequence[str], names: Sequence[str] | None
) -> tuple[list[int], tuple[str, ...], str]:
    """Classes' numbers of folders' names, one a sample; the classes' names; in words how they were numbered.

    By `names` where they are given; folders that are called by numbers are these; else in the order of their
    names, as torchvision's ImageFolder and Keras have it.
    """
    if names is None and not all(folder.isdecimal() for folder in folders):
        names = sorted(set(folders))
        listed = ", ".join(f"{number} {name}" for number, name in enumerate(names[:3]))
        more = ", ..." if len(names) > 3 else ""
        told = f"classes are in the order of the folders' names ({one_line(listed)}{more})"
    elif names is None:
        count = max(map(int, folders)) + 1
        names = [str(number) for number in range(count)] if count <= _MOST_CLASSES else None
        told = "classes are the folders' numbers"
    else:
        told = "classes are in the order of the names given"
    return [int(each) for each in to_classes(folders, names, "the folders")], tuple(names or ()), told


def to_classes(labels: Sequence[str], names: Sequence[str] | None, where: str) -> list[int | str]:
    """Numbers for labels that are numbers or among the classes' names; without names, texts stay texts.

    Raises ExportError for a label that is not among the names, and for numbers and texts in one column.
    """
    if names is not None:
        numbers = {name: number for number, name in enumerate(names)}
        unknown = next(
            (each for each in labels if each not in numbers and not _is_number_of(each, names)), None
        )
        if unknown is not None:
            have = one_line(", ".join(names[:8]) + (", ..." if len(names) > 8 else ""), 120)
            raise ExportError(
                f"{where}: the label {one_line(unknown, 60)!r} is none of the {len(names)} classes: {have}"
            )
        return [numbers[each] if each in numbers else int(each) for each in labels]
    are_numbers = [each.isdecimal() for each in labels]
    if all(are_numbers):
        return [int(each) for each in labels]
    return list(labels)


def labels_in_order(file: Path | None, array: Array | None, count: int, where: str) -> Label | None:
    """Labels of samples that have no names of their own: `array`, or what `--labels` holds, row by row.

    Raises ExportError where they are not as many as the samples.
    """
    names = read_class_names(file)
    values: Any = array
    if file is not None and names is None:
        values = _from_file(file)
        where = f"{one_line(file)} for {where}"
    if values is None:
        if names is not None:
            raise ExportError(
                f"{one_line(file)} names classes, and {where} has no labels; add an array `labels`"
            )
        return None
    if len(values) != count:
        raise ExportError(f"{where}: {len(values):,} labels for {count:,} samples; give one a sample")
    listed = np.asarray(values)
    if listed.dtype.kind in "OU":
        words = to_classes([str(each) for each in listed], names, where)
        return words.__getitem__
    if listed.dtype.kind == "f" and listed.ndim == 1 and np.array_equal(listed, np.round(listed)):
        listed = listed.astype(np.int64)  # as MATLAB and CSV readers leave them
    if listed.ndim == 2 and listed.shape[1] == 1:
        listed = listed[:, 0]  # a column, as Keras has it
    return lambda row: listed[row].item() if listed.ndim == 1 else listed[row]


def _from_file(file: Path) -> Any:
    if file.suffix.lower() == ".npy":
        try:
            with open_regular(file) as opened:
                return load_npy(opened, one_line(file))
        except InputError as error:
            raise ExportError(str(error)) from None
    rows = read_rows(file)
    return [row[label_column(rows, file)] for row in rows]


def label_column(rows: Sequence[dict[str, str]], file: Path) -> str:
    """The column of labels: `label`, `class`, `target` or `y`, or the only one. Raises ExportError."""
    columns = list(rows[0])
    found = next(
        (each for each in columns if each.lower() in {"label", "labels", "class", "target", "y"}), None
    )
    if found is None and len(columns) > 1:
        raise ExportError(
            f"{one_line(file)} has the columns {one_line(', '.join(columns))}; call that of the labels "
            "`label`"
        )
    return found or columns[0]


def _is_number_of(label: str, names: Sequence[str]) -> bool:
    return label.isdecimal() and int(label) < len(names)
