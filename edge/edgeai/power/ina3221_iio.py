"""INA3221 of Jetsons with JetPack 4, through iio: the rails of the module by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..unavailable import Barred, Unavailable
from .ina import Measured
from .jetson_rails import LabelledRail, is_connected, module_meter, usual_shunt_ohm
from .meter import Rail
from .permission import rules_advice
from .sysfs import MICRO, MILLI, Channel, is_denied

if TYPE_CHECKING:
    from ..sysroot import SysRoot
    from .meter import Meter, Site

_DEVICES = "/sys/bus/i2c/drivers/ina3221x/*/iio:device*"


def probe(site: Site) -> Meter | Unavailable:
    """The sum of the names that the profile lists."""
    names = site.root.glob(f"{_DEVICES}/rail_name_[0-2]")
    if not names:
        return Unavailable(
            "there is no INA3221 under /sys/bus/i2c/drivers/ina3221x",
            "Jetsons with JetPack 4 have it; in a container, mount /sys of the host",
        )
    if denied := [name for name in names if is_denied(site.root.at(name))]:
        return Barred(f"{denied[0]} may not be read by this user", rules_advice("iio"))
    shunt_ohm = usual_shunt_ohm(site.device.profile)
    found = {label: rail for name in names for label, rail in _rails(site.root, name, shunt_ohm)}
    return module_meter("ina3221-iio", site.device.profile, found, None, None, rules_advice("iio"))


def _rails(root: SysRoot, name_file: str, shunt_ohm: float) -> list[tuple[str, LabelledRail]]:
    """The rail of a `rail_name_N`: from its mW, or from mV and mA where the driver gives no power."""
    label = root.read_text(name_file)
    if label is None or not is_connected(label):
        return []
    folder, _, number = name_file.rpartition("/rail_name_")
    power, voltage, current = (
        f"{folder}/in_{what}{number}_input" for what in ("power", "voltage", "current")
    )
    files, scale = ((power,), MILLI) if root.exists(power) else ((voltage, current), MICRO)
    channel = Channel(Rail(label), tuple(root.at(file) for file in files), scale)
    supply_v = abs(root.read_int(voltage) or 0) / 1000
    return [(label, LabelledRail(channel, Measured(shunt_ohm, supply_v)))]
