"""Rails of a Jetson by their labels: which of them make the total is in the board's profile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..unavailable import Unavailable
from .ina import INA3221, Measured, error_of
from .meter import GAUGE_W, MeterInfo, Rail
from .sysfs import MICRO, Channel, SysfsMeter, that_answer, tried

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..device import DeviceProfile
    from .hwmon import HwmonDevice
    from .meter import Meter

UNKNOWN_SHUNT_OHM = 0.002
"""Where neither driver nor profile says: the smallest that Jetsons are known to carry (energy.md), so that
offset and resolution are rather too large than too small."""

MODULE_NOTE = (
    "what lies outside of the module (carrier board, fan, drives, USB, the supply's losses) is not counted"
)


@dataclass(frozen=True)
class LabelledRail:
    """A channel of a monitor, and what its error depends on."""

    channel: Channel
    measured: Measured


def is_connected(label: str | None) -> bool:
    """Whether a label stands for a rail: boards call channels without a wire `NC`."""
    return label not in (None, "", "NC")


def hwmon_rails(devices: list[HwmonDevice], profile: DeviceProfile) -> dict[str, LabelledRail]:
    """By label: the three channels of each INA3221 of the hwmon driver, in mV and mA.

    A channel that is not connected or switched off is skipped. `in4` to `in6` are the voltages across the
    shunts and `in7` is their sum, so only `in1` to `in3` are read.
    """
    rails: dict[str, LabelledRail] = {}
    for device in devices:
        for number in (1, 2, 3):
            label = device.text(f"in{number}_label")
            if label is None or not is_connected(label) or device.number(f"in{number}_enable") == 0:
                continue
            files = (device.file(f"in{number}_input"), device.file(f"curr{number}_input"))
            # mV times mA is µW.
            rails[label] = LabelledRail(
                Channel(Rail(label), files, MICRO), _measured(device, number, profile)
            )
    return rails


def module_meter(
    name: str,
    profile: DeviceProfile,
    found: Mapping[str, LabelledRail],
    update_s: float | None,
    averages_s: float | None,
    advice: str,
) -> Meter | Unavailable:
    """The meter over the labels that the profile counts. advice: where this user may not read."""
    if profile.rails is None:
        return no_total(profile, found)
    total = profile.rails.total
    if missing := [label for label in total if label not in found]:
        return missing_rails(profile, missing, found)
    channels = chosen_channels(profile, found)
    info = MeterInfo(
        name,
        f"module ({' + '.join(total)})",
        GAUGE_W,
        tuple(channel.rail for channel in channels),
        update_s,
        error_of(INA3221, [found[label].measured for label in total]),
        notes=(*notes_on_unlisted(profile, found), MODULE_NOTE),
        averages_s=averages_s,
    )
    return tried(SysfsMeter(info, channels), advice)


def chosen_channels(profile: DeviceProfile, found: Mapping[str, LabelledRail]) -> list[Channel]:
    """What the profile counts first, in its order, then all else that was found, not counted."""
    total = profile.rails.total if profile.rails else ()
    rest = [label for label in found if label not in total]
    channels = [
        replace(found[label].channel, rail=Rail(label, counted=label in total))
        for label in (*(label for label in total if label in found), *rest)
    ]
    return that_answer(channels)


def notes_on_unlisted(profile: DeviceProfile, found: Mapping[str, LabelledRail]) -> tuple[str, ...]:
    """A sentence on labels of which nobody says whether they are inside of the total."""
    listed = (*profile.rails.total, *profile.rails.inside) if profile.rails else ()
    unlisted = [label for label in found if label not in listed]
    if not unlisted:
        return ()
    return (f"whether {', '.join(unlisted)} is inside of the total is not known: shown, not counted",)


def no_total(profile: DeviceProfile, found: Mapping[str, LabelledRail]) -> Unavailable:
    """Rails without a total: never guessed."""
    return Unavailable(
        f"the board has rails {', '.join(found)}, and {profile.id} does not say which make its total",
        "name the board, as in `--device jetson-orin-nano`, or add [power.rails] to "
        f"devices/{profile.id}.toml (devices/README.md)",
    )


def missing_rails(
    profile: DeviceProfile, missing: list[str], found: Mapping[str, LabelledRail]
) -> Unavailable:
    """A total of which a part is not there would be too small."""
    return Unavailable(
        f"{profile.id} counts {', '.join(missing)}, which cannot be found among the rails "
        f"{', '.join(found) or '(none)'}",
        "correct [power.rails] of the board's profile, or measure at the supply",
    )


def update_interval_s(devices: list[HwmonDevice]) -> float | None:
    """The slowest chip's interval. With averaging, an INA3221's values move at each conversion, and lag."""
    known = [interval for device in devices if (interval := device.number("update_interval"))]
    return max(known) / 1000 if known else None


def usual_shunt_ohm(profile: DeviceProfile) -> float:
    """What stands beside the board's INA3221 where the driver does not say."""
    figure = profile.shunts_ohm.get("ina3221")
    return figure.value if figure else UNKNOWN_SHUNT_OHM


def _measured(device: HwmonDevice, number: int, profile: DeviceProfile) -> Measured:
    shunt = device.number(f"shunt{number}_resistor")
    millivolts = device.number(f"in{number}_input") or 0
    return Measured(shunt * MICRO if shunt else usual_shunt_ohm(profile), abs(millivolts) / 1000)
