"""How fast the machine may run: governors, power modes, pinned clocks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..measure.conditions import read_clocks_pinned, read_governors, read_power_mode
from ..sysroot import SysRoot
from .finding import NOTE, WARNING, Finding, unknown
from .patient import Patient

_CPU0 = "/sys/devices/system/cpu/cpu0/cpufreq"
_PERFORMANCE = "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
# Drivers whose `powersave` follows the load in hardware, unlike the governor of that name:
# https://docs.kernel.org/admin-guide/pm/intel_pstate.html, .../amd-pstate.html (active mode).
_FOLLOWING_DRIVERS = ("intel_pstate", "amd-pstate-epp", "amd_pstate_epp")
# These raise the clock only after a period in which they saw load (kernel, admin-guide/pm/cpufreq).
_LATE = ("ondemand", "conservative")
_POWER_MODEL = re.compile(r"<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+?)\s*>")


def governor(patient: Patient) -> Iterator[Finding]:
    """`powersave` keeps the lowest clock; `ondemand` is late."""
    governors = read_governors(patient.root)
    if not governors:
        yield unknown(
            "the kernel shows no clocks (no cpufreq under /sys)",
            "virtual machines and containers hide them: look on the host",
            "a governor that saves power makes single inferences slower",
        )
    driver = patient.root.read_text(f"{_CPU0}/scaling_driver")
    if "powersave" in governors and driver in _FOLLOWING_DRIVERS:
        yield Finding(
            NOTE,
            f"the governor is powersave of {driver}, which follows the load",
            "after a pause a core starts slowly, so single inferences take longer than many in a row",
            _PERFORMANCE,
        )
    elif "powersave" in governors:
        yield Finding(
            WARNING,
            "the governor is powersave" + ("" if driver else " (of which driver is not known)"),
            "it keeps cores at their lowest clock, unless the driver is intel_pstate or amd-pstate",
            _PERFORMANCE,
        )
    late = [name for name in governors if name in _LATE]
    if late:
        yield Finding(
            NOTE,
            f"the governor is {' and '.join(late)}",
            "it raises the clock late, so the first inferences after a pause are slow and vary",
            _PERFORMANCE,
        )


def power_mode(patient: Patient) -> Iterator[Finding]:
    """nvpmodel's mode, from its status file, against the modes of /etc/nvpmodel.conf."""
    if not patient.is_jetson:
        return
    modes = power_modes(patient.root)
    number = _mode_number(patient.root)
    if number is None or not modes:
        missing = "/var/lib/nvpmodel/status" if number is None else "/etc/nvpmodel.conf"
        yield unknown(
            f"nvpmodel's mode cannot be read (no {missing})", "ask it: sudo nvpmodel -q", "modes cap clocks"
        )
    elif number not in modes:
        yield unknown(
            f"nvpmodel is in mode {number}, which /etc/nvpmodel.conf does not list", "sudo nvpmodel -q"
        )
    else:
        largest = max(modes, key=lambda each: _rank(modes[each]))
        if _rank(modes[number]) < _rank(modes[largest]):
            yield Finding(
                WARNING,
                f"the power mode is {modes[number]} ({number}), the largest here is {modes[largest]}",
                "a smaller mode caps clocks and may switch cores off",
                f"sudo nvpmodel -m {largest}",
            )


def pinned(patient: Patient) -> Iterator[Finding]:
    """A Jetson's clocks, which `jetson_clocks` pins to the power mode's highest."""
    if not patient.is_jetson:
        return
    pinned = read_clocks_pinned(patient.root)
    if pinned is None:
        yield unknown(
            "whether clocks are pinned cannot be read (no cpufreq under /sys)", "sudo jetson_clocks --show"
        )
    elif not pinned:
        yield Finding(
            NOTE,
            "clocks are not pinned: they follow the load",
            "latencies vary with what ran before, and are longer after a pause",
            "sudo jetson_clocks",
        )


def power_modes(root: SysRoot) -> dict[int, str]:
    """Names by number, from the `< POWER_MODEL ID=2 NAME=MAXN >` lines; all other lines are passed over."""
    text = root.read_text("/etc/nvpmodel.conf") or ""
    return {int(number[:9]): name for number, name in _POWER_MODEL.findall(text)}


def _mode_number(root: SysRoot) -> int | None:
    digits = (read_power_mode(root) or "").removeprefix("nvpmodel ")
    return int(digits[:9]) if digits.isascii() and digits.isdigit() else None


def _rank(name: str) -> tuple[bool, int, int]:
    """Modes from the smallest up: MAXN is the largest, then by watts, then by cores."""
    watts = re.search(r"(\d{1,4})W", name)
    cores = re.search(r"(\d{1,3})_?CORE", name)
    return name.startswith("MAXN"), int(watts[1]) if watts else 0, int(cores[1]) if cores else 0
