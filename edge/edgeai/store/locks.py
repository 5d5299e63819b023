"""Locks of folders by flock: freed by the kernel, whatever becomes of the process, and leaving no files."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self


NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.EBADF})
"""What flock says on file systems that cannot lock folders; EBADF is NFS's word for it."""


class FolderLock:
    """A lock that is held until `close`, the end of a `with` block, or the end of the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def close(self) -> None:
        """Free the lock."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def is_of(self, folder: Path) -> bool:
        """Whether what is locked still is what this path leads to."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), folder.lstat())
        except FileNotFoundError:
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def lock_folder(folder: Path, *, shared: bool = False, wait: bool = True) -> FolderLock | None:
    """Lock a folder; None where it is not there (any more), or where another holds it and `wait` is False.

    While one waited, the folder may have been renamed or removed: then the lock is of something that is no
    longer at this path, and counts for nothing. Raises OSError, also for a link in the folder's place.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    lock = FolderLock(descriptor)
    try:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
        is_current = lock.is_of(folder)
    except BlockingIOError:
        is_current = False
    except BaseException:
        lock.close()
        raise
    if is_current:
        return lock
    lock.close()
    return None
