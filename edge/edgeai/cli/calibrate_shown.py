"""A calibration as it is printed: the fit as a table, the overlay in words, and both as JSON."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import one_line
from ..power.unit import Reading, Unit
from ..quantities import power_text
from .output import table

if TYPE_CHECKING:
    from ..measure.calibration import Fit
    from ..measure.statistics import Estimate

_SCHEMA = 1


def fit_text(fit: Fit) -> str:
    """Readings beside what the line says of them, and the line itself with its intervals."""
    rows = [
        [
            str(reading.loaded),
            f"{reading.busy:.2f}",
            power_text(reading.power_w),
            power_text(fitted),
            f"{residual:+.3f} W",
            f"{100 * residual / reading.power_w:+.1f} %",
        ]
        for reading, fitted, residual in zip(fit.readings, fit.fitted_w, fit.residuals_w, strict=True)
    ]
    header = ["loaded", "busy cores", "read", "fitted", "residual", ""]
    return "\n".join(
        [
            table(rows, header, right=frozenset(range(6))),
            "",
            f"at rest         {_estimate(fit.idle_w)}",
            f"each busy core  {_estimate(fit.core_active_w)}",
            f"estimates carry {100 * fit.error:.0f} % as one standard deviation",
        ]
    )


def unit_lines(unit: Unit) -> str:
    """An overlay in words."""
    lines = [("file", one_line(unit.file or "not saved"))]
    if unit.profile:
        lines += [("board", unit.profile)]
    lines += [(f"serial ({kind})", one_line(text)) for kind, text in unit.serials.items()]
    if unit.idle_w is not None and unit.core_active_w is not None:
        lines += [("at rest", power_text(unit.idle_w)), ("each busy core", power_text(unit.core_active_w))]
    lines += [(f"shunt of {one_line(chip)}", f"{ohm:g} ohm") for chip, ohm in unit.shunts_ohm.items()]
    if unit.calibration:
        had = unit.calibration
        lines += [
            ("fitted", f"{one_line(had.date)}, {len(had.readings)} readings, {one_line(had.meter)}"),
            ("error", f"{100 * had.error:.0f} % as one standard deviation"),
        ]
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in lines)


def document(unit: Unit | None, file: Path | None, fit: Fit | None = None) -> dict[str, Any]:
    """One JSON document. unit: None without an overlay. file: where it lies; None where it is not saved."""
    return {
        "schema": _SCHEMA,
        "kind": "edgeai.calibrate",
        "file": None if file is None else str(file),
        "unit": None if unit is None else _unit(unit),
        "fit": None if fit is None else _fit(fit),
    }


def samples_csv(readings: tuple[Reading, ...]) -> str:
    """What `--samples` reads, so that readings that were refused need not all be taken again."""
    rows = [f"{each.loaded},{each.busy:g},{each.power_w:g}" for each in readings]
    return "\n".join(["loaded,busy,power_w", *rows])


def _unit(unit: Unit) -> dict[str, Any]:
    fields = dataclasses.asdict(unit)
    del fields["file"]
    return fields


def _fit(fit: Fit) -> dict[str, Any]:
    pairs = zip(fit.readings, fit.fitted_w, fit.residuals_w, strict=True)
    return {
        "idle_w": dataclasses.asdict(fit.idle_w),
        "core_active_w": dataclasses.asdict(fit.core_active_w),
        "error": fit.error,
        "readings": [
            {**dataclasses.asdict(reading), "fitted_w": fitted, "residual_w": residual}
            for reading, fitted, residual in pairs
        ],
    }


def _estimate(estimate: Estimate) -> str:
    assert estimate.low is not None
    assert estimate.high is not None
    interval = f"{power_text(estimate.low)} to {power_text(estimate.high)}"
    return f"{power_text(estimate.value)} (95 %: {interval})"
