"""INA3221 of Jetsons with JetPack 5 and later, through hwmon: the rails of the module by label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..unavailable import Unavailable
from .hwmon import find_hwmon
from .jetson_rails import hwmon_rails, module_meter, update_interval_s

if TYPE_CHECKING:
    from .meter import Meter, Site

_ADVICE = "the driver's files are everybody's; look with `ls -l /sys/class/hwmon/*/` who changed them"


def probe(site: Site) -> Meter | Unavailable:
    """The sum of the labels that the profile names."""
    devices = find_hwmon(site.root, "ina3221")
    if not devices:
        return Unavailable(
            "there is no INA3221 under /sys/class/hwmon",
            "Jetsons with JetPack 5 or later have it; in a container, mount /sys of the host",
        )
    found = hwmon_rails(devices, site.device.profile)
    update_s = update_interval_s(devices)
    # Without averaging a value is of one conversion of about 1 ms, and what happened between two is not seen.
    averages = all((device.number("samples") or 1) > 1 for device in devices)
    averages_s = update_s if averages else None
    return module_meter("ina3221", site.device.profile, found, update_s, averages_s, _ADVICE)
