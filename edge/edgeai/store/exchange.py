"""Puts a folder in another's place by one call of the kernel: at any moment one of the two is there."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
from pathlib import Path

from .collect import retire
from .contents import REMOVED

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
"""renameat2(2), since Linux 3.15 and glibc 2.28; ext4, xfs, btrfs, f2fs, tmpfs and since 6.0 FAT know it."""


def put(new: Path, place: Path) -> None:
    """Rename a folder to its place; what was there becomes a leftover. The caller holds `exclusive`.

    Where the kernel or the disk cannot exchange folders, there is nothing in the place for a moment.
    Raises OSError.
    """
    if not os.path.lexists(place):
        new.rename(place)
        return
    # Under the name of a leftover, so that nobody takes the old one for what is being made.
    waiting = place.with_name(f"{REMOVED}{place.name}-{secrets.token_hex(4)}")
    new.rename(waiting)
    if not _exchange(waiting, place):
        retire(place)
        waiting.rename(place)


def _exchange(one: Path, other: Path) -> bool:
    with contextlib.suppress(AttributeError, OSError):  # another libc, another system
        library = ctypes.CDLL(None, use_errno=True)
        names = (_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other))
        return bool(library.renameat2(*names, _RENAME_EXCHANGE) == 0)
    return False
