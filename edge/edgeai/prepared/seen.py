"""Files as they were when they were looked at: told again by stamps, and where those differ, by sha256."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path

_SETTLED_S = 2.0
"""A file that was written to less long ago may be written to again within one tick of its time stamp, which
are 2 s on FAT (Git calls that `racy`); then the stamps prove nothing."""
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class FileSeen:
    """A file when it was hashed.

    name: from the folder that it was looked for in. modified_ns, changed_ns: st_mtime and st_ctime; the
    latter cannot be set back by `touch` or `cp -p`. seen_s: when, in seconds since 1970.
    """

    name: str
    size_bytes: int
    sha256: str
    inode: int
    modified_ns: int
    changed_ns: int
    seen_s: float


def see(folder: Path, name: str) -> FileSeen:
    """Hash a file, once or until it holds still. Raises OSError."""
    path = folder / name
    while True:
        seen_s, before = time.time(), path.stat()
        sha256 = hash_file(path)
        after = path.stat()
        if _stamps(before) == _stamps(after):
            break
    return FileSeen(name, after.st_size, sha256, after.st_ino, after.st_mtime_ns, after.st_ctime_ns, seen_s)


def problem_of(folder: Path, seen: FileSeen, *, ours: bool = False) -> str | None:
    """Why a file is not the one that was seen; None if it is. Reads it only where its stamps do not tell.

    ours: nobody but this package wrote it, so that its stamps tell from the start.
    """
    path = folder / seen.name
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return f"{seen.name} is no regular file"
        if found.st_size != seen.size_bytes:
            return f"{seen.name} has {found.st_size:,} bytes instead of {seen.size_bytes:,}"
        if not is_untouched(found, seen, ours=ours) and hash_file(path) != seen.sha256:
            return f"{seen.name} has another content"
    except OSError as error:
        return f"{seen.name}: {error.strerror}"
    return None


def is_untouched(found: os.stat_result, seen: FileSeen, *, ours: bool = False) -> bool:
    """Whether stamps tell that a file is as it was seen; False where they cannot tell."""
    settled = ours or seen.seen_s - max(seen.modified_ns, seen.changed_ns) / 1e9 >= _SETTLED_S
    return settled and _stamps(found) == (seen.size_bytes, seen.inode, seen.modified_ns, seen.changed_ns)


def hash_file(path: Path) -> str:
    """sha256 in hex. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _stamps(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns
