"""How many bytes were ever written for prepared models: an SD card wears with them."""

from __future__ import annotations

from pathlib import Path

from ..bundle.archive import write_new
from .sealed import MOST_BYTES, Damaged, OtherSchema, seal, unseal

_NAME, _KIND, _SCHEMA = "written.json", "edgeai.prepared.written", 1


def written_ever(prepared: Path) -> int | None:
    """Bytes; None where nothing was written yet, or where the file that says it is damaged."""
    try:
        with _place(prepared).open("rb") as file:
            count = unseal(_KIND, _SCHEMA, file.read(MOST_BYTES)).get("bytes")
    except (OSError, Damaged, OtherSchema):
        return None
    return count if isinstance(count, int) else None


def add_written(prepared: Path, count_bytes: int, least_bytes: int, partial: Path) -> None:
    """Count some more. least_bytes: what was written at least, where the count so far is lost.

    partial: a folder on the same disk that somebody cleans, should this process be killed.
    The caller holds `store.collect.exclusive(prepared)`. Raises OSError.
    """
    before = written_ever(prepared)
    total = count_bytes + (least_bytes if before is None else before)
    write_new(partial / _NAME, [seal(_KIND, _SCHEMA, {"bytes": total})], sync=True)
    (partial / _NAME).replace(_place(prepared))


def _place(prepared: Path) -> Path:
    return prepared / _NAME
