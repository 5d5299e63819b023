"""What a store holds, and whether a copy in it is whole."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..bundle.canonical import LIMIT_BYTES, parse
from ..bundle.manifest import MANIFEST, named_files
from ..errors import BundleError, one_line
from .held import is_in_use

IDENTITY = re.compile("[0-9a-f]{64}")
PARTIAL, REMOVED = "partial-", "removed-"
"""What the names of folders start with that are no bundles yet or any more."""


@dataclass(frozen=True)
class Stored:
    """One bundle of the store, or one prepared model.

    id, version: of its manifest; None where that cannot be read. last_used_s: seconds since 1970, to the day,
    since noting every use would wear an SD card. problem: why it is damaged; None where it looks whole (sizes
    and hashes are not looked at: `edgeai check` does that).
    kind: `bundle` or `prepared`. stale: why a whole one is of no use here; None for what may be of use, as
    bundles are everywhere.
    """

    identity: str
    folder: Path
    id: str | None
    version: str | None
    size_bytes: int
    last_used_s: float
    in_use: bool
    problem: str | None
    kind: str = "bundle"
    stale: str | None = None


def list_bundles(folder: Path) -> tuple[Stored, ...]:
    """The bundles below `HOME/bundles`, last used first. Raises OSError."""
    try:
        paths = list(folder.iterdir())
    except FileNotFoundError:
        return ()
    found = [_describe(path) for path in paths if IDENTITY.fullmatch(path.name)]
    return tuple(
        sorted((each for each in found if each), key=lambda each: (-each.last_used_s, each.identity))
    )


def list_leftovers(folder: Path) -> tuple[Path, ...]:
    """What unpacking and removing work on, or was left of it when a process was killed. Raises OSError."""
    try:
        paths = sorted(folder.iterdir())
    except FileNotFoundError:
        return ()
    return tuple(path for path in paths if path.name.startswith((PARTIAL, REMOVED)))


def problem_of(folder: Path, identity: str, sizes: Mapping[str, int | None]) -> str | None:
    """Why a copy is not whole; None if it is. sizes: of its files by name, None where one is not known.

    Sizes tell what a disk lost; hashes would cost reading everything at each start.
    """
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            return "it is no folder"
        if hashlib.sha256(_manifest_bytes(folder)).hexdigest() != identity:
            return "its manifest is not the one that it was unpacked from"
        for name, size_bytes in sizes.items():
            found = (folder / name).lstat()
            if not stat.S_ISREG(found.st_mode):
                return f"{name} is no regular file"
            if size_bytes is not None and found.st_size != size_bytes:
                return f"{name} has {found.st_size:,} bytes instead of {size_bytes:,}"
    except PermissionError:  # not ours to judge, nor to replace
        raise
    except OSError as error:
        return f"{one_line(Path(error.filename or folder).name)}: {error.strerror}"
    return None


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder; what vanishes meanwhile counts nothing."""
    # pathlib has no walk before Python 3.12, and its rglob fails where a folder vanishes.
    return sum(_size_of_file(Path(above, name)) for above, _, names in os.walk(folder) for name in names)


def _size_of_file(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def _describe(folder: Path) -> Stored | None:
    """None for what is no folder, such as a bundle that was removed meanwhile."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return None
    if not stat.S_ISDIR(found.st_mode):
        return None
    manifest, problem = _read_manifest(folder)
    return Stored(
        identity=folder.name,
        folder=folder,
        id=_text(manifest.get("id")),
        version=_text(manifest.get("version")),
        size_bytes=size_of(folder),
        last_used_s=found.st_mtime,
        in_use=is_in_use(folder),
        problem=problem,
    )


def _read_manifest(folder: Path) -> tuple[Mapping[str, object], str | None]:
    """The manifest of a copy, empty where it cannot be read, and why the copy is not whole."""
    try:
        manifest = parse(_manifest_bytes(folder), MANIFEST)
        return manifest, problem_of(folder, folder.name, dict.fromkeys(named_files(manifest)))
    except BundleError as error:
        return {}, str(error)
    except OSError as error:
        return {}, f"{MANIFEST} cannot be read: {error.strerror}"


def _manifest_bytes(folder: Path) -> bytes:
    """At most one byte more than a manifest may have, which is then refused."""
    with (folder / MANIFEST).open("rb") as file:
        return file.read(LIMIT_BYTES + 1)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
