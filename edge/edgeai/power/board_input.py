"""A monitor at the board's supply through hwmon: INA219, INA226, INA228, INA237, INA238, INA260, POWER-Z.

The driver computes with a shunt that it was told or assumes. A breakout with another one gives watts that are
wrong by the ratio, often 10, so the stated shunt and the driver's are compared, and a difference is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..unavailable import Barred, Unavailable
from .hwmon import HwmonDevice, find_hwmon
from .ina import DEFAULT_SHUNT_OHM, Measured, error_of
from .ina_chips import CHIPS, OWN_SHUNT_OHM
from .meter import COUNTER_J, GAUGE_W, ErrorModel, MeterInfo, Rail
from .shunt import other_shunt, shunt_note
from .supply import chip_at_supply
from .sysfs import MICRO, Channel, SysfsMeter, tried

if TYPE_CHECKING:
    from .meter import Meter, Site

_FIVE_VOLTS = 5.0


def probe(site: Site) -> Meter | Unavailable:
    """The only sensor of these chips, or the one that `--meter hwmon=1-0040` names."""
    devices = _candidates(site)
    if not devices:
        return Unavailable(
            f"no hwmon device is an {', '.join(CHIPS)}",
            "fit one at the board's supply; a Raspberry Pi takes `dtoverlay=i2c-sensor,ina219` in config.txt",
        )
    chosen = chip_at_supply(site, "hwmon", devices, _names)
    if isinstance(chosen, Barred):
        return chosen
    device, stated = chosen
    return _refused(device, stated) or _meter(device, stated)


def _candidates(site: Site) -> list[HwmonDevice]:
    """All such devices, less those whose label is a rail of the board: they have a meter of their own."""
    rails = site.device.profile.rails
    labels = (*rails.total, *rails.inside) if rails else ()
    return [device for device in find_hwmon(site.root, *CHIPS) if device.label not in labels]


def _names(device: HwmonDevice) -> tuple[str, ...]:
    folder = device.path.rpartition("/")[2]
    return tuple(name for name in (device.bus_name, folder, device.label) if name)


def _assumed_shunt(device: HwmonDevice) -> float | None:
    """Ohm that the driver computes with; None where it does not say."""
    micro = device.number("shunt_resistor")
    return micro * MICRO if micro else None


def _refused(device: HwmonDevice, stated: float | None) -> Barred | None:
    if stated is None or CHIPS[device.chip].has_own_shunt:
        return None
    mend = f"echo {round(stated / MICRO)} | sudo tee {device.path}/shunt_resistor"
    return other_shunt(str(device), _assumed_shunt(device), stated, mend)


def _meter(device: HwmonDevice, stated: float | None) -> Meter | Unavailable:
    chip = CHIPS[device.chip]
    channel, kind = _channel(device)
    if channel is None:
        return Unavailable(
            f"the {device} has neither energy1_input, power1_input nor a voltage with a current",
            f"look at `ls {device.path}`; the kernel's driver may be too old",
        )
    assumed = _assumed_shunt(device)
    shunt = OWN_SHUNT_OHM.get(device.chip) or stated or assumed or DEFAULT_SHUNT_OHM
    error = error_of(chip.accuracy, [Measured(shunt, _supply_v(device))])
    if kind == COUNTER_J:
        error = ErrorModel(error.gain, error.offset_w, chip.energy_step_v / shunt, error.source)
    interval = device.number("update_interval")
    update_s = interval / 1000 if interval else chip.update_s
    info = MeterInfo(
        name=f"hwmon={device.bus_name}",
        scope=f"board input ({device})",
        kind=kind,
        rails=(channel.rail,),
        update_s=update_s,
        error=error,
        notes=_notes(device, stated, assumed),
        averages_s=update_s if chip.averages and kind == GAUGE_W else None,
    )
    return tried(
        SysfsMeter(info, (channel,)), f"look with `ls -l {device.path}/` who changed the permissions"
    )


def _channel(device: HwmonDevice) -> tuple[Channel | None, str]:
    """The best that the driver offers: its own energy, its own power, or mV times mA."""
    rail = Rail(device.label or "input")
    if device.number("energy1_input") is not None:
        # 40 bits of at least 64 µJ: years of a board's power, so it is never seen to wrap.
        return Channel(rail, (device.file("energy1_input"),), MICRO), COUNTER_J
    if device.has("power1_input"):
        return Channel(rail, (device.file("power1_input"),), MICRO), GAUGE_W
    voltage = _voltage(device)
    if voltage is None or not device.has("curr1_input"):
        return None, GAUGE_W
    current = device.number("curr1_input") or 0
    # A tester plugged the other way round counts the same current as negative.
    sign = -1 if current < 0 else 1
    return Channel(rail, (device.file(voltage), device.file("curr1_input")), sign * MICRO), GAUGE_W


def _voltage(device: HwmonDevice) -> str | None:
    """The file of the supply's voltage: `in0` is the shunt's on an INA, and VBUS on a POWER-Z."""
    name = "in0_input" if device.chip == "powerz" else "in1_input"
    return name if device.has(name) else None


def _supply_v(device: HwmonDevice) -> float:
    """Volts now, for the error; 5 V where the driver does not say."""
    voltage = _voltage(device)
    return abs(device.number(voltage) or 0) / 1000 or _FIVE_VOLTS if voltage else _FIVE_VOLTS


def _notes(device: HwmonDevice, stated: float | None, assumed: float | None) -> tuple[str, ...]:
    return () if CHIPS[device.chip].has_own_shunt else shunt_note(device.chip, assumed, stated)
