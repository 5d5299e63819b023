"""A process that we start does not outlive us."""

from __future__ import annotations

import ctypes
import signal
from typing import Any

from ..sysroot import SysRoot


def die_with_parent() -> None:
    """Be killed when the launcher dies, and be the kernel's first choice when memory runs out."""
    set_parent_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
    libc: Any = ctypes.CDLL(None)
    libc.prctl(set_parent_death_signal, signal.SIGKILL)
    SysRoot().write_text("/proc/self/oom_score_adj", "1000")
