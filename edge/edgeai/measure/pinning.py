"""Which CPUs two programs share while they are compared.

Left to the scheduler, one of them may live on a core whose neighbour is busy, and the other on a quiet one:
on a shared VM with two cores a program differed from itself by 17 % then, and by 1 % on the same core.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..sysroot import SysRoot


def shared_cpus(threads: int, pair: int, allowed: Iterable[int], root: SysRoot) -> tuple[int, ...]:
    """As many CPUs as threads, the fastest kind where there are several; the next pair gets the next ones.

    Empty, for all that are allowed, where there are no more than threads.
    """
    every = sorted(allowed)
    fastest = fastest_cpus(every, root)
    cpus = fastest if len(fastest) >= threads else every
    if len(cpus) <= threads:
        return () if cpus == every else tuple(cpus)
    start = pair * threads
    return tuple(sorted(cpus[(start + place) % len(cpus)] for place in range(threads)))


def fastest_cpus(cpus: list[int], root: SysRoot) -> list[int]:
    """Those with the highest clock; all where the kernel does not say."""
    known: dict[int, int] = {}
    for cpu in cpus:
        text = root.read_text(f"/sys/devices/system/cpu/cpu{cpu}/cpufreq/cpuinfo_max_freq") or ""
        known[cpu] = int(text) if text.strip().isdecimal() else 0
    return [cpu for cpu in cpus if known[cpu] == max(known.values())]
