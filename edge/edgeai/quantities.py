"""Numbers with units for people: three significant digits and the prefix that fits."""

from __future__ import annotations

from collections.abc import Callable

_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_ENERGIES = ((1e3, "kJ"), (1.0, "J"), (1e-3, "mJ"), (1e-6, "µJ"), (1e-9, "nJ"))
_POWERS = ((1.0, "W"), (1e-3, "mW"))
_BYTES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_COUNTS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_MOST = 1e300
"""Damaged files may claim whole numbers that no float can hold, which division would stumble over."""


def time_text(seconds: float) -> str:
    """0.01234 -> `12.3 ms`."""
    scale, unit = time_unit(seconds)
    return f"{digits(seconds / scale)} {unit}"


def time_unit(seconds: float) -> tuple[float, str]:
    """The unit that fits, and what it is in seconds: 0.01234 -> `(0.001, "ms")`."""
    rounded = _rounded(seconds)
    return next((pair for pair in _TIMES if abs(rounded) >= pair[0]), _TIMES[-1])


def bytes_text(size: float) -> str:
    """12345678 -> `12.3 MB`; decimal units, as disks and the field use."""
    size = min(size, _MOST)
    for scale, unit in _BYTES:
        if abs(_rounded(size)) >= scale:
            return f"{digits(size / scale)} {unit}"
    return f"{size:.0f} B"


def rate_text(per_second: float) -> str:
    """8123.4 -> `8,120/s`."""
    return f"{digits(per_second)}/s"


def energy_text(joules: float, *, rough: bool = False) -> str:
    """0.01234 -> `12.3 mJ`; rough, of an estimate: `~12 mJ`."""
    return _with_unit(joules, _ENERGIES, rough)


def power_text(watts: float, *, rough: bool = False) -> str:
    """9.2502 -> `9.25 W`, 0.0202 -> `20.2 mW`; rough, of an estimate: `~9.3 W`."""
    return _with_unit(watts, _POWERS, rough)


def count_text(number: float) -> str:
    """300774272 -> `301 M`: of operations."""
    number = min(number, _MOST)
    for scale, unit in _COUNTS:
        if abs(_rounded(number)) >= scale:
            return f"{digits(number / scale)} {unit}"
    return f"{number:.0f}"


def share_text(value: float) -> str:
    """Four digits; shares near 1 keep those that tell them apart, such as 0.99991."""
    return f"{value:.6g}" if 0.999 <= value < 1 else f"{value:.4g}"


def percent_text(share: float) -> str:
    """0.0523 -> `5.23 %`."""
    return f"{digits(100 * share)} %"


def change_text(ratio: float) -> str:
    """1.0523 -> `+5.23 %`, 0.5 -> `-50.0 %`; to a hundredth of a percent, which no measurement gets below."""
    percent = round(100 * (min(ratio, _MOST) - 1), 2)
    return f"{'+' if percent > 0 else ''}{digits(percent)} %"


def digits(value: float) -> str:
    """Three significant digits, thousands grouped."""
    value = _rounded(value)
    if value == 0:
        return "0"
    if abs(value) < 1 or abs(value) >= 1e15:
        return f"{value:.3g}"
    decimals = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:,.{decimals}f}"


def rough_digits(value: float) -> str:
    """Two significant digits, thousands grouped: of an estimate, whose third says nothing."""
    value = float(f"{value:.2g}")
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.2g}" if abs(value) < 1 else f"{value:.1f}"


def error_text(value: float, half: float, write: Callable[..., str]) -> str:
    """`±30 %`: half the interval of an estimate; in its own unit where the value is not above 0.

    write: `energy_text` or the like.
    """
    if value > 0:
        return f"±{rough_digits(100 * half / value)} %"
    return f"±{write(half, rough=True).lstrip('~')}"


def _with_unit(value: float, units: tuple[tuple[float, str], ...], rough: bool) -> str:
    """In the largest unit that the value is not below; 0 has the one without a prefix."""
    rounded = abs(float(f"{value:.2g}") if rough else _rounded(value))
    fits = [pair for pair in units if (rounded >= pair[0] if rounded else pair[0] == 1)]
    scale, unit = fits[0] if fits else units[-1]
    return f"~{rough_digits(value / scale)} {unit}" if rough else f"{digits(value / scale)} {unit}"


def _rounded(value: float) -> float:
    """Rounded before unit and decimals are chosen: 999.6 µs is 1.00 ms, never 1000 µs."""
    return float(f"{value:.3g}")
