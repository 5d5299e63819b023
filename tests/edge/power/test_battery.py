"""A laptop's battery: only while it discharges, and only the machine's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeai.power import Meter, ReadFailed, find_meter
from edgeai.unavailable import Barred, Unavailable
from tests.edge.power.board_sites import copied, site, site_at, write

BATTERY = "sys/class/power_supply/BAT0"


def opened(tree: Path) -> Meter:
    found = find_meter(site_at(tree), "battery")
    assert not isinstance(found, Unavailable), found
    return found


def test_a_discharging_battery_tells_the_machines_watts_and_a_mouse_does_not_count(tmp_path: Path) -> None:
    meter = opened(copied("x86-64-laptop", tmp_path))
    assert meter.read() == (7.342,)
    assert [rail.name for rail in meter.info.rails] == ["BAT0"]
    assert meter.info.scope == "whole machine (battery)"


def test_a_charging_battery_tells_nothing_and_says_to_unplug() -> None:
    found = find_meter(site("x86-64-laptop-charging"))
    assert found == Barred(
        "a battery tells the machine's power only while it discharges: BAT0 is Charging", "unplug the supply"
    )


@pytest.mark.parametrize("current", [1500000, -1500000])
def test_without_power_now_it_is_current_times_voltage_whatever_its_sign(
    current: int, tmp_path: Path
) -> None:
    tree = copied("x86-64-laptop-charging", tmp_path)
    write(tree, f"{BATTERY}/status", "Discharging")
    write(tree, f"{BATTERY}/current_now", current)
    assert opened(tree).read() == (17.1,)  # 1.5 A x 11.4 V


def test_a_charger_plugged_in_while_measuring_is_a_gap(tmp_path: Path) -> None:
    tree = copied("x86-64-laptop", tmp_path)
    meter = opened(tree)
    write(tree, f"{BATTERY}/status", "Charging")
    with pytest.raises(ReadFailed, match="BAT0 is now Charging"):
        meter.read()


def test_a_second_battery_that_takes_over_is_a_gap_and_not_a_smaller_sum(tmp_path: Path) -> None:
    tree = copied("x86-64-laptop", tmp_path)
    for name, value in (("type", "Battery"), ("status", "Not charging"), ("power_now", 0)):
        write(tree, f"sys/class/power_supply/BAT1/{name}", value)
    meter = opened(tree)
    assert meter.read() == (7.342,)
    write(tree, "sys/class/power_supply/BAT1/status", "Discharging")
    with pytest.raises(ReadFailed, match="BAT1 is now Discharging"):
        meter.read()
    assert len(opened(tree).info.rails) == 2
