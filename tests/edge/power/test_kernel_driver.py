"""The kernel's own drivers of INA chips over i2c-stub, in a QEMU guest of Debian's kernel, and our meters.

Between the chip's registers and the file that a meter opens nothing is ours. The watts that must come out are
computed here by the data sheets' formulas, from the voltages and from the registers, and not by edgeai.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.debian_kernel import HWMON_DRIVERS, CannotRun, Kernel, build_hwmon, fetch_kernel, need
from tests.edge.power.board_sites import BOARDS
from tests.edge.power.kernel_cases import CAPTURED, HWMON_CASES, IIO_CASES, INA3221_OHM, MACHINE, STUB
from tests.kernel_guest import boot

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def kernel(fetched: Path) -> Kernel:
    """Debian's kernel, without drivers/hwmon/ina*."""
    cache = fetched / "kernel-driver"
    cache.mkdir(parents=True, exist_ok=True)
    try:
        need("qemu-system-x86_64")
        return fetch_kernel(cache, say=print)
    except CannotRun as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def iio(kernel: Kernel, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the guest says of Debian's own module ina2xx-adc."""
    try:
        return boot(kernel, [*STUB, ("ina2xx-adc", "")], IIO_CASES, tmp_path_factory.mktemp("iio"), MACHINE)
    except CannotRun as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def hwmon(kernel: Kernel, fetched: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What it says of the same kernel's drivers/hwmon/ina*.c, built here."""
    modules = [*STUB, *((driver, "") for driver in HWMON_DRIVERS)]
    try:
        build_hwmon(kernel, fetched / "kernel-driver", say=print)
        return boot(kernel, modules, HWMON_CASES, tmp_path_factory.mktemp("hwmon"), MACHINE)
    except CannotRun as reason:
        pytest.skip(str(reason))


def watts_by_registers(case: dict[str, Any], played: dict[str, int]) -> float:
    """By the data sheets: the power register times its LSB, which the calibration register sets.

    INA219 (SBOS448G, 8.5): Current_LSB = 0.04096 / (Cal R), Power_LSB = 20 Current_LSB.
    INA226 (SBOS547B, 6.5): Current_LSB = 0.00512 / (Cal R), Power_LSB = 25 Current_LSB.
    INA238 (SLYS025): Current_LSB = Cal / (819.2e6 R), Power_LSB = 0.2 Current_LSB.
    """
    ohm, calibration = case["shunt_ohm"], played["calibration"]
    if case["plays"] == "ina238":
        return played["power24"] * 0.2 * calibration / (819.2e6 * ohm)
    counts, constant = {"ina219": (20, 0.04096), "ina226": (25, 0.00512)}[case["plays"]]
    return played["3"] * counts * constant / (calibration * ohm)


def step_w(case: dict[str, Any]) -> float:
    """Power of one count: see `watts_by_registers`, with the calibrations that the drivers set."""
    return {"ina219": 200e-6, "ina226": 62.5e-6, "ina238": 1e-6}[case["plays"]] / case["shunt_ohm"]


MEASURED_IIO = [case for case in IIO_CASES if case["id"] != "shunt refused"]
MEASURED_HWMON = [case for case in HWMON_CASES if case["id"] != "shunt refused" and "shunt_ohm" in case]


@pytest.mark.parametrize("case", MEASURED_IIO, ids=lambda case: case["id"])
def test_the_iio_meter_gives_the_watts_of_the_chips_registers(
    iio: dict[str, Any], case: dict[str, Any]
) -> None:
    answer = iio[case["id"]]
    assert answer["meter"]["info"]["name"] == "iio-ina2xx=0-0040"
    expected = [watts_by_registers(case, played) for played in answer["played"]]
    # The driver prints its scale with nine decimals.
    assert [watts for (watts,) in answer["meter"]["values"]] == pytest.approx(expected, rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("case", MEASURED_IIO, ids=lambda case: case["id"])
def test_the_iio_meter_gives_volts_times_amperes(iio: dict[str, Any], case: dict[str, Any]) -> None:
    assert_physical(case, iio[case["id"]])


@pytest.mark.parametrize("case", MEASURED_HWMON, ids=lambda case: case["id"])
def test_the_hwmon_meter_gives_the_watts_of_the_chips_registers(
    hwmon: dict[str, Any], case: dict[str, Any]
) -> None:
    answer = hwmon[case["id"]]
    assert answer["meter"]["info"]["name"] == "hwmon=0-0040"
    expected = [watts_by_registers(case, played) for played in answer["played"]]
    # The driver rounds the current's LSB to whole microamperes: 166.67 to 167 with 15 milliohm.
    current_lsb_a = {"ina219": 10e-6, "ina226": 2.5e-6, "ina238": 1.0}[case["plays"]] / case["shunt_ohm"]
    rounding = 0.5e-6 / current_lsb_a
    assert [watts for (watts,) in answer["meter"]["values"]] == pytest.approx(
        expected, rel=rounding, abs=1e-6
    )


@pytest.mark.parametrize("case", MEASURED_HWMON, ids=lambda case: case["id"])
def test_the_hwmon_meter_gives_volts_times_amperes(hwmon: dict[str, Any], case: dict[str, Any]) -> None:
    assert_physical(case, hwmon[case["id"]])


def assert_physical(case: dict[str, Any], answer: dict[str, Any]) -> None:
    """What flows is U x I. The chip takes both in steps and cuts their product, the driver rounds: 0.3 %."""
    truth = [point["bus_v"] * point["shunt_v"] / case["shunt_ohm"] for point in case["points"]]
    values = [watts for (watts,) in answer["meter"]["values"]]
    assert len(values) == len(truth)
    for watts, true_w in zip(values, truth, strict=True):
        assert abs(watts - true_w) <= step_w(case) + 0.003 * true_w


@pytest.mark.parametrize("drivers", ["iio", "hwmon"])
def test_a_shunt_of_another_size_is_refused(drivers: str, request: pytest.FixtureRequest) -> None:
    said = request.getfixturevalue(drivers)
    assert (
        "a shunt of 0.01 ohm, and it is 0.1 ohm: its watts are 10 times"
        in said["shunt refused"]["meter"]["unavailable"]
    )
    assert said["shunt as stated"]["meter"]["values"] == [pytest.approx([2.55], rel=1e-9)]
    assert said["shunt as stated"]["meter"]["info"]["notes"] == []


def test_the_period_is_that_of_the_chips_settings(iio: dict[str, Any], hwmon: dict[str, Any]) -> None:
    # SBOS547B, 5.5: 1024 averages of 8.244 ms and 140 µs.
    assert iio["ina226, slow"]["meter"]["info"]["update_s"] == pytest.approx(1024 * (8.244e-3 + 140e-6))
    # 1024 averages of 1.1 ms each, which is the nearest to what was asked for: 2253 ms.
    assert hwmon["ina226, slow"]["meter"]["info"]["update_s"] == pytest.approx(2.253)


def test_the_rails_of_an_ina3221_are_volts_times_amperes(hwmon: dict[str, Any]) -> None:
    (case,) = (case for case in HWMON_CASES if case["chip"] == "ina3221")
    answer = hwmon[case["id"]]["meter"]
    assert answer["info"]["scope"] == "module (VDD_IN)"
    rails = {rail["name"]: rail["counted"] for rail in answer["info"]["rails"]}
    assert rails == {"VDD_IN": True, "VDD_CPU_GPU_CV": False, "VDD_SOC": False}
    for point, values in zip(case["points"], answer["values"], strict=True):
        for (bus_v, shunt_v), watts in zip(point["channels"], values, strict=True):
            # The driver gives whole mA.
            assert watts == pytest.approx(bus_v * shunt_v / INA3221_OHM, abs=0.0005 * bus_v + 1e-9)


@pytest.mark.parametrize(("tree", "case"), CAPTURED.items())
def test_the_captured_trees_are_what_the_kernel_shows(
    tree: str, case: str, request: pytest.FixtureRequest
) -> None:
    said = request.getfixturevalue(tree.rpartition("-")[2])[case]
    files, links = said["tree"]["files"], said["tree"]["links"]
    kept = {f"/{path.relative_to(BOARDS / tree)}": path for path in (BOARDS / tree).rglob("*")}
    assert {path: str(kept[path].readlink()) for path in links} == links
    sensor = [path for path in files if path.rpartition("/")[2].startswith(("in", "curr", "power1", "shunt"))]
    assert {path: kept[path].read_text() for path in sensor} == {path: files[path] for path in sensor}
