"""Bare model files that were prepared, by their paths: so that a load need not hash its file to know it.

    HOME/prepared/known/SIZE-PATH.json      SIZE in bytes, PATH: 32 hex digits of the real path's sha256

A file whose stamps are not those that were written down (it was copied, renamed, changed) is hashed, but only
where some prepared file has its size. A load writes nothing: who moves a model file and wants no hashing at
each load runs `edgeai prepare` again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path

from .. import wire
from .sealed import MOST_BYTES, Damaged, OtherSchema, seal, unseal
from .seen import FileSeen, hash_file, is_untouched

_KIND, _SCHEMA = "edgeai.known", 1


def known_folder(prepared: Path) -> Path:
    """Where the notes lie."""
    return prepared / "known"


def remember(prepared: Path, real: Path, seen: FileSeen) -> None:
    """Note what a file at a real path is; earlier notes of that path go. Raises OSError."""
    from ..whole_file import write_whole  # for those that prepare

    folder = known_folder(prepared)
    folder.mkdir(parents=True, exist_ok=True)
    place = _place(folder, real, seen.size_bytes)
    write_whole(place, seal(_KIND, _SCHEMA, dataclasses.asdict(seen)))
    for other in folder.glob(f"*-{_path_digest(real)}.json"):
        if other != place:
            other.unlink(missing_ok=True)


def recall(prepared: Path, path: Path) -> str | None:
    """sha256 of a bare file; None where no prepared one has its size. Raises OSError."""
    folder, found = known_folder(prepared), path.stat()
    seen = _read(_place(folder, Path(os.path.realpath(path)), found.st_size))
    if seen is not None and is_untouched(found, seen):
        return seen.sha256
    return hash_file(path) if _has_size(folder, found.st_size) else None


def forget(prepared: Path, identities: set[str]) -> None:
    """Remove notes of files that nothing is prepared of any more, and what a killed process left."""
    for path in known_folder(prepared).glob("*"):
        seen = _read(path)
        if seen is None or seen.sha256 not in identities:
            path.unlink(missing_ok=True)


def _place(folder: Path, real: Path, size_bytes: int) -> Path:
    return folder / f"{size_bytes}-{_path_digest(real)}.json"


def _path_digest(real: Path) -> str:
    return hashlib.sha256(os.fsencode(real)).hexdigest()[:32]


def _read(path: Path) -> FileSeen | None:
    """None where there is no note, or no whole one: then hashing tells."""
    try:
        with path.open("rb") as file:
            seen: FileSeen = wire.build(FileSeen, unseal(_KIND, _SCHEMA, file.read(MOST_BYTES)))
    except (OSError, Damaged, OtherSchema, TypeError, KeyError):
        return None
    return seen


def _has_size(folder: Path, size_bytes: int) -> bool:
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return False
    return any(name.startswith(f"{size_bytes}-") for name in names)
