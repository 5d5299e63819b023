"""Opens a file for reading, and never waits on a pipe or a device that stands where a file was meant."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from .errors import InputError, one_line

if TYPE_CHECKING:
    from typing import BinaryIO


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """A regular file, opened for reading bytes. Raises InputError for everything else, at once."""
    shown = one_line(path)
    try:
        # A pipe that nobody writes to would hold up an ordinary open(); a regular file takes no notice.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        _refuse(shown, error)
    try:
        check_regular(shown, os.fstat(descriptor).st_mode)
    except InputError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def file_mode(path: Path) -> int | None:
    """`st_mode` of what a path leads to; None where there is nothing. Raises InputError on failure."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        _refuse(one_line(path), error)


def check_regular(shown: str, mode: int) -> None:
    """Raise InputError unless this is the mode of a regular file. shown: the path, as errors show it."""
    if stat.S_ISDIR(mode):
        raise InputError(f"{shown} is a folder; give a file")
    if not stat.S_ISREG(mode):
        raise InputError(f"{shown} is a pipe or a device, not a regular file; pipe it in and give - instead")


def _refuse(shown: str, error: OSError | ValueError) -> NoReturn:
    if isinstance(error, FileNotFoundError):
        raise InputError(f"{shown}: no such file; check the path") from None
    # ValueError: a NUL byte in the path, which Python words differently from version to version.
    reason = error.strerror if isinstance(error, OSError) else "a NUL in its name"
    raise InputError(f"{shown} cannot be read: {reason}; check the path and who may read it") from None
