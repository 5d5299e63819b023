"""Rails of Jetsons by label: exact sums, what is not counted, and boards whose total nobody states."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from edgeai.device import load_profile, profile_ids
from edgeai.power import GAUGE_W, Meter, find_meter
from edgeai.unavailable import Barred, Unavailable
from tests.edge.power.board_sites import copied, site, site_at, write
from tests.nobody import as_nobody

INA3221 = "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1"
INA3221X = "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0"


def opened(name: str, board: str | Path) -> Meter:
    found = find_meter(site_at(board) if isinstance(board, Path) else site(board), name)
    assert not isinstance(found, Unavailable), found
    return found


def rails_w(meter: Meter) -> dict[str, float]:
    return dict(zip((rail.name for rail in meter.info.rails), meter.read(), strict=True))


def total_w(meter: Meter) -> float:
    counted = [rail.name for rail in meter.info.rails if rail.counted]
    return sum(rails_w(meter)[name] for name in counted)


def test_an_orin_nano_takes_volts_times_amperes_of_vdd_in() -> None:
    meter = opened("ina3221", "jetson-orin-nano")
    assert total_w(meter) == 9.250304  # 4984 mV x 1856 mA
    assert meter.info.scope == "module (VDD_IN)"
    assert meter.info.kind == GAUGE_W
    assert rails_w(meter) == {"VDD_IN": 9.250304, "VDD_CPU_GPU_CV": 2.551808, "VDD_SOC": 2.272704}
    assert meter.info.update_s == 0.007
    assert meter.info.averages_s is None  # one sample: what happens between two conversions is not seen


def test_a_chip_that_averages_sees_what_is_between(tmp_path: Path) -> None:
    tree = copied("jetson-orin-nano", tmp_path)
    write(tree, f"{INA3221}/samples", 16)
    assert opened("ina3221", tree).info.averages_s == 0.007


def test_in7_is_the_sum_of_the_shunts_and_no_rail() -> None:
    assert "sum of shunt voltages" not in rails_w(opened("ina3221", "jetson-orin-nano"))


def test_an_agx_orin_adds_three_rails_and_skips_what_is_not_connected() -> None:
    meter = opened("ina3221", "jetson-agx-orin")
    assert total_w(meter) == pytest.approx(0.843 * 6.170 + 0.780 * 3.437 + 4.968 * 0.953, abs=1e-12)
    assert round(total_w(meter), 3) == 12.617
    assert list(rails_w(meter)) == ["VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0", "VDDQ_VDD2_1V8AO"]
    assert [rail.counted for rail in meter.info.rails] == [True, True, True, False]
    assert "whether VDDQ_VDD2_1V8AO is inside of the total is not known" in meter.info.notes[0]


def test_an_agx_xavier_adds_six_rails_of_two_chips() -> None:
    meter = opened("ina3221", "jetson-agx-xavier")
    milliwatts = (19152 * 40 + 19152 * 62 + 19144 * 104 + 19152 * 0 + 19144 * 32 + 4960 * 456) / 1000
    assert total_w(meter) == pytest.approx(milliwatts / 1000, abs=1e-12)
    # Its shunts are published, and the driver of the tree does not tell them.
    assert meter.info.error.lsb == pytest.approx(40e-6 / 0.005 * sum(v**2 for v in VOLTS) ** 0.5, rel=1e-9)


VOLTS = (19.152, 19.152, 19.144, 19.152, 19.144, 4.960)


def test_a_nano_with_jetpack_4_tells_milliwatts() -> None:
    meter = opened("ina3221-iio", "jetson-nano")
    assert total_w(meter) == 1.805
    assert rails_w(meter) == {"POM_5V_IN": 1.805, "POM_5V_GPU": 0.040, "POM_5V_CPU": 0.324}
    assert meter.info.scope == "module (POM_5V_IN)"


def test_without_a_power_file_jetpack_4_gives_volts_and_amperes(tmp_path: Path) -> None:
    tree = copied("jetson-nano", tmp_path)
    (tree / INA3221X / "in_power0_input").unlink()
    assert total_w(opened("ina3221-iio", tree)) == 5.072 * 0.356


def test_a_thor_takes_microwatts_of_its_input_and_leaves_a_negative_rail_as_it_is() -> None:
    meter = opened("thor", "jetson-thor")
    assert total_w(meter) == 38.25
    assert meter.info.scope == "board input (VIN)"
    assert rails_w(meter) == {
        "VIN": 38.25,
        "VDD_GPU": -0.079488,
        "VDD_CPU_SOC_MSS": 8.19056,
        "VIN_SYS_5V0": 9.22944,
    }


def test_a_thors_input_is_no_breakout_on_a_board() -> None:
    found = find_meter(site("jetson-thor"), "hwmon")
    assert isinstance(found, Unavailable)
    assert found.unavailable.startswith("no hwmon device is an ina219")


def test_resolution_and_offset_follow_the_shunt_that_the_driver_tells(tmp_path: Path) -> None:
    tree = copied("jetson-orin-nano", tmp_path)
    assert opened("ina3221", tree).info.error.lsb == pytest.approx(40e-6 / 0.005 * 4.984)
    assert opened("ina3221", tree).info.error.offset_w == pytest.approx(80e-6 / 0.005 * 4.984 / 3**0.5)
    (tree / INA3221 / "shunt1_resistor").unlink()
    # energy.md: 20 mA with 2 milliohm, about 0.1 W at 5 V
    assert opened("ina3221", tree).info.error.lsb == pytest.approx(0.020 * 4.984)


def test_labels_decide_whatever_the_bus_and_the_number(tmp_path: Path) -> None:
    tree = copied("jetson-orin-nano", tmp_path)
    link = tree / "sys/class/hwmon/hwmon1"
    link.unlink()
    (tree / INA3221).parents[1].rename(tree / "sys/bus/i2c/drivers/ina3221/7-0043")
    link.with_name("hwmon9").symlink_to("../../bus/i2c/drivers/ina3221/7-0043/hwmon/hwmon1")
    assert total_w(opened("ina3221", tree)) == 9.250304


def test_a_total_of_which_a_rail_is_missing_is_refused(tmp_path: Path) -> None:
    tree = copied("jetson-agx-orin", tmp_path)
    write(tree, f"{INA3221}/in3_enable", 0)
    found = find_meter(site_at(tree), "ina3221")
    assert isinstance(found, Unavailable)
    assert found.unavailable == (
        "jetson-agx-orin counts VIN_SYS_5V0, which cannot be found among the rails VDD_GPU_SOC, VDD_CPU_CV, "
        "VDDQ_VDD2_1V8AO"
    )


def test_a_rail_that_is_only_shown_may_be_silent_and_one_that_counts_may_not(tmp_path: Path) -> None:
    tree = copied("jetson-orin-nano", tmp_path)
    write(tree, f"{INA3221}/curr3_input", "")
    assert list(rails_w(opened("ina3221", tree))) == ["VDD_IN", "VDD_CPU_GPU_CV"]
    write(tree, f"{INA3221}/curr1_input", "")
    found = find_meter(site_at(tree), "ina3221")
    assert isinstance(found, Unavailable)
    assert found.unavailable.endswith("curr1_input holds no whole number")


def test_a_board_whose_total_nobody_states_is_not_guessed_at() -> None:
    where = site("jetson-orin-nano")
    unknown = replace(where, device=replace(where.device, profile=load_profile("arm64")))
    found = find_meter(unknown, "ina3221")
    assert isinstance(found, Unavailable)
    assert found.unavailable == (
        "the board has rails VDD_IN, VDD_CPU_GPU_CV, VDD_SOC, and arm64 does not say which make its total"
    )
    assert "[power.rails]" in found.advice


def test_names_that_are_roots_on_jetpack_4_name_the_udev_rule() -> None:
    folder = Path(tempfile.mkdtemp(prefix="edgeai-iio-"))
    folder.chmod(0o755)
    tree = copied("jetson-nano", folder)
    for file in (tree / INA3221X).iterdir():
        file.chmod(0o400)
    where = site_at(tree)
    with as_nobody():
        found = find_meter(where)
    shutil.rmtree(folder)
    assert isinstance(found, Barred), found
    assert found.unavailable.endswith("rail_name_0 may not be read by this user")
    assert "--subsystem-match=iio" in found.advice


@pytest.mark.parametrize("id_", [id_ for id_ in profile_ids() if id_.startswith("jetson-")])
def test_every_jetson_says_what_its_total_is(id_: str) -> None:
    profile = load_profile(id_)
    assert profile.rails is not None
    sensors = {sensor.partition(" ")[2] for sensor in profile.sensors.power}
    assert {*profile.rails.total, *profile.rails.inside} <= sensors
