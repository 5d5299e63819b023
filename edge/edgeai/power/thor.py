"""The power input of a Jetson Thor: an INA238 named VIN, in µW, and the module's rails of an INA3221.

A GPU rail that rests can read a few mW below 0, which is the monitor's offset: it is shown as read, since
cutting it off at 0 would lift the mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..unavailable import Unavailable
from .hwmon import find_hwmon
from .ina import Measured, error_of
from .ina_chips import CHIPS
from .jetson_rails import (
    LabelledRail,
    chosen_channels,
    hwmon_rails,
    missing_rails,
    no_total,
    notes_on_unlisted,
    update_interval_s,
)
from .meter import GAUGE_W, MeterInfo, Rail
from .sysfs import MICRO, Channel, SysfsMeter, tried

if TYPE_CHECKING:
    from .hwmon import HwmonDevice
    from .meter import Meter, Site

_CHIP = CHIPS["ina238"]
_THOR_SHUNT_OHM = 0.002
"""Not published where it could be checked: assumed small, so that the offset is rather too large."""


def probe(site: Site) -> Meter | Unavailable:
    """The labelled INA238 that the profile counts as the board's input."""
    profile = site.device.profile
    inputs = {device.label: device for device in find_hwmon(site.root, "ina238") if device.label}
    if not inputs:
        return Unavailable(
            "there is no INA238 with a label under /sys/class/hwmon",
            "Jetson Thor has it, named VIN; in a container, mount /sys of the host",
        )
    found = {str(label): _input(str(label), device) for label, device in inputs.items()}
    found |= hwmon_rails(find_hwmon(site.root, "ina3221"), profile)
    if profile.rails is None:
        return no_total(profile, found)
    total = profile.rails.total
    if missing := [label for label in total if label not in inputs]:
        return missing_rails(profile, missing, found)
    channels = chosen_channels(profile, found)
    update_s = update_interval_s(list(inputs.values())) or _CHIP.update_s
    info = MeterInfo(
        name="thor",
        scope=f"board input ({' + '.join(total)})",
        kind=GAUGE_W,
        rails=tuple(channel.rail for channel in channels),
        update_s=update_s,
        error=error_of(_CHIP.accuracy, [found[label].measured for label in total]),
        notes=notes_on_unlisted(profile, found),
        averages_s=update_s,
    )
    return tried(
        SysfsMeter(info, channels), "look with `ls -l /sys/class/hwmon/*/` who changed the permissions"
    )


def _input(label: str, device: HwmonDevice) -> LabelledRail:
    channel = Channel(Rail(label), (device.file("power1_input"),), MICRO)
    shunt = device.number("shunt_resistor")
    volts = abs(device.number("in1_input") or 0) / 1000
    return LabelledRail(channel, Measured(shunt * MICRO if shunt else _THOR_SHUNT_OHM, volts or 20.0))
