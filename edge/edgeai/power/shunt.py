"""The shunt that a driver computes with, against the one that is soldered in: watts are off by the ratio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..unavailable import Barred
from .unit import load_unit

if TYPE_CHECKING:
    from .meter import Site

_SAME = 0.01
"""Older drivers give back a shunt that went through a 16-bit register: off by up to 0.2 % at 0.1 ohm."""


def stated_shunt(site: Site, chip: str) -> float | None:
    """Ohm, as this unit's file or else the board's profile says; None where neither does.

    Raises EdgeError for a unit's file that is wrong or another unit's.
    """
    unit = load_unit(site.root, site.device)
    if unit is not None and chip in unit.shunts_ohm:
        return unit.shunts_ohm[chip]
    figure = site.device.profile.shunts_ohm.get(chip)
    return figure.value if figure else None


def other_shunt(sensor: str, assumed: float | None, stated: float | None, mend: str) -> Barred | None:
    """Why the sensor's watts cannot be taken; None where the shunts agree, or one of them is not known.

    sensor: as `ina219 at 1-0040`. assumed: the driver's ohm. mend: the command that tells the driver.
    """
    if stated is None or assumed is None or abs(stated / assumed - 1) <= _SAME:
        return None
    return Barred(
        f"the driver of the {sensor} computes with a shunt of {assumed:g} ohm, and it is {stated:g} ohm: its "
        f"watts are {stated / assumed:.4g} times what flows",
        f"`{mend}`, or state it in the device tree (shunt-resistor)",
    )


def shunt_note(chip: str, assumed: float | None, stated: float | None) -> tuple[str, ...]:
    """What a reader has to know where the two could not be compared."""
    if assumed is None:
        return ("the driver does not say which shunt it computes with, so it is not checked",)
    if stated is None:
        return (
            f"the driver computes with a shunt of {assumed:g} ohm, and nobody states the real one: state it "
            f"as [power.shunts_ohm] {chip} in /etc/edgeai/unit.toml",
        )
    return ()
