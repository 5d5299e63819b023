"""Numbers with units for people: three significant digits and the prefix that fits."""

from __future__ import annotations

from edgeai.measure.statistics import Estimate

_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


def time_text(seconds: float) -> str:
    """0.01234 -> `12.3 ms`."""
    scale, unit = next((pair for pair in _TIMES if abs(seconds) >= pair[0]), _TIMES[-1])
    return f"{digits(seconds / scale)} {unit}"


def bytes_text(size: float) -> str:
    """12345678 -> `12.3 MB`; decimal units, as disks and the field use."""
    for scale, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(size) >= scale:
            return f"{digits(size / scale)} {unit}"
    return f"{size:.0f} B"


def rate_text(per_second: float) -> str:
    """8123.4 -> `8,120/s`."""
    return f"{digits(per_second)}/s"


def digits(value: float) -> str:
    """Three significant digits, thousands grouped."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        rounded = float(f"{value:.3g}")
        return f"{rounded:,.0f}"
    decimals = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:.{decimals}f}" if abs(value) >= 1 else f"{value:.3g}"


def interval_text(estimate: Estimate, write: object = time_text) -> str:
    """` [low, high]`, or nothing where there is no interval."""
    assert callable(write)
    if estimate.low is None or estimate.high is None:
        return ""
    return f"[{write(estimate.low)}, {write(estimate.high)}]"
