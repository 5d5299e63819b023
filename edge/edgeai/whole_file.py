"""Files that are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(out: Path, content: bytes) -> None:
    """Write beside and rename, so that nobody finds half a file, whatever happens."""
    beside = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(out)
    finally:
        beside.unlink(missing_ok=True)
