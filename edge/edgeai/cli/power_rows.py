"""`edgeai power` for programs: JSON lines, CSV rows, and the documents of `--list` and `record`.

JSON is as `power.schema.json` beside this says.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ..power import MeterInfo

if TYPE_CHECKING:
    from ..measure.power_record import Recorded
    from ..measure.power_watch import PowerLook
    from ..power import Site
    from ..unavailable import Unavailable

SCHEMA = 1


def look_document(look: PowerLook, info: MeterInfo | Unavailable) -> dict[str, object]:
    """One line of `--json`: null where something could not be read; `unavailable` says why power is."""
    seen = look.conditions
    why = look.why if isinstance(info, MeterInfo) else info
    return {
        "schema": SCHEMA,
        "kind": "edgeai.power",
        "time_utc": _now(),
        "time_s": look.time_s,
        "meter": info.name if isinstance(info, MeterInfo) else None,
        "scope": info.scope if isinstance(info, MeterInfo) else None,
        "is_estimate": info.is_estimate if isinstance(info, MeterInfo) else None,
        "power_w": look.power_w,
        "energy_j": look.energy_j,
        "rails": [dataclasses.asdict(rail) for rail in look.rails],
        "failed_reads": look.failed_reads,
        "unavailable": None if why is None else dataclasses.asdict(why),
        "temperatures_c": seen.temperatures_c,
        "frequencies_hz": seen.frequencies_hz,
        "governors": seen.governors,
        "power_mode": seen.power_mode,
        "clocks_pinned": seen.clocks_pinned,
        "throttle_now": seen.throttle_now,
        "throttle_counts": seen.throttle_counts,
    }


class Rows:
    """The lines of `--csv`. Columns are those of the first look; units stand in their names."""

    def __init__(self, first: PowerLook) -> None:
        self._zones = tuple(first.conditions.temperatures_c)
        self._rails = tuple(rail.name for rail in first.rails)
        self._cores = range(len(first.conditions.frequencies_hz))

    def header(self) -> str:
        """The names."""
        return csv_line(
            [
                "time_utc", "time_s", "power_w", "energy_j", "failed_reads",
                *(f"rail_w:{name}" for name in self._rails),
                *(f"temperature_c:{name}" for name in self._zones),
                *(f"frequency_hz:{core}" for core in self._cores),
                "throttle_now", "unavailable",
            ]
        )  # fmt: skip

    def row(self, look: PowerLook) -> str:
        """A look; empty where something was not read."""
        seen, rails = look.conditions, {rail.name: rail.power_w for rail in look.rails}
        clocks = seen.frequencies_hz
        return csv_line(
            [
                _now(), look.time_s, look.power_w, look.energy_j, look.failed_reads,
                *(rails.get(name) for name in self._rails),
                *(seen.temperatures_c.get(name) for name in self._zones),
                *(clocks[core] if core < len(clocks) else None for core in self._cores),
                "; ".join(seen.throttle_now),
                None if look.why is None else look.why.unavailable,
            ]
        )  # fmt: skip


def csv_line(cells: Sequence[object]) -> str:
    """One line without its end."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(["" if cell is None else cell for cell in cells])
    return out.getvalue()


def meters_document(site: Site) -> dict[str, Any]:
    """Every meter of the table: what it covers here, or why it does not work here and what to do."""
    return {"schema": SCHEMA, "kind": "edgeai.power.meters", "meters": [*_meters(site)]}


def _meters(site: Site) -> list[dict[str, object]]:
    from ..power import METERS, find_meter
    from ..unavailable import Unavailable

    told: list[dict[str, object]] = []
    for name in METERS:
        found = find_meter(site, name)
        if isinstance(found, Unavailable):
            told.append({"name": name, "works": False, **dataclasses.asdict(found)})
            continue
        told.append({"name": name, "works": True, **dataclasses.asdict(found.info)})
        found.close()
    return told


def record_document(recorded: Recorded) -> dict[str, object]:
    """What `record --json` prints."""
    return {
        "schema": SCHEMA,
        "kind": "edgeai.power.record",
        "command": recorded.command,
        "exit_code": recorded.exit_code,
        "duration_s": recorded.duration_s,
        "energy": dataclasses.asdict(recorded.energy),
    }


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
