"""Readings for a calibration from a file, one a line: cores loaded, watts, and how busy they really were."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import NoReturn

from ..errors import UsageError, one_line
from ..power.unit import Reading

_NEEDED, _OPTIONAL = ("loaded", "power_w"), ("busy",)


def read_samples(file: Path) -> tuple[Reading, ...]:
    """Columns by the names of the first line: loaded, power_w, and busy where it was measured.

    Without busy, a loaded core counts as wholly busy and the others as at rest. Raises UsageError with file
    and line.
    """
    try:
        text = file.read_text("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{one_line(file)} cannot be read: {error.strerror}; check the path") from None
    except UnicodeDecodeError:
        raise UsageError(
            f"{one_line(file)} is no text; give a CSV file with the columns {_columns()}"
        ) from None
    rows = csv.reader(io.StringIO(text))
    try:
        header = [name.strip() for name in next(rows, [])]
        _check_header(file, header)
        return tuple(_reading(file, rows.line_num, header, row) for row in rows if row)
    except csv.Error as error:
        _fail(file, rows.line_num, f"is no CSV: {error}")


def _check_header(file: Path, header: list[str]) -> None:
    unknown = [name for name in header if name not in _NEEDED + _OPTIONAL]
    if unknown or not set(_NEEDED) <= set(header) or len(set(header)) < len(header):
        _fail(file, 1, f"has the columns {', '.join(header) or 'none'}; give {_columns()}")


def _reading(file: Path, line: int, header: list[str], row: list[str]) -> Reading:
    if len(row) != len(header):
        _fail(file, line, f"has {len(row)} values for {len(header)} columns")
    numbers = {name: _number(file, line, name, text) for name, text in zip(header, row, strict=True)}
    loaded = numbers["loaded"]
    if loaded != int(loaded) or loaded < 0:
        _fail(file, line, f"loaded is {loaded:g}; give a whole number of cores from 0")
    if numbers["power_w"] <= 0:
        _fail(file, line, f"power_w is {numbers['power_w']:g}; a board that is on draws more than 0 W")
    if numbers.get("busy", 0.0) < 0:
        _fail(file, line, f"busy is {numbers['busy']:g}; give a number of cores from 0")
    return Reading(int(loaded), numbers.get("busy", loaded), numbers["power_w"])


def _number(file: Path, line: int, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        _fail(file, line, f"{name} is {text!r}; give a number")
    return value


def _columns() -> str:
    return "loaded (cores), power_w (watts) and, where it is known, busy (cores)"


def _fail(file: Path, line: int, what: str) -> NoReturn:
    raise UsageError(one_line(f"{file}: line {line} {what}", 600))
