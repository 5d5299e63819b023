"""Monitors at a board's supply: exact watts, the shunt that must be the right one, and which of several."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeai.power import COUNTER_J, GAUGE_W, Meter, find_meter
from edgeai.unavailable import Barred, Unavailable
from tests.edge.power.board_sites import copied, site, site_at, write

PI = "raspberry-pi-4-ina226"
INA226 = "sys/devices/platform/soc/fe804000.i2c/i2c-1/1-0040/hwmon/hwmon4"
INA219 = "sys/devices/platform/soc/fe804000.i2c/i2c-1/1-0040/hwmon/hwmon2"
UNIT = "etc/edgeai/unit.toml"


def opened(board: str | Path) -> Meter:
    found = find_meter(site_at(board) if isinstance(board, Path) else site(board), "hwmon")
    assert not isinstance(found, Unavailable), found
    return found


def test_an_ina226_tells_microwatts_of_the_whole_board() -> None:
    meter = opened(PI)
    assert meter.read() == (3.2875,)
    assert meter.info.scope == "board input (ina226 at 1-0040)"
    assert meter.info.kind == GAUGE_W
    assert (meter.info.update_s, meter.info.averages_s) == (0.035, 0.035)
    assert meter.info.notes == ()


def test_ten_times_the_shunt_is_refused_with_the_factor_and_the_command() -> None:
    found = find_meter(site("raspberry-pi-4-ina219"))
    assert isinstance(found, Barred)
    assert found.unavailable == (
        "the driver of the ina219 at 1-0040 computes with a shunt of 0.01 ohm, and it is 0.1 ohm: its watts "
        "are 10 times what flows"
    )
    assert found.advice.startswith(
        "`echo 100000 | sudo tee /sys/class/hwmon/hwmon2/shunt_resistor`, or state it in the device tree"
    )


def test_once_the_driver_is_told_the_same_sensor_works(tmp_path: Path) -> None:
    tree = copied("raspberry-pi-4-ina219", tmp_path)
    write(tree, f"{INA219}/shunt_resistor", 99902)  # as an older driver gives 100000 back
    write(tree, f"{INA219}/power1_input", 4850000)
    meter = opened(tree)
    assert meter.read() == (4.85,)
    assert meter.info.averages_s is None  # its driver converts once, for 0.5 ms
    assert meter.info.error.lsb == pytest.approx(0.002)  # 20 mW with 10 milliohm (energy.md), 2 with 100


def test_the_step_of_an_ina219_is_20_mw_with_the_drivers_own_shunt(tmp_path: Path) -> None:
    tree = copied("raspberry-pi-4-ina219", tmp_path)
    (tree / UNIT).unlink()
    assert opened(tree).info.error.lsb == pytest.approx(0.020)


def test_where_nobody_states_the_shunt_the_meter_works_and_says_so(tmp_path: Path) -> None:
    tree = copied(PI, tmp_path)
    (tree / UNIT).unlink()
    meter = opened(tree)
    assert meter.read() == (3.2875,)
    assert meter.info.notes == (
        "the driver computes with a shunt of 0.1 ohm, and nobody states the real one: state it as "
        "[power.shunts_ohm] ina226 in /etc/edgeai/unit.toml",
    )


def test_a_unit_file_that_is_wrong_bars_the_meter_with_file_and_key(tmp_path: Path) -> None:
    tree = copied(PI, tmp_path)
    write(tree, UNIT, "[power.shunts_ohm]\nina226 = 'a tenth'")
    found = find_meter(site_at(tree), "hwmon")
    assert isinstance(found, Barred)
    assert "unit.toml: power.shunts_ohm.ina226" in found.unavailable


def test_an_ina228_counts_its_own_joules() -> None:
    meter = opened("raspberry-pi-4-ina228")
    assert meter.info.kind == COUNTER_J
    assert meter.read() == (1234.56789,)
    assert meter.info.rails[0].wrap_j is None
    assert meter.info.notes == ("the driver does not say which shunt it computes with, so it is not checked",)


def test_an_ina228_without_a_counter_tells_microwatts(tmp_path: Path) -> None:
    tree = copied("raspberry-pi-4-ina228", tmp_path)
    (tree / INA219 / "energy1_input").unlink()
    meter = opened(tree)
    assert meter.info.kind == GAUGE_W
    assert meter.read() == (3.3278,)


def test_a_chip_without_a_power_file_gives_volts_times_amperes(tmp_path: Path) -> None:
    tree = copied(PI, tmp_path)
    (tree / INA226 / "power1_input").unlink()
    assert opened(tree).read() == (5.088 * 0.646,)


def test_a_chip_that_tells_nothing_is_unavailable(tmp_path: Path) -> None:
    tree = copied(PI, tmp_path)
    for name in ("power1_input", "curr1_input"):
        (tree / INA226 / name).unlink()
    found = find_meter(site_at(tree), "hwmon")
    assert type(found) is Unavailable
    assert found.unavailable.startswith("the ina226 at 1-0040 has neither energy1_input, power1_input")


def test_a_usb_tester_plugged_the_other_way_round_reads_the_same_watts(tmp_path: Path) -> None:
    meter = opened("raspberry-pi-5-powerz")
    assert meter.read() == (4.13308,)  # 5090 mV x -812 mA; in1 to in2 are the CC pins
    tree = copied("raspberry-pi-5-powerz", tmp_path)
    write(tree, "sys/class/hwmon/hwmon2/curr1_input", 812)
    assert opened(tree).read() == (4.13308,)


def test_a_current_that_turns_round_while_measuring_is_not_cut_off(tmp_path: Path) -> None:
    tree = copied("raspberry-pi-5-powerz", tmp_path)
    meter = opened(tree)
    write(tree, "sys/class/hwmon/hwmon2/curr1_input", 10)
    assert meter.read() == (-0.0509,)


@pytest.mark.parametrize(
    "chip", ["ina219", "ina220", "ina226", "ina228", "ina230", "ina231", "ina237", "ina238"]
)
def test_every_chip_with_a_shunt_beside_it_is_checked(chip: str, tmp_path: Path) -> None:
    tree = copied(PI, tmp_path)
    write(tree, f"{INA226}/name", chip)
    write(tree, UNIT, f"[power.shunts_ohm]\n{chip} = 0.002")
    found = find_meter(site_at(tree), "hwmon")
    assert isinstance(found, Barred)
    assert found.unavailable.endswith("its watts are 0.02 times what flows")


def test_an_ina260_has_its_shunt_inside(tmp_path: Path) -> None:
    tree = copied(PI, tmp_path)
    write(tree, f"{INA226}/name", "ina260")
    (tree / INA226 / "shunt_resistor").unlink()
    meter = opened(tree)
    assert meter.read() == (3.2875,)
    assert meter.info.notes == ()
    assert meter.info.error.lsb == pytest.approx(0.010)  # data sheet: 10 mW
    assert meter.info.error.gain == pytest.approx((0.0015**2 + 0.001**2) ** 0.5 / 3**0.5)


# --- which of several


def with_a_second(folder: Path) -> Path:
    tree = copied(PI, folder)
    for name, value in (("name", "ina219"), ("power1_input", 1000000), ("label", "hat")):
        write(tree, f"sys/devices/platform/soc/fe804000.i2c/i2c-1/1-0041/hwmon/hwmon5/{name}", value)
    (tree / "sys/class/hwmon/hwmon5").symlink_to(
        "../../devices/platform/soc/fe804000.i2c/i2c-1/1-0041/hwmon/hwmon5"
    )
    return tree


def test_of_several_sensors_none_is_guessed(tmp_path: Path) -> None:
    found = find_meter(site_at(with_a_second(tmp_path)), "hwmon")
    assert isinstance(found, Barred)
    assert found.unavailable == (
        "there are sensors ina226 at 1-0040, ina219 at 1-0041, and which is at the supply?"
    )
    assert found.advice == "name the one at the board's supply: `--meter hwmon=1-0040`"


@pytest.mark.parametrize("address", ["1-0041", "hwmon5", "hat"])
def test_one_is_named_by_its_bus_address_its_folder_or_its_label(address: str, tmp_path: Path) -> None:
    found = find_meter(site_at(with_a_second(tmp_path)), f"hwmon={address}")
    assert not isinstance(found, Unavailable)
    assert found.read() == (1.0,)
    assert found.info.name == "hwmon=1-0041"


def test_an_address_that_is_not_there_is_told_what_is(tmp_path: Path) -> None:
    found = find_meter(site(PI), "hwmon=1-0044")
    assert isinstance(found, Barred)
    assert found.unavailable == "there are sensors ina226 at 1-0040, and none of them is '1-0044'"


def test_the_same_sensor_is_found_under_another_number_after_a_boot(tmp_path: Path) -> None:
    tree = copied(PI, tmp_path)
    folder = tree / INA226
    folder.rename(folder.with_name("hwmon0"))
    links = tree / "sys/class/hwmon"
    (links / "hwmon4").unlink()
    (links / "hwmon0").rename(links / "hwmon4")
    (links / "hwmon0").symlink_to("../../devices/platform/soc/fe804000.i2c/i2c-1/1-0040/hwmon/hwmon0")
    meter = opened(tree)
    assert meter.info.name == "hwmon=1-0040"
    assert meter.read() == (3.2875,)
