"""Which board this is and what it can do: profiles from `devices/*.toml`, and detection from /proc and /sys.

Standard library only: `edgeai.load` comes through here each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .cpus import default_threads, usable_cpus

if TYPE_CHECKING:
    from .detecting import cpu_flags, detect, detect_profile
    from .machine import Device
    from .profile import (
        Accelerator,
        Cluster,
        DeviceProfile,
        Figure,
        Match,
        PowerBudget,
        PowerRails,
        Sensors,
        load_profile,
        parse_profile,
        profile_ids,
    )
    from .warnings import Caution

__all__ = [
    "Device",
    "DeviceProfile",
    "detect",
    "detect_profile",
    "cpu_flags",
    "load_profile",
    "parse_profile",
    "profile_ids",
    "default_threads",
    "usable_cpus",
    "Accelerator",
    "Caution",
    "Cluster",
    "Figure",
    "Match",
    "PowerBudget",
    "PowerRails",
    "Sensors",
]

# Found on first use: a prepared model is opened without a look at the board's profile.
_LAZY = {
    **dict.fromkeys(("cpu_flags", "detect", "detect_profile"), "detecting"),
    "Device": "machine",
    "Caution": "warnings",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'edgeai.device' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f".{_LAZY.get(name, 'profile')}", __name__), name)
