"""Folders of the store that are being made: beside their place, and one process at a time."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from .contents import PARTIAL
from .locks import FolderLock, lock_folder


@contextlib.contextmanager
def partial_folder(folder: Path) -> Iterator[Path]:
    """An empty folder beside one of the store, for the one process that works on that.

    It goes away at the end, unless the work was to rename it.
    """
    partial = folder.with_name(PARTIAL + folder.name)
    partial.parent.mkdir(parents=True, exist_ok=True)
    with _locked(partial) as lock:
        try:
            _empty(partial)  # of what a killed process left
            yield partial
        finally:
            if lock.is_of(partial):  # not of a new one, on which another process works by now
                shutil.rmtree(partial, ignore_errors=True)


def _locked(partial: Path) -> FolderLock:
    """Make the folder and lock it, again and again where the process that had it has finished."""
    while True:
        with contextlib.suppress(FileExistsError):  # mkdir(exist_ok=True) fails where it vanishes meanwhile
            partial.mkdir()
        try:
            lock = lock_folder(partial)
        except OSError:  # a file system without locks
            with contextlib.suppress(OSError):
                partial.rmdir()
            raise
        if lock is not None:
            return lock


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
