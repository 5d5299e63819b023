"""Meters that are found by their names, at a place where no other one works."""

from __future__ import annotations

from pathlib import Path

from edgeai.device import detect
from edgeai.power import Meter, Site, find_meter
from edgeai.sysroot import SysRoot
from edgeai.unavailable import Unavailable

NOWHERE = SysRoot(Path(__file__).parents[2] / "boards/container-without-sys")


def find(name: str) -> Meter | Unavailable:
    return find_meter(Site(NOWHERE, detect(NOWHERE)), name)


def meter(name: str) -> Meter:
    found = find(name)
    assert not isinstance(found, Unavailable), found
    return found


def reason(name: str) -> str:
    found = find(name)
    assert isinstance(found, Unavailable), found
    return found.unavailable
