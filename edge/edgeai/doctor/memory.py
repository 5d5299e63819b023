"""Swap, compressed RAM, and whether the kernel keeps limits of memory."""

from __future__ import annotations

from collections.abc import Iterator

from ..measure.conditions import read_zram, swap_used
from ..quantities import bytes_text
from ..sysroot import SysRoot
from .finding import NOTE, WARNING, Finding, unknown
from .patient import Patient

# A kernel puts a few idle pages into swap without any need: below a hundredth of RAM nothing is short.
_SMALL_SHARE = 0.01
_CMDLINES = ("/boot/firmware/cmdline.txt", "/boot/cmdline.txt")


def swap(patient: Patient) -> Iterator[Finding]:
    """Pages in swap now, and zram."""
    root = patient.root
    used = swap_used(root.read_fields("/proc/meminfo"))
    zram = read_zram(root)
    kind = "zram (compressed RAM)" if zram else "swap"
    if used is None:
        yield unknown("how much swap is used cannot be read (/proc/meminfo)", "mount /proc")
    elif used > 0:
        short = used > _SMALL_SHARE * (patient.device.memory_bytes or 0)
        yield Finding(
            WARNING if short else NOTE,
            f"{bytes_text(used)} are in {kind}",
            "a model whose pages went there waits for the CPU to unpack them"
            if zram
            else "a model whose pages went there waits for the disk, which an SD card makes seconds",
            "stop what needs the memory, then: sudo swapoff -a && sudo swapon -a",
        )
    elif zram:
        yield Finding(
            NOTE,
            "zram is set up, and empty now",
            "when memory runs short, compressing it takes CPU time from the model",
            "none needed while memory is free; otherwise: sudo swapoff /dev/zram0",
        )


def memory_cgroup(patient: Patient) -> Iterator[Finding]:
    """Raspberry Pi's firmware switches it off; then systemd's MemoryMax= and docker -m are ignored."""
    enabled = _memory_cgroup(patient.root)
    if enabled is None:
        yield unknown(
            "whether the memory cgroup is on cannot be read (no /proc/cgroups, no /sys/fs/cgroup)",
            "mount /proc and /sys/fs/cgroup",
            "where it is off, limits of memory are not kept",
        )
    elif not enabled:
        file = next((path for path in _CMDLINES if patient.root.exists(path)), _CMDLINES[0])
        mend = (
            f"sudo sed -i '1 s/$/ cgroup_enable=memory cgroup_memory=1/' {file} && sudo reboot"
            if patient.is_pi
            else "start the kernel without cgroup_disable=memory (on Debian: /etc/default/grub)"
        )
        yield Finding(
            WARNING,
            f"the memory cgroup is switched off{_by_whom(patient.root)}",
            "MemoryMax= of a service and `docker run --memory` are ignored: a model that needs too much "
            "takes the whole board down",
            mend,
        )


def _memory_cgroup(root: SysRoot) -> bool | None:
    """As /proc/cgroups says, `memory 4 72 1`; else cgroup v2's list of controllers; else the command line."""
    for line in (root.read_text("/proc/cgroups") or "").splitlines():
        words = line.split()
        if len(words) == 4 and words[0] == "memory" and words[3] in ("0", "1"):
            return words[3] == "1"
    controllers = root.read_text("/sys/fs/cgroup/cgroup.controllers")
    if controllers is not None:
        return "memory" in controllers.split()
    return False if _by_whom(root) else None


def _by_whom(root: SysRoot) -> str:
    # The last word counts: the firmware's cgroup_disable=memory comes before what cmdline.txt says.
    words = [word for word in (root.read_text("/proc/cmdline") or "").split() if word.startswith("cgroup_")]
    state = [word for word in words if word in ("cgroup_disable=memory", "cgroup_enable=memory")]
    return (
        " (cgroup_disable=memory on the kernel's command line)"
        if state[-1:] == ["cgroup_disable=memory"]
        else ""
    )
