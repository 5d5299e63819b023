"""INA219, 220, 226, 230 and 231 behind the kernel's IIO driver `ina2xx-adc`, which Debian's kernels carry.

Channels, as drivers/iio/adc/ina2xx-adc.c numbers them: in_voltage0 the shunt and in_voltage1 the bus (mV),
in_power2 (mW), in_current3 (mA). Each is `raw x scale`; the scales of power and current hold the shunt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..unavailable import Barred, Unavailable
from .ina import DEFAULT_SHUNT_OHM, Measured, error_of
from .ina_chips import CHIPS
from .meter import GAUGE_W, MeterInfo, Rail
from .shunt import other_shunt, shunt_note
from .supply import chip_at_supply
from .sysfs import MICRO, MILLI, Channel, SysfsMeter, tried

if TYPE_CHECKING:
    from ..sysroot import SysRoot
    from .meter import Meter, Site

_DRIVER_KNOWS = ("ina219", "ina220", "ina226", "ina230", "ina231")
_FIVE_VOLTS = 5.0


def probe(site: Site) -> Meter | Unavailable:
    """The only chip that is there, or the one that `--meter iio-ina2xx=1-0040` names."""
    devices = find_iio(site.root)
    if not devices:
        return Unavailable(
            "no INA219 or INA226 of the kernel's driver ina2xx-adc is here",
            "wire one into the board's supply and name it to the kernel: "
            "`echo ina226 0x40 | sudo tee /sys/bus/i2c/devices/i2c-1/new_device`",
        )
    chosen = chip_at_supply(site, "iio-ina2xx", devices, lambda device: (device.bus_name, device.folder))
    if isinstance(chosen, Barred):
        return chosen
    device, stated = chosen
    mend = f"echo {stated} | sudo tee {device.path}/in_shunt_resistor"
    return other_shunt(str(device), device.shunt_ohm, stated, mend) or _meter(device, stated)


@dataclass(frozen=True)
class IioDevice:
    """One folder of /sys/bus/iio/devices. bus_name: its I2C address, as `1-0040`."""

    root: SysRoot
    path: str
    chip: str
    bus_name: str

    @property
    def folder(self) -> str:
        """As `iio:device0`."""
        return self.path.rpartition("/")[2]

    @property
    def shunt_ohm(self) -> float | None:
        """What the driver computes with. Drivers of before Linux 4.16 give whole microohms."""
        text = self.root.read_text(f"{self.path}/in_shunt_resistor")
        number = self.number("in_shunt_resistor")
        return number * MICRO if number and text and "." not in text else number

    def number(self, name: str) -> float | None:
        """A file's decimal number, or None."""
        try:
            return float(self.root.read_text(f"{self.path}/{name}") or "")
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.chip} at {self.bus_name}"


def find_iio(root: SysRoot) -> list[IioDevice]:
    """The chips of this driver, by their bus names."""
    found = []
    for path in root.glob("/sys/bus/iio/devices/iio:device*"):
        chip = root.read_text(f"{path}/name")
        if chip in _DRIVER_KNOWS and root.exists(f"{path}/in_power2_raw"):
            found.append(IioDevice(root, path, chip, root.at(path).resolve().parent.name))
    return sorted(found, key=lambda device: device.bus_name)


def _meter(device: IioDevice, stated: float | None) -> Meter | Unavailable:
    scale_mw = device.number("in_power2_scale")
    if not scale_mw:
        return Unavailable(
            f"the {device} has no in_power2_scale, so its counts are no watts",
            f"look at `ls {device.path}`; the kernel's driver may be too old",
        )
    assumed = device.shunt_ohm
    millivolts = (device.number("in_voltage1_raw") or 0) * (device.number("in_voltage1_scale") or 0)
    measured = Measured(stated or assumed or DEFAULT_SHUNT_OHM, millivolts * MILLI or _FIVE_VOLTS)
    # The chip's own product of voltage and current: one file, and both of one conversion.
    channel = Channel(Rail("input"), (device.root.at(f"{device.path}/in_power2_raw"),), scale_mw * MILLI)
    update_s = _update_s(device)
    info = MeterInfo(
        name=f"iio-ina2xx={device.bus_name}",
        scope=f"board input ({device})",
        kind=GAUGE_W,
        rails=(channel.rail,),
        update_s=update_s,
        averages_s=update_s if CHIPS[device.chip].averages else None,
        error=error_of(CHIPS[device.chip].accuracy, [measured]),
        notes=shunt_note(device.chip, assumed, stated),
    )
    advice = f"look with `ls -l {device.path}/` who changed the permissions"
    return tried(SysfsMeter(info, (channel,)), advice)


def _update_s(device: IioDevice) -> float | None:
    """Both conversions, as often as the chip averages. in_sampling_frequency is that in whole hertz."""
    shunt_s, bus_s = (device.number(f"in_voltage{channel}_integration_time") for channel in (0, 1))
    averaged = device.number("in_oversampling_ratio") or 1  # the INA219 does not average
    return (shunt_s + bus_s) * averaged if shunt_s and bus_s else None
