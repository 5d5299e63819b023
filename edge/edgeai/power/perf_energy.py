"""RAPL through the kernel's perf events `power/energy-pkg/` and `power/energy-ram/`.

For machines whose powercap files are closed and whose perf is open (`kernel.perf_event_paranoid`), or that
lack the powercap driver. The counts start at 0 when the meter is opened.
"""

from __future__ import annotations

import ctypes
import os
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..device.cpus import is_this_machine, parse_cpu_list
from ..unavailable import Barred, Unavailable
from .meter import COUNTER_J, MeterInfo, Rail, ReadFailed
from .rapl_accuracy import UPDATE_S, error_of_packages
from .sysfs import tried

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..sysroot import SysRoot
    from .meter import Meter, Site

    Opener = Callable[[int, int, int], int]
    """Type of the PMU, config, CPU -> a file of 64-bit counts. Raises OSError."""

PMU = "/sys/bus/event_source/devices/power"

_SYSCALL = {"x86_64": 298, "aarch64": 241}
"""perf_event_open: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h."""

_ATTR_BYTES = 64
"""PERF_ATTR_SIZE_VER0 of include/uapi/linux/perf_event.h: type, size, config, zeros. All kernels take it."""

_CLOSE_ON_EXEC = 8  # PERF_FLAG_FD_CLOEXEC


@dataclass(frozen=True)
class _Event:
    """One event of the PMU on one CPU, which stands for its package."""

    label: str
    config: int
    cpu: int
    joules: float
    """Of one count."""


def probe(site: Site) -> Meter | Unavailable:
    """The packages and their memory, where this process may count on all CPUs."""
    if not is_this_machine(site.root):
        return Unavailable("perf counts in the running kernel, not in a captured tree", "run on the machine")
    return open_meter(site.root, perf_event_open)


def open_meter(root: SysRoot, opener: Opener) -> Meter | Unavailable:
    """The meter of the PMU at a root; `opener` does the system call."""
    kind = root.read_int(f"{PMU}/type")
    packages = _events(root, "energy-pkg", "package")
    if kind is None or not packages:
        return Unavailable(
            f"{PMU} has no event energy-pkg in joules",
            "on an Intel or AMD machine `sudo modprobe rapl` may bring it; virtual machines do not show it",
        )
    memory = _events(root, "energy-ram", "dram")
    events = (*packages, *memory)
    files: list[int] = []
    try:
        files += [opener(kind, event.config, event.cpu) for event in packages]
        files += [opener(kind, event.config, event.cpu) for event in memory]
    except OSError as error:
        for file in files:
            os.close(file)
        return _refused(error)
    scope = f"{len(packages)} packages" if len(packages) > 1 else "package"
    info = MeterInfo(
        name="perf",
        scope=f"{scope} + dram" if memory else scope,
        kind=COUNTER_J,
        rails=tuple(Rail(event.label) for event in events),
        update_s=UPDATE_S,
        error=error_of_packages(root),
        notes=("drives, fans and the supply's losses are not counted",),
    )
    return tried(PerfMeter(info, files, [event.joules for event in events]), "")


class PerfMeter:
    """Events that are open: a file each, whose 64-bit count is read whole."""

    def __init__(self, info: MeterInfo, files: list[int], joules: list[float]) -> None:
        self.info = info
        self._files, self._joules = files, joules

    def read(self) -> tuple[float, ...]:
        """Joules of each rail since it was opened. Raises ReadFailed."""
        if not self._files:
            raise ReadFailed("the perf events are closed")
        return tuple(_count(file) * joules for file, joules in zip(self._files, self._joules, strict=True))

    def close(self) -> None:
        """Close the events."""
        while self._files:
            os.close(self._files.pop())


def perf_event_open(kind: int, config: int, cpu: int) -> int:
    """Count an event on a CPU for all processes. Raises OSError as the kernel says."""
    number = _SYSCALL.get(os.uname().machine)
    if number is None:
        raise OSError(38, "the number of perf_event_open is not known for this architecture")
    attributes = ctypes.create_string_buffer(struct.pack("IIQ", kind, _ATTR_BYTES, config), _ATTR_BYTES)
    every_process, no_group = -1, -1
    libc = ctypes.CDLL(None, use_errno=True)
    file: int = libc.syscall(
        ctypes.c_long(number),
        attributes,
        ctypes.c_long(every_process),
        ctypes.c_long(cpu),
        ctypes.c_long(no_group),
        ctypes.c_ulong(_CLOSE_ON_EXEC),
    )
    if file < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return file


def _events(root: SysRoot, name: str, label: str) -> list[_Event]:
    """The event on each CPU of the PMU's mask, one a package; none where it is absent or not in joules."""
    terms = root.read_text(f"{PMU}/events/{name}")
    scale = root.read_text(f"{PMU}/events/{name}.scale")
    if terms is None or scale is None or root.read_text(f"{PMU}/events/{name}.unit") != "Joules":
        return []
    event = re.fullmatch(r"event=(0x[0-9a-f]+|\d+)", terms)
    place = re.match(r"config:(\d+)", root.read_text(f"{PMU}/format/event") or "config:0-7")
    cpus = sorted(parse_cpu_list(root.read_text(f"{PMU}/cpumask") or ""))
    if event is None or place is None:
        return []
    config = int(event[1], 0) << int(place[1])
    several = len(cpus) > 1
    return [_Event(f"{label} of cpu {cpu}" if several else label, config, cpu, float(scale)) for cpu in cpus]


def _count(file: int) -> int:
    try:
        (count,) = struct.unpack("Q", os.read(file, 8))
    except OSError as error:
        raise ReadFailed(f"a perf event cannot be read: {error.strerror}") from None
    except struct.error:  # an event in error state reads as end of file: perf_event_open(2)
        raise ReadFailed("a perf event reads as ended") from None
    return int(count)


def _refused(error: OSError) -> Unavailable:
    if isinstance(error, PermissionError):
        return Barred(
            "perf_event_open of power/energy-pkg/ is not allowed to this user",
            "`sudo sysctl kernel.perf_event_paranoid=0`, or give the program CAP_PERFMON",
        )
    return Unavailable(
        f"perf_event_open of power/energy-pkg/ fails: {error.strerror}",
        "a container's seccomp profile may block it; run on the host",
    )
