"""Failures of the disk in words: what failed, where, and what to do."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import EdgeError, StoreError, one_line
from .locks import NO_LOCKS

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_MAKE_ROOM = "make room there (`edgeai store gc --all`), or set EDGEAI_HOME to a folder on another disk"

_ADVICE = {
    **dict.fromkeys(_FULL, _MAKE_ROOM),
    errno.EACCES: "set EDGEAI_HOME to a folder that this user may write",
    errno.EPERM: "set EDGEAI_HOME to a folder that this user may write",
    errno.EROFS: "set EDGEAI_HOME to a folder on a disk that can be written",
    errno.ENOTDIR: "a file stands where a folder belongs: remove it, or set EDGEAI_HOME",
    errno.EEXIST: "a file stands where a folder belongs: remove it, or set EDGEAI_HOME",
    **dict.fromkeys(NO_LOCKS, "the disk knows no locks (flock): set EDGEAI_HOME to a folder on a local one"),
}


@contextlib.contextmanager
def said_as_store_error(what: str, folder: Path) -> Iterator[None]:
    """Turn a failure of the system into a StoreError. what: failed, such as `X cannot be unpacked`."""
    try:
        yield
    except EdgeError:  # some are an OSError too
        raise
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "check the disk, or set EDGEAI_HOME to a folder on another")
        reason = one_line(error.strerror or error)
        raise StoreError(f"{what} in {one_line(folder)}: {reason}; {advice}") from None


def check_room(what: str, folder: Path, needed_bytes: int) -> None:
    """Raise StoreError if a disk has less free than needed. One that does not say how large it is passes."""
    disk = os.statvfs(folder)
    free_bytes = disk.f_bavail * disk.f_frsize
    if disk.f_blocks and free_bytes < needed_bytes:
        raise StoreError(
            f"{what} in {one_line(folder)}: it needs {needed_bytes / 1e6:,.1f} MB and "
            f"{free_bytes / 1e6:,.1f} MB are free; {_MAKE_ROOM}"
        )
