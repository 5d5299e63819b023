"""How many cores this process may use, and how many threads a model should get."""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ..sysroot import SysRoot, whole_number

if TYPE_CHECKING:
    from .profile import DeviceProfile

THIS_MACHINE = SysRoot()

_CPUS = "/sys/devices/system/cpu"
_MOST_CPUS = 1 << 16
"""More than any kernel is built for (NR_CPUS is 8192 at most): a longer list is garbage."""


def usable_cpus(root: SysRoot = THIS_MACHINE) -> int:
    """Physical cores that this process may use, at least 1.

    Counts the CPUs of the scheduler's affinity (for the real root; a captured tree gives its online CPUs),
    SMT siblings once, and no more than the CPU quota (rounded up) of the cgroups, v1 or v2, around it.
    """
    cores = physical_cores(root, _allowed(root))
    quota = _cgroup_cpus(root)
    return max(1, cores if quota is None else min(cores, ceil(quota)))


def default_threads(profile: DeviceProfile, root: SysRoot = THIS_MACHINE) -> int:
    """The profile's threads, or else its performance cores, capped at the usable cores."""
    usable = usable_cpus(root)
    wanted = profile.threads or profile.performance_cores
    return usable if wanted is None else min(wanted, usable)


def online_cpus(root: SysRoot) -> frozenset[int]:
    """Numbers of the online logical CPUs; empty where neither /sys nor /proc tells."""
    listed = parse_cpu_list(root.read_text(f"{_CPUS}/online") or "")
    if listed:
        return listed
    lines = (root.read_text("/proc/cpuinfo") or "").splitlines()
    numbers = (line.partition(":")[2].strip() for line in lines if line.startswith("processor"))
    return frozenset(number for number in map(whole_number, numbers) if number is not None)


def physical_cores(root: SysRoot, cpus: frozenset[int]) -> int:
    """How many cores these logical CPUs are; one whose siblings cannot be read counts as a core."""
    return len({_siblings(root, cpu) & cpus or frozenset({cpu}) for cpu in cpus})


def one_of_each_core_first(root: SysRoot, cpus: frozenset[int]) -> tuple[int, ...]:
    """The CPUs in the order in which work meets the fewest shared cores: SMT siblings come last."""
    return tuple(sorted(cpus, key=lambda cpu: (sorted(_siblings(root, cpu) | {cpu}).index(cpu), cpu)))


def topology_is_known(root: SysRoot, cpus: frozenset[int]) -> bool:
    """Whether /sys tells which CPUs are siblings."""
    return bool(cpus) and all(_siblings(root, cpu) for cpu in cpus)


def parse_cpu_list(text: str) -> frozenset[int]:
    """`0-3,8` as numbers; empty where the text is no such list."""
    cpus: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        low, high = whole_number(first), whole_number(last or first)
        if low is None or high is None or high > _MOST_CPUS:
            return frozenset()
        cpus.update(range(low, high + 1))
    return frozenset(cpus)


def is_this_machine(root: SysRoot) -> bool:
    """Whether the root is the running system, so that what the interpreter knows of itself applies."""
    return root.path == Path("/")


def _allowed(root: SysRoot) -> frozenset[int]:
    if is_this_machine(root):
        if hasattr(os, "sched_getaffinity"):
            return frozenset(os.sched_getaffinity(0))
        return frozenset(range(os.cpu_count() or 1))  # macOS, where a workstation may develop
    return online_cpus(root)


def _siblings(root: SysRoot, cpu: int) -> frozenset[int]:
    # Since Linux 5.3 `core_cpus_list`; before, and still, `thread_siblings_list`.
    folder = f"{_CPUS}/cpu{cpu}/topology"
    text = root.read_text(f"{folder}/core_cpus_list") or root.read_text(f"{folder}/thread_siblings_list")
    return parse_cpu_list(text or "")


def _cgroup_cpus(root: SysRoot) -> float | None:
    """The tightest CPU quota, in CPUs, of the cgroups around this process; None without one."""
    quotas = [_quota_v2(root, folder) for folder in _cgroup_folders(root, "")]
    quotas += [_quota_v1(root, folder) for folder in _cgroup_folders(root, "cpu")]
    return min((quota for quota in quotas if quota is not None), default=None)


def _cgroup_folders(root: SysRoot, controller: str) -> list[str]:
    """The process's cgroup and all above it, for v2 (no controller) or a v1 hierarchy.

    In a container without its own cgroup namespace the path is the host's and is not there; the top folder
    is then the container's own, and is always in the list.
    """
    mounts = {"": ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")}.get(
        controller, (f"/sys/fs/cgroup/{controller}", f"/sys/fs/cgroup/{controller},cpuacct")
    )
    group = PurePosixPath(_cgroup_path(root, controller))
    paths = [str(path).strip("/") for path in (group, *group.parents)]
    return [f"{mount}/{path}".rstrip("/") for mount in mounts for path in paths]


def _cgroup_path(root: SysRoot, controller: str) -> str:
    """The path in a line of /proc/self/cgroup: `0::/user.slice` (v2), `4:cpu,cpuacct:/docker/1f` (v1)."""
    for line in (root.read_text("/proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller in controllers.split(",") and path.startswith("/"):
            return path
    return "/"


def _quota_v2(root: SysRoot, folder: str) -> float | None:
    """`cpu.max` is `QUOTA PERIOD` in microseconds, or `max PERIOD`."""
    words = (root.read_text(f"{folder}/cpu.max") or "").split()
    quota, period = map(whole_number, words) if len(words) == 2 else (None, None)
    return None if quota is None or not period else quota / period


def _quota_v1(root: SysRoot, folder: str) -> float | None:
    """`cpu.cfs_quota_us` is -1 without a limit."""
    quota = root.read_int(f"{folder}/cpu.cfs_quota_us")
    period = root.read_int(f"{folder}/cpu.cfs_period_us")
    return quota / period if quota is not None and quota > 0 and period else None
