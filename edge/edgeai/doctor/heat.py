"""Temperatures against the limits that the kernel states, and fans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..measure.conditions import read_temperatures
from ..sysroot import SysRoot
from .finding import NOTE, WARNING, Finding, unknown
from .patient import Patient

# Our own: a model that starts working heats a board by more than this within a minute.
NEAR_C = 5.0
# Trips that slow the machine down or switch it off; `active` ones only start a fan.
_LIMITING = ("passive", "hot", "critical")
# The firmware of a Raspberry Pi throttles from 80 °C, and up to the 3B+ it has a soft limit at 60 °C:
# https://www.raspberrypi.com/documentation/computers/config_txt.html#monitoring-core-temperature
_PI_LIMIT_C = 80.0
_PI_SOFT_LIMIT_C = {"raspberry-pi-3-b-plus": 60.0}
# hwmon chips of x86 CPUs, whose zones carry no trips.
_CPU_CHIPS = ("coretemp", "k10temp", "zenpower")
# A limit outside of this is a placeholder of the firmware.
_CREDIBLE_C = (30.0, 150.0)
# A quarter of full power starts any fan that is fit for it.
_PWM_TURNS = 64
_COOLER = "add a heat sink or a fan, and let air to it"


@dataclass(frozen=True)
class _Zone:
    name: str
    value_c: float
    limit_c: float


def temperature(patient: Patient) -> Iterator[Finding]:
    """Each zone within NEAR_C of a limit, or past it."""
    root = patient.root
    zones = [*_zones(patient), *_chips(root)]
    for zone in zones:
        if zone.value_c > zone.limit_c - NEAR_C:
            yield Finding(
                WARNING,
                f"{zone.name} is at {zone.value_c:.0f} °C, its limit is {zone.limit_c:.0f} °C",
                "at the limit clocks are cut, so latencies grow while a model runs",
                f"{_COOLER}; then look again: edgeai doctor --only temperature",
            )
    if not zones:
        lacking = "limit (trip point) of any temperature" if read_temperatures(root) else "temperature"
        yield unknown(
            f"no {lacking} can be read under /sys/class/thermal",
            "virtual machines and containers hide them: look on the host",
            "a hot board cuts its clocks while a model runs",
        )


def fan(patient: Patient) -> Iterator[Finding]:
    """A fan that is driven and stands still, and a Raspberry Pi 5 without one."""
    root = patient.root
    hwmons = root.glob("/sys/class/hwmon/hwmon*")
    driven = [value for hwmon in hwmons if (value := root.read_int(f"{hwmon}/pwm1")) is not None]
    turning = [
        value
        for hwmon in hwmons
        for name in ("fan1_input", "rpm")
        if (value := root.read_int(f"{hwmon}/{name}")) is not None
    ]
    if turning and max(turning) == 0 and max(driven, default=0) >= _PWM_TURNS:
        yield Finding(
            WARNING,
            f"the fan gets {max(driven) / 255:.0%} of full power and stands still (0 turns a minute)",
            "without it the board throttles under load",
            "check its plug, and that nothing blocks it",
        )
    # The firmware adds the fan to the device tree where one is plugged in; a Pi 500 is cooled without.
    if (patient.device.model or "").startswith("Raspberry Pi 5 ") and hwmons and not driven:
        yield Finding(
            NOTE,
            "no fan is plugged into the Raspberry Pi 5's fan header",
            "a Pi 5 without active cooling throttles after some minutes of full load",
            "plug in the Active Cooler, or measure for long: edgeai bench MODEL --soak 10m",
        )


def _zones(patient: Patient) -> Iterator[_Zone]:
    """Thermal zones with a limit; their names are as `read_temperatures` gives them."""
    root = patient.root
    values = read_temperatures(root)
    for path in root.glob("/sys/class/thermal/thermal_zone*"):
        name = root.read_text(f"{path}/type") or path.rsplit("/", 1)[1]
        limits = list(_trips(root, path))
        if not limits and patient.is_pi:
            limits = [_PI_SOFT_LIMIT_C.get(patient.device.profile.id, _PI_LIMIT_C)]
        milli = root.read_int(f"{path}/temp")
        if limits and milli is not None and name in values:
            yield _Zone(name, milli / 1000, min(limits))


def _trips(root: SysRoot, zone: str) -> Iterator[float]:
    for path in root.glob(f"{zone}/trip_point_*_temp"):
        milli = root.read_int(path)
        kind = root.read_text(path.removesuffix("temp") + "type")
        if kind in _LIMITING and milli is not None and _credible(milli):
            yield milli / 1000


def _chips(root: SysRoot) -> Iterator[_Zone]:
    """The CPU's own sensors on x86: `temp1_max`, or else `temp1_crit`."""
    for hwmon in root.glob("/sys/class/hwmon/hwmon*"):
        chip = root.read_text(f"{hwmon}/name")
        if chip not in _CPU_CHIPS:
            continue
        for path in root.glob(f"{hwmon}/temp*_input"):
            stem = path.removesuffix("_input")
            milli = root.read_int(path)
            limits = (root.read_int(f"{stem}_{end}") for end in ("max", "crit"))
            limit = next((each for each in limits if each is not None and _credible(each)), None)
            if milli is not None and limit is not None:
                name = root.read_text(f"{stem}_label") or stem.rsplit("/", 1)[1]
                yield _Zone(f"{chip} {name}", milli / 1000, limit / 1000)


def _credible(milli: int) -> bool:
    low, high = _CREDIBLE_C
    return low <= milli / 1000 <= high
