"""Numbers with units for people: three significant digits and the prefix that fits."""

from __future__ import annotations

from collections.abc import Callable

from edgeai.measure.statistics import Estimate

_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


def time_text(seconds: float) -> str:
    """0.01234 -> `12.3 ms`."""
    rounded = _rounded(seconds)
    scale, unit = next((pair for pair in _TIMES if abs(rounded) >= pair[0]), _TIMES[-1])
    return f"{digits(seconds / scale)} {unit}"


def bytes_text(size: float) -> str:
    """12345678 -> `12.3 MB`; decimal units, as disks and the field use."""
    for scale, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(_rounded(size)) >= scale:
            return f"{digits(size / scale)} {unit}"
    return f"{size:.0f} B"


def rate_text(per_second: float) -> str:
    """8123.4 -> `8,120/s`."""
    return f"{digits(per_second)}/s"


def digits(value: float) -> str:
    """Three significant digits, thousands grouped."""
    value = _rounded(value)
    if value == 0:
        return "0"
    if abs(value) < 1:
        return f"{value:.3g}"
    decimals = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:,.{decimals}f}"


def interval_text(estimate: Estimate, write: Callable[[float], str] = time_text) -> str:
    """`[low, high]`, or nothing where there is no interval."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"[{write(estimate.low)}, {write(estimate.high)}]"


def _rounded(value: float) -> float:
    """Rounded before unit and decimals are chosen: 999.6 µs is 1.00 ms, never 1000 µs."""
    return float(f"{value:.3g}")
