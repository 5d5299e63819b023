"""What `detect` tells of a machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .profile import DeviceProfile
    from .warnings import Caution


@dataclass(frozen=True)
class Device:
    """A machine as detected. What cannot be read is None, and a warning says so."""

    profile: DeviceProfile
    matched_by: str
    """Such as `compatible raspberrypi,5-model-b` or `architecture x86_64`."""
    model: str | None
    """The device tree's model, or else DMI's product name or the CPU's name."""
    machine: str
    """The kernel's architecture, as `uname -m` prints it."""
    userland_bits: int | None
    """32 or 64: of the running interpreter, or of the system in a captured tree."""
    cores: int
    """Online logical CPUs."""
    physical_cores: int | None
    features: tuple[str, ...]
    """CPU flags seen among those that matter to int8 and half floats."""
    memory_bytes: int | None
    """MemTotal: what the kernel manages, less than what is soldered on."""
    os: str | None
    kernel: str | None
    l4t: str | None
    """NVIDIA's Linux for Tegra, such as `36.4.3`."""
    cautions: tuple[Caution, ...]
    """What a user should know before trusting a number from this machine."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """The cautions as lines: each says what is the matter and what to do."""
        return tuple(caution.text for caution in self.cautions)
