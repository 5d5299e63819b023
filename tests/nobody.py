"""Without root's powers for a stretch of a test: the kernel itself refuses what it refuses users."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOBODY = 65534  # user `nobody` on Debian


@contextmanager
def as_nobody() -> Iterator[None]:
    """File accesses are those of `nobody`. Where tests run as a user, they are refused already."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
