"""What throttles the board: too weak a supply, heat, current."""

from __future__ import annotations

from collections.abc import Iterator

from ..measure.conditions import read_throttling
from .finding import BROKEN, WARNING, Finding, unknown
from .patient import Patient

_VOLTAGE = "under-voltage"
_CURRENT = "over-current or under-voltage"
_LATCHED = " since boot"
_X86 = "thermal throttling of "
_SLOWER = "clocks are cut while it lasts, so latencies are longer and vary"


def under_voltage(patient: Patient) -> Iterator[Finding]:
    """Raspberry Pi: the firmware's bits 0 and 16, rpi_volt's alarm. Jetson: events of soctherm."""
    seen = read_throttling(patient.root)
    events = {name: count for name, count in seen.counts.items() if name.startswith(_CURRENT) and count}
    if _VOLTAGE in seen.now:
        yield Finding(
            BROKEN,
            "the supply is too weak at this moment (under-voltage)",
            f"{_SLOWER}, and SD cards and USB devices may fail",
            _stronger(patient),
        )
    elif seen.counts.get(_VOLTAGE + _LATCHED):
        yield Finding(
            WARNING,
            "the supply was too weak at some time since boot (under-voltage; not now)",
            f"under load {_SLOWER}; it comes back when the load does",
            _stronger(patient),
        )
    elif events:
        named = ", ".join(f"{name} {count}x" for name, count in events.items())
        yield Finding(
            WARNING,
            f"the module was throttled by its supply since boot: {named}",
            _SLOWER,
            "give it a stronger supply, or a lower power mode: sudo nvpmodel -m ID",
        )
    elif patient.is_pi and not _sees_voltage(patient):
        yield _no_firmware(patient)


def throttling(patient: Patient) -> Iterator[Finding]:
    """Clocks that are held down now, and bits and counters since boot; under-voltage has its own check."""
    seen = read_throttling(patient.root)
    now = [name for name in seen.now if name != _VOLTAGE]
    past = {
        name: count
        for name, count in seen.counts.items()
        if count and not name.startswith((_VOLTAGE, _CURRENT)) and name.removesuffix(_LATCHED) not in now
    }
    cool = "cool it (heat sink, fan), or give it less work; then look again: edgeai doctor --only throttling"
    if now:
        yield Finding(BROKEN, f"clocks are held down at this moment: {', '.join(now)}", _SLOWER, cool)
    if past:
        named = ", ".join(
            name.removesuffix(_LATCHED) + (f" {count}x" if name.startswith(_X86) else "")
            for name, count in past.items()
        )
        yield Finding(WARNING, f"throttled since boot, and not now: {named}", f"under load {_SLOWER}", cool)
    if not now and not past and not seen.counts and patient.device.profile.sensors.throttle:
        yield _no_firmware(patient)


def _sees_voltage(patient: Patient) -> bool:
    root = patient.root
    return _VOLTAGE + _LATCHED in read_throttling(root).counts or any(
        root.read_text(path) == "rpi_volt" for path in root.glob("/sys/class/hwmon/hwmon*/name")
    )


def _stronger(patient: Patient) -> str:
    if patient.device.profile.id in ("raspberry-pi-5", "raspberry-pi-cm5"):
        return "use the 5 V 5 A supply made for it, and a short cable"
    return "use the supply made for the board, and a short cable"


def _no_firmware(patient: Patient) -> Finding:
    wanted = ", ".join(patient.device.profile.sensors.throttle)
    return unknown(
        f"the kernel shows none of what tells of throttling here ({wanted})",
        "mount /sys into the container, or use the vendor's kernel; virtual machines hide it",
        "a throttled board gives longer latencies without a word",
    )
