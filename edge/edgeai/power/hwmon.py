"""Finding hwmon devices by the name of their chip: their numbers change from boot to boot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..sysroot import SysRoot

_CLASS = "/sys/class/hwmon/hwmon*"


@dataclass(frozen=True)
class HwmonDevice:
    """One folder of /sys/class/hwmon. path: as on the device. label: the device's own, None on most."""

    root: SysRoot
    path: str
    chip: str
    label: str | None
    bus_name: str
    """What stays from boot to boot: the I2C address `1-0040`; else the folder's name."""

    def has(self, name: str) -> bool:
        """Whether there is such a file, readable or not."""
        return self.root.exists(f"{self.path}/{name}")

    def file(self, name: str) -> Path:
        """Where a file of it lies."""
        return self.root.at(f"{self.path}/{name}")

    def number(self, name: str) -> int | None:
        """A file's whole number, or None."""
        return self.root.read_int(f"{self.path}/{name}")

    def text(self, name: str) -> str | None:
        """A file's text, or None."""
        return self.root.read_text(f"{self.path}/{name}")

    def __str__(self) -> str:
        return f"{self.chip} at {self.bus_name}"


def find_hwmon(root: SysRoot, *chips: str) -> list[HwmonDevice]:
    """The devices of these chips, by their bus names."""
    found = []
    for path in root.glob(_CLASS):
        chip = root.read_text(f"{path}/name")
        if chip in chips:
            label = root.read_text(f"{path}/label")
            found.append(HwmonDevice(root, path, chip, label, _bus_name(root, path)))
    return sorted(found, key=lambda device: device.bus_name)


def _bus_name(root: SysRoot, path: str) -> str:
    """The class's link leads to `.../1-0040/hwmon/hwmon3`, of 1-0040; else the `device` link says so."""
    real = root.at(path).resolve()
    if real.parent.name == "hwmon" and real.parent.parent.name != "class":
        return real.parent.parent.name
    device = root.at(f"{path}/device")
    return device.resolve().name if device.is_symlink() else real.name
