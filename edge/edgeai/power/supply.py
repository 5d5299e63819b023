"""Which of a board's sensor chips is at its supply, and the shunt that is stated for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from ..errors import EdgeError, one_line
from ..unavailable import Barred
from .shunt import stated_shunt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .meter import Site


class Chip(Protocol):
    """A device of a driver."""

    @property
    def bus_name(self) -> str:
        """What stays from boot to boot: the I2C address `1-0040`."""

    @property
    def chip(self) -> str:
        """The driver's name of it."""


C = TypeVar("C", bound=Chip)


def chip_at_supply(
    site: Site, meter: str, devices: Sequence[C], names: Callable[[C], tuple[str, ...]]
) -> tuple[C, float | None] | Barred:
    """The only device, or the one that `--meter METER=NAME` names, and its shunt in ohm where one is stated.

    devices: one at least. names: what a device may be called.
    """
    chosen = [device for device in devices if site.address is None or site.address in names(device)]
    if len(chosen) != 1:
        found = ", ".join(str(device) for device in devices)
        wrong = f"none of them is {one_line(site.address)!r}" if site.address else "which is at the supply?"
        return Barred(
            f"there are sensors {found}, and {wrong}",
            f"name the one at the board's supply: `--meter {meter}={devices[0].bus_name}`",
        )
    try:
        return chosen[0], stated_shunt(site, chosen[0].chip)
    except EdgeError as error:  # the unit's own file is wrong, or another unit's
        return Barred(one_line(error, 400), "correct or remove that file")
