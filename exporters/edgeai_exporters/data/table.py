"""Tables of samples: CSV with a header, or JSON lines, with columns of files or texts, and labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeai.errors import ExportError, one_line

from .labels import read_rows, read_text

_FILES = ("file", "filename", "path", "image", "audio", "sound", "wav")
_TEXTS = ("text", "sentence", "sentences", "content", "prompt", "query", "document")


def read_table(file: Path) -> list[dict[str, Any]]:
    """The rows of a `.csv` or `.jsonl`, all with the same columns. Raises ExportError."""
    if file.suffix.lower() != ".jsonl":
        return list(read_rows(file))
    rows = []
    for number, line in enumerate(read_text(file).splitlines(), 1):
        if line.strip():
            rows.append(_row(line, f"{one_line(file)}:{number}"))
    if not rows:
        raise ExportError(f"{one_line(file)} has no lines; check the file")
    for number, row in enumerate(rows, 1):
        if set(row) != set(rows[0]):
            raise ExportError(
                f"{one_line(file)}: row {number} has {one_line(', '.join(row))}, the first has "
                f"{one_line(', '.join(rows[0]))}; give all rows the same columns"
            )
    return rows


def file_column(rows: Sequence[dict[str, Any]]) -> str | None:
    """The column that names files; None where there is none."""
    return _column(rows, _FILES)


def text_column(rows: Sequence[dict[str, Any]], file: Path) -> str:
    """The column of texts: `text` or a like name, or the only one. Raises ExportError."""
    found = _column(rows, _TEXTS)
    if found is None and len(rows[0]) > 1:
        raise ExportError(
            f"{one_line(file)} has the columns {one_line(', '.join(rows[0]))}; call that of the texts "
            "`text`, or that of the files `file`"
        )
    return found or next(iter(rows[0]))


def _column(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> str | None:
    by_name = {key.lower(): key for key in rows[0]}
    return next((by_name[name] for name in names if name in by_name), None)


def _row(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ExportError(f"{where}: not JSON: {one_line(error)}") from None
    if not isinstance(row, dict) or not row:
        raise ExportError(f'{where}: give an object, such as {{"text": "...", "label": 3}}')
    return row
