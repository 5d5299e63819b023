"""Where an export works: a folder that one process holds, so that an export that was stopped goes on."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from edgeai.errors import ExportError, one_line
from edgeai.home import home_folder

from .request import Request

_LOCK = ".lock"
_FORGOTTEN_S = 7 * 24 * 3600.0
"""An export that nobody took up again for a week is not taken up any more; its files are hundreds of MB."""


@contextmanager
def workplace(request: Request) -> Iterator[Path]:
    """The folder of this request; gone once the export is done, there again after one that was stopped.

    A folder that the user named (`Request.work`) stays. Raises ExportError where it cannot be written, or
    where another process is at the same export.
    """
    folder = request.work or _own(request)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ExportError(
            f"{one_line(folder)} cannot be written: {error.strerror}; "
            "name a folder with --work, or set EDGEAI_HOME"
        ) from error
    with os.fdopen(lock):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ExportError(
                f"another process is at this export already (it holds {one_line(folder)}); "
                "wait for it, or name another folder with --work"
            ) from None
        os.utime(folder)
        yield folder
        if request.work is None:
            shutil.rmtree(folder, ignore_errors=True)


def _own(request: Request) -> Path:
    """By all that was asked for, and where from: the same words in another folder are another export."""
    parent = home_folder() / "exports"
    _forget_old(parent)
    words = json.dumps([os.getcwd(), asdict(request)], default=str, sort_keys=True)  # noqa: PTH109 - as a string
    return parent / hashlib.sha256(words.encode()).hexdigest()[:16]


def _forget_old(parent: Path) -> None:
    for folder in parent.glob("*"):
        with suppress(OSError), (folder / _LOCK).open() as lock:
            if time.time() - folder.stat().st_mtime > _FORGOTTEN_S:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
