"""Which other programs used the CPU while we measured, so that a warning can name them."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

Key = tuple[int, float]  # pid and start time: pids are used again
# The kernel tells the time of boot in whole seconds and starts in ticks, so a start looks up to this early.
_EARLY_S = 1.02


@dataclass(frozen=True)
class Snapshot:
    """CPU seconds so far of every process outside our own tree, by name, and who was in our tree.

    time_s: monotonic clock; epoch_s: the wall clock, which start times are told in.
    """

    time_s: float
    epoch_s: float
    ours: frozenset[Key]
    others: dict[Key, tuple[str, float]]


def snapshot() -> Snapshot:
    """Look at all processes once."""
    seen: dict[Key, tuple[str, float]] = {}
    parents: dict[Key, int] = {}
    for process in psutil.process_iter():
        try:
            with process.oneshot():
                key = process.pid, process.create_time()
                parent, name, times = process.ppid(), process.name(), process.cpu_times()
        except psutil.Error:  # it ended, or is not ours to look at
            continue
        parents[key] = parent
        seen[key] = name, times.user + times.system
    ours = _tree(os.getpid(), parents)
    others = {key: used for key, used in seen.items() if key not in ours}
    return Snapshot(time.monotonic(), time.time(), ours, others)


def used_between(before: Snapshot, after: Snapshot) -> dict[str, float]:
    """CPUs used on average by name, of the processes that are still there at the second snapshot.

    A process that started in between counts from its start. One that was ours stays ours when its parent
    ends and the system adopts it.
    """
    wall_s = max(after.time_s - before.time_s, 1e-9)
    used: dict[str, float] = {}
    for key, (name, cpu_s) in after.others.items():
        if key in before.others:
            since_s = before.others[key][1]
        elif key not in before.ours and key[1] >= before.epoch_s - _EARLY_S:
            since_s = 0.0
        else:  # ours once, or older but hidden at the first snapshot: what it used since is unknown
            continue
        used[name] = used.get(name, 0.0) + (cpu_s - since_s) / wall_s
    return {name: cpus for name, cpus in used.items() if cpus > 0}


def _tree(top: int, parents: Mapping[Key, int]) -> frozenset[Key]:
    """The process with that pid and all below it."""
    children: dict[int, list[Key]] = {}
    for key, parent in parents.items():
        children.setdefault(parent, []).append(key)
    found = {key for key in parents if key[0] == top}
    left = list(found)
    while left:
        new = [key for key in children.get(left.pop()[0], ()) if key not in found]
        found.update(new)
        left.extend(new)
    return frozenset(found)
