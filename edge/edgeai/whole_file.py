"""Files that are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(out: Path, content: bytes) -> None:
    """Write beside and rename, so that nobody finds half a file, whatever happens.

    Of a link, what it points to. What is no file, as /dev/null, /dev/stdout or a pipe, is written to and
    never replaced: root would take it from all the machine.
    """
    real = Path(os.path.realpath(out))
    if out.exists() and (not real.is_file() or out.is_relative_to("/dev/fd") or out.parent == Path("/dev")):
        with out.open("ab") as stream:
            stream.write(content)
        return
    beside = real.with_name(f".{real.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(real)
    finally:
        beside.unlink(missing_ok=True)
