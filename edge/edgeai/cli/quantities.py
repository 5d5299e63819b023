"""Numbers as people read them: sizes, counts, figures of quality."""

from __future__ import annotations

_MOST = 1e300
"""Damaged files may claim whole numbers that no float can hold, which division would stumble over."""


def size(size_bytes: float) -> str:
    """Such as `1.2 MB`: units of 1000, as disks and downloads are sold."""
    size_bytes = min(size_bytes, _MOST)
    if size_bytes < 1000:
        return f"{size_bytes:g} B"
    for factor, unit in ((1e3, "kB"), (1e6, "MB"), (1e9, "GB")):
        if size_bytes < 999.5 * factor or unit == "GB":
            return f"{size_bytes / factor:.3g} {unit}"
    raise AssertionError


def count(number_: float) -> str:
    """Such as `301 M`: of operations."""
    for factor, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number_ >= 0.9995 * factor:
            return f"{number_ / factor:.3g} {unit}"
    return f"{number_:g}"


def number(value: float) -> str:
    """Four digits; shares near 1 keep those that tell them apart, such as 0.99991."""
    if 0.999 <= value < 1:
        return f"{value:.6g}"
    return f"{value:.4g}"
