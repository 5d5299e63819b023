"""How long each CPU was busy since boot, as /proc/stat counts it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..sysroot import SysRoot

ALL = "cpu"
"""Name of the line that sums all CPUs."""


@dataclass(frozen=True)
class CpuTimes:
    """Seconds since boot. stolen_s: the hypervisor ran somebody else. whole_s: busy, stolen and idle."""

    busy_s: float
    stolen_s: float
    whole_s: float


def cpu_times(root: SysRoot) -> dict[str, CpuTimes]:
    """By name: `cpu` of all together, `cpu0` and on of each that is online. Empty where it cannot be read.

    Columns: user nice system idle iowait irq softirq steal; guest is inside user already, iowait is idle
    (proc_stat(5)). In ticks of 10 ms: what user space sees is 1/100 s on every architecture of ours.
    """
    tick_s = 1 / os.sysconf("SC_CLK_TCK")
    times = {}
    for line in (root.read_text("/proc/stat") or "").splitlines():
        name, *columns = line.split()[:9] or [""]
        if not re.fullmatch(r"cpu\d*", name):
            break  # the CPUs come first, and thousands of interrupts follow
        if len(columns) == 8 and all(column.isdecimal() for column in columns):
            user, nice, system, idle, iowait, irq, softirq, steal = map(int, columns)
            busy = user + nice + system + irq + softirq
            times[name] = CpuTimes(busy * tick_s, steal * tick_s, (busy + steal + idle + iowait) * tick_s)
    return times


def busy_between(before: Mapping[str, CpuTimes], after: Mapping[str, CpuTimes]) -> float:
    """Busy seconds of all CPUs between two looks. One that came or went in between counts for nothing."""
    both = before.keys() & after.keys() - {ALL}
    return sum(max(0.0, after[cpu].busy_s - before[cpu].busy_s) for cpu in both)


class BusyCores:
    """How many CPUs' worth of time was spent since it was made.

    clock: seconds that only rise. begin_s, end_s: by it, when it was made and when it was last asked.
    """

    def __init__(self, root: SysRoot, clock: Callable[[], float] = time.monotonic) -> None:
        self._root, self._clock = root, clock
        self._first, self.begin_s = cpu_times(root), clock()
        self.end_s = self.begin_s

    def __call__(self) -> float | None:
        """None where the kernel does not tell, or no time has passed."""
        now, self.end_s = cpu_times(self._root), self._clock()
        if now == self._first or self.end_s <= self.begin_s:
            return None
        return busy_between(self._first, now) / (self.end_s - self.begin_s)
