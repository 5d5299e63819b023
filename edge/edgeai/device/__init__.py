"""Which board this is and what it can do: profiles from `devices/*.toml`, and detection from /proc and /sys.

Standard library only: `edgeai.load` comes through here each time.
"""

from __future__ import annotations

from .cpus import default_threads, usable_cpus
from .detect import Device, cpu_flags, detect, detect_profile
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
