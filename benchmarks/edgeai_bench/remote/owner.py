"""Whose a job is: told so that another process of the same machine can see whether its owner still lives."""

from __future__ import annotations

from pathlib import Path

import psutil

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_PIDS = Path("/proc/self/ns/pid")


def this_owner(purpose: str) -> str:
    """One word: the boot and the PID namespace, the process with its start, and what it does it for."""
    process = psutil.Process()
    return f"{_machine()}/{process.pid}/{process.create_time():.2f}/{purpose}"


def is_alive(owner: str) -> bool | None:
    """Whether the owner's process lives; None where that cannot be told: it is another machine's."""
    parts = owner.split("/", 3)
    if len(parts) != 4 or parts[0] != _machine() or not parts[1].isdecimal():
        return None
    try:
        return f"{psutil.Process(int(parts[1])).create_time():.2f}" == parts[2]
    except psutil.Error:
        return False


def _machine() -> str:
    """A PID means a process only together with these. After a reboot it is another one."""
    try:
        return f"{_BOOT.read_text().strip()}.{_PIDS.readlink()}"
    except OSError:
        return "unknown"
