"""What checks look at: a machine or a captured tree, its Python packages, and where its store lies."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from ..device import Device, detect
from ..errors import StoreError
from ..home import SYSTEM_HOME, home_folder
from ..sysroot import SysRoot
from .installed import Distribution, distributions_here, distributions_of_tree


@dataclass(frozen=True)
class Disk:
    """Room on the file system that holds the store."""

    total_bytes: int
    free_bytes: int
    """For users without privileges."""


@dataclass(frozen=True)
class Patient:
    """Everything that a check may look at; None is unknown.

    distributions: what Python finds, the first of a name wins. store: as a path on the device.
    disk, now_s (seconds since 1970): of this machine only. runs_here: a child process can be started.
    """

    root: SysRoot
    device: Device
    distributions: tuple[Distribution, ...] | None
    store: Path | None
    disk: Disk | None
    now_s: float | None
    runs_here: bool

    @property
    def is_jetson(self) -> bool:
        """By the profile, or by NVIDIA's release file where a container hides the board."""
        return self.device.profile.id.startswith("jetson") or self.device.l4t is not None

    @property
    def is_pi(self) -> bool:
        """A Raspberry Pi, which the firmware watches."""
        return bool(self.device.profile.match.pi_revision_types)


def patient_here() -> Patient:
    """This machine, in this Python."""
    store = _store()
    return Patient(
        root=SysRoot(),
        device=detect(),
        distributions=distributions_here(),
        store=store,
        disk=None if store is None else _disk(store),
        now_s=time.time(),
        runs_here=True,
    )


def patient_of_tree(tree: Path) -> Patient:
    """A captured tree: nothing can be run, and what the clock and the disk say is not in it."""
    root = SysRoot(tree)
    return Patient(
        root=root,
        device=detect(root),
        distributions=distributions_of_tree(root),
        store=SYSTEM_HOME,
        disk=None,
        now_s=None,
        runs_here=False,
    )


def _store() -> Path | None:
    try:
        return home_folder().resolve()
    except (StoreError, OSError, RuntimeError):  # a loop of links
        return None


def _disk(store: Path) -> Disk | None:
    """Of the nearest folder that is there: the store is made when the first bundle comes."""
    for folder in (store, *store.parents):
        try:
            found = os.statvfs(folder)
        except OSError:
            continue
        return Disk(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)
    return None
