"""Files as a source: one, the files of a folder, or those that fit a pattern.

A folder stands for the files in it (not below it) whose suffix suits the kind, in the order in which people
count: `frame-2` before `frame-10`. Hidden files are passed over. A file that is named, or fits a pattern, is
taken whatever its suffix.
"""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..errors import InputError, one_line
from ..regular_file import check_regular, file_mode, open_regular
from . import Item, SourceOptions
from .bounded import as_text, read_all, read_lines
from .generated import Generated

if TYPE_CHECKING:
    from typing import BinaryIO

T = TypeVar("T")

# Which files of a folder suit a kind; None takes all.
SUFFIXES: dict[str, tuple[str, ...] | None] = {
    "image": (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".avif"),
    "audio": (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff"),
    "text": (".txt", ".md"),
    "bytes": None,
    "tensors": (".npy", ".npz", ".jsonl"),
}


def open_files(address: str, options: SourceOptions) -> Generated:
    """The files that a path, a folder or a pattern stands for; each is opened when its turn comes.

    Items: image and bytes: the path; text: the whole file; audio: chunks at the file's own rate; tensors: one
    item for a `.npy` or `.npz`, one a line for JSON lines. Raises InputError where no file is found.
    """
    return Generated(options.kind, _items(find_files(address, options.kind), options))


def find_files(address: str, kind: str) -> list[Path]:
    """The files that a path, a folder or a pattern stands for, none of them opened. Raises InputError."""
    if not address:
        raise InputError("a source is empty; give a file, a folder, a pattern or -")
    path = Path(address)
    mode = file_mode(path)
    if mode is None:
        return _matching(address)
    if stat.S_ISDIR(mode):
        return _in_folder(path, kind)
    check_regular(one_line(address), mode)
    return [path]


def _matching(pattern: str) -> list[Path]:
    if not glob.has_magic(pattern):
        raise InputError(f"{one_line(pattern)}: no such file; check the path")
    found = map(Path, glob.iglob(pattern, recursive=True))  # noqa: PTH207 - the pattern may be absolute
    files = [path for path in found if stat.S_ISREG(file_mode(path) or 0)]
    if not files:
        raise InputError(f"{one_line(pattern)}: no file fits this pattern; check it")
    return sorted(files, key=_natural)


def _in_folder(folder: Path, kind: str) -> list[Path]:
    suffixes = SUFFIXES[kind]
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file()]
    except OSError as error:
        raise InputError(f"{one_line(folder)} cannot be read: {error.strerror}; check who may") from None
    files = [folder / name for name in names if suffixes is None or name.lower().endswith(suffixes)]
    if not files:
        wanted = f" ({', '.join(suffixes)})" if suffixes else ""
        raise InputError(f"{one_line(folder)} holds no {kind} files{wanted}; check the folder")
    return sorted(files, key=_natural)


def _natural(path: Path) -> tuple[tuple[list[str | int], str], ...]:
    """Digits count as numbers, and upper case as lower, within each part of the path."""
    return tuple((_split(part), part) for part in path.parts)


def _split(part: str) -> list[str | int]:
    # Texts and numbers take turns, so that only like is compared with like.
    pieces = re.split(r"([0-9]+)", part.casefold())
    return [int(piece) if index % 2 else piece for index, piece in enumerate(pieces)]


def _items(paths: Iterable[Path], options: SourceOptions) -> Generator[Item, None, None]:
    for path in paths:
        yield from _READERS[options.kind](path, options)


def _itself(path: Path, _: SourceOptions) -> Generator[Item, None, None]:
    yield Item(path, str(path))


def _text(path: Path, _: SourceOptions) -> Generator[Item, None, None]:
    with open_regular(path) as file:
        content = read_all(file, one_line(path))
    yield Item(as_text(content, one_line(path)), str(path))


def _sound(path: Path, options: SourceOptions) -> Generator[Item, None, None]:
    from .sound import open_sound

    count = 0
    with open_sound(path, chunk_s=options.chunk_s) as sound:
        for chunk, following in _pairs(sound):
            start_s = count / sound.rate_hz
            yield Item(chunk, str(path), start_s, sound.rate_hz, is_last=following is None)
            count += len(chunk)


def _pairs(chunks: Iterable[T]) -> Iterator[tuple[T, T | None]]:
    """Each with the one after it."""
    iterator = iter(chunks)
    now = next(iterator, None)
    while now is not None:
        following = next(iterator, None)
        yield now, following
        now = following


def _tensors(path: Path, options: SourceOptions) -> Generator[Item, None, None]:
    from . import tensors

    with open_regular(path) as file:
        kind = _magic(file)
        if kind == b"PK\x03\x04":
            yield Item(tensors.load_npz(file, one_line(path)), str(path))
        elif kind == b"\x93NUM":
            yield Item(tensors.load_npy(file, one_line(path)), str(path))
        else:
            for place, line in read_lines(file, one_line(path)):
                yield Item(tensors.parse_tensors(line, place, options.dtypes), place)


def _magic(file: BinaryIO) -> bytes:
    """The first four bytes: more is to be trusted than a suffix."""
    start = file.read(4)
    file.seek(0)
    return start


_READERS: dict[str, Callable[[Path, SourceOptions], Generator[Item, None, None]]] = {
    "image": _itself,
    "audio": _sound,
    "text": _text,
    "bytes": _itself,
    "tensors": _tensors,
}
