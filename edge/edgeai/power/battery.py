"""A laptop's battery: what leaves it is what the whole machine takes, while nothing else feeds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..unavailable import Barred, Unavailable
from .meter import GAUGE_W, ErrorModel, MeterInfo, Rail, ReadFailed
from .sysfs import read_number, tried

if TYPE_CHECKING:
    from ..sysroot import SysRoot
    from .meter import Meter, Site

DISCHARGING = "Discharging"

_ERROR = ErrorModel(
    gain=0.05,
    offset_w=0.0,
    lsb=0.01,
    source="makers publish no accuracy of battery gauges: 5 % is assumed; steps of 1 mA at 10 V are usual",
)


def probe(site: Site) -> Meter | Unavailable:
    """All batteries of the machine together."""
    batteries = _batteries(site.root)
    if not batteries:
        return Unavailable("this machine has no battery that tells its power", "measure at the supply")
    active = tuple(battery for battery in batteries if battery.status() == DISCHARGING)
    if not active:
        states = ", ".join(f"{battery.name} is {battery.status()}" for battery in batteries)
        return Barred(
            f"a battery tells the machine's power only while it discharges: {states}", "unplug the supply"
        )
    return tried(BatteryMeter(batteries, active), "look with `ls -l /sys/class/power_supply/*/`")


@dataclass(frozen=True)
class _Battery:
    root: SysRoot
    path: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def status(self) -> str:
        return self.root.read_text(f"{self.path}/status") or "in an unknown state"

    def power_w(self) -> float:
        """What leaves it. Some drivers count that as negative. Raises ReadFailed."""
        if self.root.exists(f"{self.path}/power_now"):
            return abs(read_number(self.root.at(f"{self.path}/power_now"))) / 1e6
        microamperes = read_number(self.root.at(f"{self.path}/current_now"))
        return abs(microamperes * read_number(self.root.at(f"{self.path}/voltage_now"))) / 1e12


class BatteryMeter:
    """active: those that discharged when it was opened. Once that changes a read fails: the sum would lie."""

    def __init__(self, batteries: tuple[_Battery, ...], active: tuple[_Battery, ...]) -> None:
        self._batteries, self._active = batteries, active
        self.info = MeterInfo(
            name="battery",
            scope="whole machine (battery)",
            kind=GAUGE_W,
            rails=tuple(Rail(battery.name) for battery in active),
            update_s=None,
            error=_ERROR,
            notes=("batteries update their figures slowly, and the screen is counted too",),
        )

    def read(self) -> tuple[float, ...]:
        """Watts of each battery. Raises ReadFailed, also once a charger is plugged in."""
        for battery in self._batteries:
            status = battery.status()
            if (status == DISCHARGING) != (battery in self._active):
                raise ReadFailed(f"{battery.name} is now {status}")
        return tuple(battery.power_w() for battery in self._active)

    def close(self) -> None:
        """Nothing is held."""


def _batteries(root: SysRoot) -> tuple[_Battery, ...]:
    """Batteries of the machine itself: one of a mouse or a headset has the scope `Device`."""
    found = []
    for path in root.glob("/sys/class/power_supply/*"):
        is_battery = root.read_text(f"{path}/type") == "Battery"
        is_own = root.read_text(f"{path}/scope") != "Device"
        if is_battery and is_own and any(root.exists(f"{path}/{name}_now") for name in ("power", "current")):
            found.append(_Battery(root, path))
    return tuple(found)
