"""INA chips behind the IIO driver, on the tree that was captured of Debian's kernel."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgeai.power import GAUGE_W, Meter, ReadFailed, find_meter
from edgeai.unavailable import Barred, Unavailable
from tests.edge.power.board_sites import copied, site, site_at, write

TREE = "qemu-ina226-iio"
CHIP = "sys/devices/i2c-0/0-0040/iio:device0"
UNIT = "etc/edgeai/unit.toml"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return copied(TREE, tmp_path)


def opened(folder: Path, name: str = "iio-ina2xx") -> Meter:
    found = find_meter(site_at(folder), name)
    assert not isinstance(found, Unavailable), found
    return found


def test_the_captured_chip_measures_what_its_registers_held() -> None:
    meter = find_meter(site(TREE))
    assert not isinstance(meter, Unavailable)
    assert meter.read() == (pytest.approx(5.1 * 0.05 / 0.1, abs=25 * 2.5e-6 / 0.1),)
    assert meter.info.scope == "board input (ina226 at 0-0040)"
    assert meter.info.kind == GAUGE_W
    assert meter.info.update_s == pytest.approx(4 * (1.11e-3 + 1.11e-3), rel=0.02)  # INA226_DEFAULT_AVG, _IT
    assert meter.info.averages_s == meter.info.update_s
    assert meter.info.error.lsb == pytest.approx(25 * 2.5e-6 / 0.1)
    assert meter.info.error.offset_w == pytest.approx(10e-6 / 0.1 * 5.1 / 3**0.5)
    assert "nobody states the real one" in meter.info.notes[0]


def test_each_read_is_of_now(tree: Path) -> None:
    meter = opened(tree)
    write(tree, f"{CHIP}/in_power2_raw", 100)
    assert meter.read() == (pytest.approx(0.0625),)
    write(tree, f"{CHIP}/in_power2_raw", 0)
    assert meter.read() == (0.0,)


def test_a_chip_that_does_not_answer_is_a_failed_read(tree: Path) -> None:
    meter = opened(tree)
    (tree / CHIP / "in_power2_raw").unlink()
    with pytest.raises(ReadFailed, match="in_power2_raw cannot be read"):
        meter.read()


def test_ten_times_the_shunt_is_refused_with_the_factor_and_the_command(tree: Path) -> None:
    write(tree, f"{CHIP}/in_shunt_resistor", "0.010000000")
    write(tree, UNIT, "[power.shunts_ohm]\nina226 = 0.1")
    found = find_meter(site_at(tree))
    assert isinstance(found, Barred)
    assert found.unavailable == (
        "the driver of the ina226 at 0-0040 computes with a shunt of 0.01 ohm, and it is 0.1 ohm: its watts "
        "are 10 times what flows"
    )
    assert "`echo 0.1 | sudo tee /sys/bus/iio/devices/iio:device0/in_shunt_resistor`" in found.advice


@pytest.mark.parametrize("text", ["0.100000000", "100000"])
def test_the_stated_shunt_agrees_with_the_drivers_in_ohm_or_in_an_old_kernels_microohm(
    tree: Path, text: str
) -> None:
    write(tree, f"{CHIP}/in_shunt_resistor", text)
    write(tree, UNIT, "[power.shunts_ohm]\nina226 = 0.1")
    assert opened(tree).info.notes == ()


def test_of_several_chips_one_has_to_be_named(tree: Path) -> None:
    shutil.copytree(tree / "sys/devices/i2c-0/0-0040", tree / "sys/devices/i2c-0/0-0041")
    (tree / "sys/devices/i2c-0/0-0041/iio:device0").rename(tree / "sys/devices/i2c-0/0-0041/iio:device1")
    link = tree / "sys/bus/iio/devices/iio:device1"
    link.symlink_to("../../../devices/i2c-0/0-0041/iio:device1")
    found = find_meter(site_at(tree))
    assert isinstance(found, Barred)
    assert found.unavailable == (
        "there are sensors ina226 at 0-0040, ina226 at 0-0041, and which is at the supply?"
    )
    assert opened(tree, "iio-ina2xx=0-0041").info.name == "iio-ina2xx=0-0041"
    assert opened(tree, "iio-ina2xx=iio:device0").info.name == "iio-ina2xx=0-0040"
    wrong = find_meter(site_at(tree), "iio-ina2xx=9-0040")
    assert isinstance(wrong, Barred)
    assert "none of them is '9-0040'" in wrong.unavailable


def test_other_iio_devices_are_no_meters(tree: Path) -> None:
    write(tree, f"{CHIP}/name", "mpu6050")
    found = find_meter(site_at(tree), "iio-ina2xx")
    assert isinstance(found, Unavailable)
    assert not isinstance(found, Barred)
    assert "new_device" in found.advice


def test_counts_without_a_scale_are_no_watts(tree: Path) -> None:
    (tree / CHIP / "in_power2_scale").unlink()
    found = find_meter(site_at(tree), "iio-ina2xx")
    assert isinstance(found, Unavailable)
    assert "no in_power2_scale" in found.unavailable


def test_the_captured_hwmon_chip_measures_the_same() -> None:
    meter = find_meter(site("qemu-ina219-hwmon"))
    assert not isinstance(meter, Unavailable)
    assert meter.info.name == "hwmon=0-0040"
    assert meter.read() == (pytest.approx(5.1 * 0.05 / 0.1, abs=20 * 10e-6 / 0.1),)
