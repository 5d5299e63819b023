"""The phases of a measuring process: how long each took, and what RAM and storage it cost."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..sysroot import SysRoot
from .memory import read_disk_bytes, read_memory, reset_peak
from .protocol import Phase

Say = Callable[..., None]
"""Tells the launcher of an event: its name, and fields."""


class Phases:
    """Times phases one after the other and reads RAM and disk at the end of each."""

    def __init__(self, root: SysRoot, say: Say) -> None:
        self.ended: list[Phase] = []
        self._root, self._say = root, say
        self._disk = self._since_ns = 0

    def begin(self, name: str) -> None:
        """Start a phase, and tell the launcher."""
        self._say("phase", name=name)
        reset_peak(self._root)
        self._disk = read_disk_bytes(self._root) or 0
        self._since_ns = time.perf_counter_ns()

    def end(self, name: str, since_ns: int | None = None, until_ns: int | None = None) -> float:
        """End a phase, and give its seconds; it may have begun, and be over, before this object was made."""
        now_ns = until_ns or time.perf_counter_ns()
        duration_s = (now_ns - (since_ns or self._since_ns)) / 1e9
        memory = read_memory(self._root)
        disk = read_disk_bytes(self._root)
        self.ended.append(Phase(name, duration_s, memory, None if disk is None else disk - self._disk))
        return duration_s
