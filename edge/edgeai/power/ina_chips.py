"""Chips that measure a board's input through the kernel's hwmon drivers, and what is published of each."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .ina import Accuracy


@dataclass(frozen=True)
class Chip:
    """update_s: at the driver's settings, where there is no `update_interval` to read. averages: whether a
    value is the mean over that time. energy_step_v: joules of one step of its energy counter, times the shunt
    in ohm. has_own_shunt: built in, or none to be wrong.
    """

    accuracy: Accuracy
    update_s: float | None
    averages: bool = False
    energy_step_v: float = 0.0
    has_own_shunt: bool = False


# Kernel, drivers/hwmon/ina2xx.c: current steps of 10 µV (ina219) and 2.5 µV (ina226) over the shunt, power
# steps of 20 and 25 of them at 1 V. INA219_CONFIG_DEFAULT 0x399F: 12 bits, 532 µs for each of shunt and bus.
# INA226_CONFIG_DEFAULT 0x4527: means of 16 times 2.2 ms.
_INA219 = Chip(
    Accuracy(
        gain_shunt=0.005,
        gain_bus=0.005,
        offset_v=200e-6,
        power_step_v=20 * 10e-6,
        source="TI SBOS448G, INA219A at PGA /8: 0.5 % each, offset 200 µV; step 20 x 10 µV over the shunt",
    ),
    update_s=2 * 532e-6,
)
_INA226 = Chip(
    Accuracy(
        gain_shunt=0.001,
        gain_bus=0.001,
        offset_v=10e-6,
        power_step_v=25 * 2.5e-6,
        source="TI SBOS547B, INA226: 0.1 % each, offset 10 µV; power step 25 x 2.5 µV over the shunt",
    ),
    update_s=16 * 2.2e-3,
    averages=True,
)
# The registers of an INA226, less exact.
_INA230 = replace(
    _INA226,
    accuracy=replace(
        _INA226.accuracy,
        gain_shunt=0.005,
        gain_bus=0.005,
        offset_v=50e-6,
        source="TI SBOS601, INA230: 0.5 % each, offset 50 µV; power step 25 x 2.5 µV over the shunt",
    ),
)
# drivers/hwmon/ina238.c: means of 16 times 1052 µs for each of shunt, bus and temperature. A power step is
# 0.2 of a current step (INA237, INA238), 3.2 of a current step of 312.5 nV (INA228).
_INA238_UPDATE_S = 16 * 3 * 1052e-6

CHIPS: dict[str, Chip] = {
    "ina219": _INA219,
    "ina220": _INA219,
    "ina226": _INA226,
    "ina230": _INA230,
    "ina231": _INA230,
    "ina228": Chip(
        Accuracy(
            gain_shunt=0.0005,
            gain_bus=0.0005,
            offset_v=1e-6,
            power_step_v=3.2 * 312.5e-9,
            source="TI SLYS021, INA228: 0.05 % each, offset 1 µV; power step 3.2 x 312.5 nV over the shunt",
        ),
        _INA238_UPDATE_S,
        averages=True,
        # The driver's own formula (drivers/hwmon/ina238.c, energy1_input): 64 µJ for each ohm.
        energy_step_v=64e-6,
    ),
    "ina237": Chip(
        Accuracy(
            gain_shunt=0.003,
            gain_bus=0.003,
            offset_v=50e-6,
            power_step_v=0.2 * 5e-6,
            source="TI SBOSA20A, INA237: 0.3 % each, offset 50 µV; power step 0.2 x 5 µV over the shunt",
        ),
        _INA238_UPDATE_S,
        averages=True,
    ),
    "ina238": Chip(
        Accuracy(
            gain_shunt=0.001,
            gain_bus=0.001,
            offset_v=5e-6,
            power_step_v=0.2 * 5e-6,
            source="TI SLYS025, INA238: 0.1 % each, offset 5 µV; power step 0.2 x 5 µV over the shunt",
        ),
        _INA238_UPDATE_S,
        averages=True,
    ),
    # Its shunt of 2 milliohm is inside and part of the gain; offset 5 mA, power step 10 mW.
    "ina260": Chip(
        Accuracy(
            gain_shunt=0.0015,
            gain_bus=0.001,
            offset_v=5e-3 * 0.002,
            power_step_v=10e-3 * 0.002,
            shunt_tolerance=0.0,
            source="TI SBOS656C, INA260: current 0.15 %, voltage 0.1 %, offset 5 mA, power step 10 mW",
        ),
        update_s=16 * 2.2e-3,
        averages=True,
        has_own_shunt=True,
    ),
    # The driver rounds to mV and mA: 1 mA at the supply's volts, as if over 1 ohm.
    "powerz": Chip(
        Accuracy(
            gain_shunt=0.005,
            gain_bus=0.005,
            offset_v=1e-3,
            power_step_v=1e-3,
            per_volt=True,
            shunt_tolerance=0.0,
            source="ChargerLAB's accuracy of the POWER-Z could not be checked: 0.5 % each and 1 mA are "
            "assumed; the driver gives whole mV and mA",
        ),
        update_s=None,
        has_own_shunt=True,
    ),
}

OWN_SHUNT_OHM = {"ina260": 0.002, "powerz": 1.0}
