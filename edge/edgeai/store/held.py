"""Folders of the store in use."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .locks import NO_LOCKS, FolderLock, lock_folder

if TYPE_CHECKING:
    from typing_extensions import Self

_DAY_S = 24 * 3600.0


@dataclass
class Held:
    """A folder of the store in use, such as a bundle: `gc` of any process leaves it alone until `close`, or
    until this process ends.

    written_bytes: how much was written to unpack it; 0 where the store had it.
    """

    folder: Path
    written_bytes: int = 0
    _lock: FolderLock | None = field(default=None, repr=False)

    def close(self) -> None:
        """Let it go."""
        if self._lock is not None:
            self._lock.close()

    def is_current(self) -> bool:
        """Whether what is held still is what its path leads to; True where the file system has no locks."""
        return self._lock is None or self._lock.is_of(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def hold_folder(folder: Path, written_bytes: int = 0) -> Held | None:
    """Hold a folder; None where it is not there any more. Raises OSError."""
    try:
        lock = lock_folder(folder, shared=True)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return Held(folder, written_bytes)  # `gc` can lock nothing there either, and so removes nothing
    return None if lock is None else Held(folder, written_bytes, lock)


def is_in_use(folder: Path) -> bool:
    """Whether a process holds a folder."""
    try:
        lock = lock_folder(folder, wait=False)
    except OSError:  # no folder, or a file system without locks
        return False
    if lock is None:
        return folder.exists()
    lock.close()
    return False


def note_use(folder: Path) -> None:
    """At most once a day, and never back: a board without a clock starts in 1970. A store that cannot be
    written is used all the same."""
    now_s = time.time()
    with contextlib.suppress(OSError):
        if now_s - folder.stat().st_mtime > _DAY_S:
            os.utime(folder, (now_s, now_s))
