"""How much RAM this process may still take: what the kernel can give, and what its control groups allow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from ..sysroot import whole_number
from .cpus import THIS_MACHINE

if TYPE_CHECKING:
    from ..sysroot import SysRoot

_UNLIMITED = 1 << 60
"""Control groups of version 1 without a limit say 2^63 less a page."""


@dataclass(frozen=True)
class FreeMemory:
    """Bytes that can be had without swap. why: what sets the limit, such as `MemAvailable`.

    swap_bytes: what swap could take beside; a group's own limits of swap are not read.
    """

    bytes: int
    why: str
    swap_bytes: int = 0


def free_memory(root: SysRoot = THIS_MACHINE) -> FreeMemory | None:
    """The least of MemAvailable and of what the groups of this process leave; None where none is readable.

    Of what a group uses, the pages of files that were not touched lately count as free: the kernel drops
    them before it kills. Takes a fifth of a millisecond.
    """
    fields = root.read_fields("/proc/meminfo")
    available, swap = _kib(fields, "MemAvailable"), _kib(fields, "SwapFree") or 0
    found = [] if available is None else [FreeMemory(available, "MemAvailable", swap)]
    found += [FreeMemory(max(0, left), f"the memory limit of {group}", swap) for group, left in _left(root)]
    return min(found, key=lambda each: each.bytes, default=None)


def _left(root: SysRoot) -> Iterator[tuple[str, int]]:
    """Of each group with a limit, from the mount down to that of this process."""
    for line in (root.read_text("/proc/self/cgroup") or "").splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if not controllers:
            names, mount = ("memory.max", "memory.current", "inactive_file"), "/sys/fs/cgroup"
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            mount = f"/sys/fs/cgroup/{controllers}"
        else:
            continue
        # A container of version 1 is told its path on the host, but mounts its own group at the top.
        for group in accumulate(filter(None, path.split("/")), "{}/{}".format, initial=mount):
            limit, used = (root.read_int(f"{group}/{name}") for name in names[:2])
            if limit is not None and used is not None and limit < _UNLIMITED:
                yield group, limit - used + _stat(root, group, names[2])


def _stat(root: SysRoot, group: str, key: str) -> int:
    for line in (root.read_text(f"{group}/memory.stat") or "").splitlines():
        name, _, value = line.partition(" ")
        if name == key:
            return whole_number(value) or 0
    return 0


def _kib(fields: dict[str, str], key: str) -> int | None:
    words = fields.get(key, "").split()
    number = whole_number(words[0]) if words else None
    return None if number is None else number * 1024
