"""Where bundles are kept: whether they outlive a boot, and whether there is room."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from ..errors import one_line
from ..quantities import bytes_text
from ..sysroot import SysRoot
from .finding import BROKEN, WARNING, Finding, unknown
from .patient import Patient

_IN_RAM = ("tmpfs", "ramfs")
_ELSEWHERE = "set EDGEAI_HOME to a folder on a disk"
# Flash that is nearly full wears faster and slows down, as its controller has few free blocks: 5 % is what
# ext4 keeps back for root too (mke2fs -m). Below the other a bundle of ordinary size cannot be unpacked.
_LEAST_SHARE = 0.05
_LEAST_BYTES = 100e6
_MMC_MAJOR = "179"  # kernel, Documentation/admin-guide/devices.txt


@dataclass(frozen=True)
class Mount:
    """A line of /proc/self/mountinfo (proc_pid_mountinfo(5))."""

    point: PurePosixPath
    options: tuple[str, ...]
    type: str
    super_options: tuple[str, ...]
    is_card: bool
    """On an SD card or eMMC."""


def store(patient: Patient) -> Iterator[Finding]:
    """A store on tmpfs, on an overlay whose upper layer is in RAM, or on a disk that is mounted read-only."""
    mount = _mount_of_store(patient)
    if patient.store is None:
        yield Finding(
            WARNING,
            "there is no folder to keep bundles in (no home folder)",
            "packed bundles cannot be opened",
            "set EDGEAI_HOME to a folder",
        )
    elif mount is None:
        yield unknown(
            "what the store lies on cannot be read (/proc/self/mountinfo)", "mount /proc", "it may be in RAM"
        )
    elif mount.type in _IN_RAM:
        yield _volatile(patient, f"on a {mount.type}, which is RAM", _ELSEWHERE)
    elif mount.type == "overlay":
        yield from _overlay(patient, mount)
    elif "ro" in mount.options:
        yield Finding(
            WARNING,
            f"the store ({one_line(patient.store)}) is on a disk that is mounted read-only",
            "no bundle can be unpacked there",
            f"sudo mount -o remount,rw {mount.point}, or {_ELSEWHERE} that can be written",
        )


def disk(patient: Patient) -> Iterator[Finding]:
    """Free room where the store lies."""
    room, mount = patient.disk, _mount_of_store(patient)
    if room is None or room.total_bytes == 0:
        yield unknown(
            "how full the disk is cannot be told"
            + ("" if patient.runs_here else " (a captured tree has no disk)"),
            "look on the board itself: df -h",
            "a full disk stops the store and logs",
        )
    elif room.free_bytes < max(_LEAST_SHARE * room.total_bytes, _LEAST_BYTES):
        on_card = mount is not None and mount.is_card
        wears = " and an SD card wears faster and slows down" if on_card else ""
        yield Finding(
            BROKEN if room.free_bytes < _LEAST_BYTES else WARNING,
            f"the {'SD card' if on_card else 'disk'} of the store is nearly full: "
            f"{bytes_text(room.free_bytes)} of {bytes_text(room.total_bytes)} are free",
            f"bundles cannot be unpacked{wears}",
            "edgeai store gc --all, or set EDGEAI_HOME to a folder on another disk",
        )


def mounts(root: SysRoot) -> tuple[Mount, ...]:
    """All mounts that this process sees, in their order: a later one covers an earlier one."""
    lines = (root.read_text("/proc/self/mountinfo") or "").splitlines()
    return tuple(filter(None, map(_mount, lines)))


def mount_of(path: PurePosixPath, among: tuple[Mount, ...]) -> Mount | None:
    """The mount that a path lies on: the deepest point above it, and of several there the last."""
    above = [mount for mount in among if path.is_relative_to(mount.point)]
    deepest = max((len(mount.point.parts) for mount in above), default=0)
    return next((mount for mount in reversed(above) if len(mount.point.parts) == deepest), None)


def _mount_of_store(patient: Patient) -> Mount | None:
    if patient.store is None:
        return None
    return mount_of(PurePosixPath(patient.store), mounts(patient.root))


def _overlay(patient: Patient, mount: Mount) -> Iterator[Finding]:
    """An overlay keeps what is written in its upper folder, which may be RAM, or a container's."""
    upper = next(
        (o.removeprefix("upperdir=") for o in mount.super_options if o.startswith("upperdir=")), None
    )
    below = None if upper is None else mount_of(PurePosixPath(upper), mounts(patient.root))
    if upper is None:
        yield _volatile(patient, "on an overlay that cannot be written", _ELSEWHERE)
    elif (below is not None and below.type in _IN_RAM) or _boots_into_ram(patient.root):
        yield _volatile(
            patient,
            "on an overlay whose upper layer is in RAM",
            f"{_ELSEWHERE}; on a Raspberry Pi: sudo raspi-config nonint do_overlayfs 1 && sudo reboot",
        )
    elif below is None or below.type == "overlay":  # a container: its upper folder is the host's
        yield _volatile(
            patient,
            "on the overlay of a container",
            "mount a volume for it: docker run -v edgeai:/var/lib/edgeai -e EDGEAI_HOME=/var/lib/edgeai ...",
        )


def _boots_into_ram(root: SysRoot) -> bool:
    """Whether the kernel was told so, by raspi-config (old and new) or by Debian's overlayroot."""
    words = (root.read_text("/proc/cmdline") or "").split()
    return "boot=overlay" in words or any(word.startswith("overlayroot=tmpfs") for word in words)


def _volatile(patient: Patient, where: str, mend: str) -> Finding:
    return Finding(
        WARNING,
        f"the store ({one_line(patient.store)}) is {where}",
        "bundles have to be unpacked again after each boot or container, and RAM holds them meanwhile"
        if "RAM" in where
        else "bundles have to be unpacked again after each boot or container",
        mend,
    )


def _mount(line: str) -> Mount | None:
    """`36 35 98:0 /root /mnt rw,noatime master:1 - ext4 /dev/root rw,errors=continue`; None for another."""
    left, dash, right = line.partition(" - ")
    fields, rest = left.split(" "), right.split(" ")
    if not dash or len(fields) < 6 or len(rest) < 3:
        return None
    return Mount(
        point=PurePosixPath(_unescaped(fields[4])),
        options=tuple(fields[5].split(",")),
        type=rest[0],
        super_options=tuple(_unescaped(option) for option in rest[-1].split(",")),
        is_card=fields[2].partition(":")[0] == _MMC_MAJOR or "mmcblk" in rest[1],
    )


def _unescaped(text: str) -> str:
    """Space, tab, newline and backslash are octal: `\\040`."""
    return re.sub(r"\\([0-3][0-7]{2})", lambda found: chr(int(found[1], 8)), text)
