"""Lists of names in files: the labels of classes, the tokens of a vocabulary."""

from __future__ import annotations

import functools
import json
from pathlib import Path

from ..errors import InputError, one_line


def read_names(path: Path) -> tuple[str, ...]:
    """The names in a file, in order: a JSON list of texts (`.json`), or a text file, one a line.

    Both are UTF-8. Of a line nothing but its end is taken off: a space may be a token. Read once while the
    file stays as it is. Raises InputError.
    """
    try:
        status = path.stat()
        return _read(path, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise InputError(f"{one_line(path)} cannot be read: {error.strerror}") from error


@functools.lru_cache(maxsize=32)
def _read(path: Path, _changed_ns: int, _size: int) -> tuple[str, ...]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
        names = json.loads(text) if path.suffix == ".json" else _lines(text)
    except ValueError as error:
        raise InputError(f"{one_line(path)} is no list of names in UTF-8: {one_line(error)}") from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{one_line(path)} is not a JSON list of texts")
    return tuple(names)


def _lines(text: str) -> list[str]:
    # Not splitlines(): that also splits at characters that a vocabulary holds, such as U+2028 and U+0085.
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]
