"""What the guest of `test_kernel_driver.py` is asked: chips, their shunts, and voltages at some moments."""

from __future__ import annotations

from typing import Any

ADDRESS = 0x40
STUB = (("i2c-stub", f"chip_addr={ADDRESS:#x}"), ("i2c-dev", ""))
DEFAULT_OHM = 0.01  # what both drivers assume: INA2XX_RSHUNT_DEFAULT
# Files of the guest that tell which machine it is; part of the trees in tests/boards.
MACHINE = (
    "/proc/cpuinfo",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/sys/kernel/osrelease",
    "/proc/version",
    "/sys/devices/system/cpu/online",
    "/sys/devices/system/cpu/possible",
    "/sys/devices/system/cpu/present",
)
_SAME_REGISTERS = {"ina220": "ina219", "ina230": "ina226", "ina231": "ina226"}
_STATED = {"/etc/edgeai/unit.toml": "[power.shunts_ohm]\nina219 = 0.1\n"}
_AT_REST = (5.1, 0.0)


def _case(name: str, chip: str, shunt_ohm: float | None, *volts: tuple[float, float]) -> dict[str, Any]:
    """volts: of the bus and across the shunt, at each moment. shunt_ohm: None leaves the driver's own."""
    ohm = DEFAULT_OHM if shunt_ohm is None else shunt_ohm
    return {
        "id": name,
        "chip": chip,
        "plays": _SAME_REGISTERS.get(chip, chip),
        "address": ADDRESS,
        "shunt_ohm": ohm,
        "settings": {},
        "points": [{"bus_v": bus_v, "shunt_v": shunt_v, "shunt_ohm": ohm} for bus_v, shunt_v in volts],
    }


def _iio(case: dict[str, Any], **settings: str) -> dict[str, Any]:
    if case["shunt_ohm"] != DEFAULT_OHM:
        settings["in_shunt_resistor"] = f"{case['shunt_ohm']:.6f}"
    return _told(case, "iio:device*", settings)


def _hwmon(case: dict[str, Any], **settings: str) -> dict[str, Any]:
    if case["shunt_ohm"] != DEFAULT_OHM:
        settings["shunt_resistor"] = str(round(case["shunt_ohm"] * 1e6))
    return _told(case, "hwmon/hwmon*", settings)


def _told(case: dict[str, Any], device: str, settings: dict[str, str]) -> dict[str, Any]:
    files = {f"{device}/{name}": text for name, text in settings.items()}
    return {**case, "device": device, "settings": files}


_BOTH = (
    _case("ina226 as started", "ina226", None, (5.1, 0.02), (5.0, 0.005), (12.0, 0.075), _AT_REST),
    _case("ina226, 100 mohm", "ina226", 0.1, (5.1, 1e-4), (20.0, 0.0815), (4.87, 0.0123), (5.1, 0.05)),
    _case("ina226, 15 mohm", "ina226", 0.015, (5.1, 0.03), (5.02, 0.0444)),
    _case("ina226, 2 mohm", "ina226", 0.002, (12.05, 0.004), (19.5, 0.01)),
    _case("ina219 as started", "ina219", None, (5.1, 0.02), (5.0, 0.005), (12.0, 0.3), _AT_REST),
    _case("ina219, 100 mohm", "ina219", 0.1, (24.0, 0.31), (4.88, 0.0123), (5.1, 0.05)),
    _case("ina220", "ina220", 0.1, (5.1, 0.05)),
    _case("ina230", "ina230", 0.1, (5.1, 0.05)),
    _case("ina231", "ina231", 0.1, (5.1, 0.05)),
    {**_case("shunt refused", "ina219", None, (5.1, 0.05)), "files": _STATED},
    {**_case("shunt as stated", "ina219", 0.1, (5.1, 0.05)), "files": _STATED},
)
_SLOW = _case("ina226, slow", "ina226", 0.1, (5.1, 0.05))

IIO_CASES = (
    *map(_iio, _BOTH),
    _iio(
        _SLOW,
        in_oversampling_ratio="1024",
        in_voltage0_integration_time="0.008244",
        in_voltage1_integration_time="0.000140",
    ),
)

# drivers/hwmon/ina3221.c takes its labels from a device tree, which this kernel has not: the meter's root is
# a tree in which the driver's files, as links, stand beside labels of ours and an Orin Nano's `compatible`.
_TREE = "/labelled"
_MONITOR = f"{_TREE}/sys/class/hwmon/hwmon0"
_LINKED = ["name", "update_interval", "in7_input"]
for _n in (1, 2, 3):
    _LINKED += [f"in{_n}_input", f"in{_n}_enable", f"curr{_n}_input", f"shunt{_n}_resistor"]
INA3221_OHM = 0.005
INA3221_CASE: dict[str, Any] = {
    "id": "ina3221 of an Orin Nano",
    "chip": "ina3221",
    "plays": "ina3221",
    "address": ADDRESS,
    "device": "hwmon/hwmon*",
    "settings": {f"hwmon/hwmon*/shunt{n}_resistor": f"{INA3221_OHM * 1e6:.0f}" for n in (1, 2, 3)},
    "points": [
        {"channels": [(4.984, 0.00928), (4.984, 0.004), (4.976, 0.002)]},
        {"channels": [(5.016, 0.02), (5.016, 0.0104), (5.016, -0.00004)]},
    ],
    "root": _TREE,
    "files": {
        f"{_TREE}/proc/device-tree/compatible": "nvidia,p3768-0000+p3767-0005\0nvidia,tegra234\0",
        **{f"{_MONITOR}/{name}": f"->{{device}}/{name}" for name in _LINKED},
        f"{_MONITOR}/in1_label": "VDD_IN",
        f"{_MONITOR}/in2_label": "VDD_CPU_GPU_CV",
        f"{_MONITOR}/in3_label": "VDD_SOC",
    },
}

HWMON_CASES = (
    *map(_hwmon, _BOTH),
    _hwmon(_SLOW, update_interval="2253"),
    _hwmon(_case("ina238 as started", "ina238", None, (19.0, 0.02), (5.1, 0.02), _AT_REST)),
    INA3221_CASE,
)

CAPTURED = {"qemu-ina226-iio": "ina226, 100 mohm", "qemu-ina219-hwmon": "ina219, 100 mohm"}
"""Trees of tests/boards that `capture_boards.py` writes, and the case whose last moment they hold."""
