"""Which other programs used the CPU while we measured, so that a warning can name them."""

from __future__ import annotations

import os
import time

import psutil

Snapshot = tuple[float, dict[tuple[int, float], tuple[str, float]]]


def snapshot() -> Snapshot:
    """CPU seconds of every process outside our own tree, by (pid, start time), and when that was."""
    ours = {os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}
    seen: dict[tuple[int, float], tuple[str, float]] = {}
    for process in psutil.process_iter():
        if process.pid in ours:
            continue
        try:
            with process.oneshot():
                times = process.cpu_times()
                seen[process.pid, process.create_time()] = (process.name(), times.user + times.system)
        except psutil.Error:  # it ended, or is not ours to look at
            continue
    return time.monotonic(), seen


def used_between(before: Snapshot, after: Snapshot) -> dict[str, float]:
    """CPUs used on average by name, of processes that were there at both times."""
    wall_s = max(after[0] - before[0], 1e-9)
    used: dict[str, float] = {}
    for key, (name, cpu_s) in after[1].items():
        if key in before[1]:
            used[name] = used.get(name, 0.0) + (cpu_s - before[1][key][1]) / wall_s
    return {name: cpus for name, cpus in used.items() if cpus > 0}
