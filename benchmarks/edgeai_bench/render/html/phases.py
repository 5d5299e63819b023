"""Time and RAM of each phase of a process: a table whose bars are the chart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgeai.markup import Markup, element
from edgeai.measure.statistics import Estimate
from edgeai.quantities import bytes_text, time_text

from ...report import PhaseRecord, Report
from ..charts.bars import bar
from ..intervals import interval_text
from .parts import UNKNOWN, bytes_or_unknown, facts, section, table


@dataclass(frozen=True)
class Phase:
    """Means over the processes; None where any process does not know it."""

    name: str
    duration_s: float
    peak: float | None
    resident: float | None
    anonymous: float | None


def memory_section(report: Report) -> Markup:
    """RAM by phase."""
    phases = list(_phases(report))
    known = [value for phase in phases for value in (phase.peak, phase.resident) if value is not None]
    memory = report.memory
    totals = {
        "peak": _estimate(memory.peak),
        "above the baseline": _estimate(memory.incremental),
        "anonymous": f"{_estimate(memory.anonymous)}; above the baseline "
        f"{bytes_or_unknown(memory.incremental_anonymous)}",
        "PSS": _estimate(memory.pss),
    }
    if not known:
        reason = "unavailable: the kernel told no process's RAM (/proc/self/status)"
        return section("RAM by phase", element("p", reason, class_="missing"), facts(totals))
    rows = [_row(phase, max(known)) for phase in phases]
    header = [("phase", ""), ("RAM", "wide"), ("peak", "number"), ("anonymous", "number"), ("took", "number")]
    legend = (
        "Bars: at the end of the phase; dark is anonymous memory, which the kernel cannot take back, light "
        "is files and shared memory. The line is the phase's peak. Means over the processes."
    )
    return section(
        "RAM by phase",
        element("p", legend, class_="about"),
        table("RAM by phase", header, rows, class_="bars"),
        facts(totals),
    )


def start_section(report: Report) -> Markup:
    """From nothing to the first result, as bars one after the other."""
    start = report.start
    steps = [
        ("interpreter", start.interpreter),
        ("imports", start.imports),
        ("load", start.load),
        ("first inference", start.first_inference),
    ]
    whole = sum(max(estimate.value, 0.0) for _, estimate in steps)
    if whole <= 0:
        return Markup()
    rows, begun = [], 0.0
    for name, estimate in steps:
        end = begun + max(estimate.value, 0.0) / whole
        took = time_text(estimate.value)
        rows.append(
            [name, bar([(begun, end, "step")], title=f"{name}: {took}"), took, interval_text(estimate)]
        )
        begun = end
    header = [("step", ""), ("one after the other", "wide"), ("took", "number"), ("[low, high]", "number")]
    return section("Start", table("Start", header, rows, class_="bars"))


def _phases(report: Report) -> Iterator[Phase]:
    by_name: dict[str, list[PhaseRecord]] = {}
    for process in report.processes:
        for phase in process.phases:
            by_name.setdefault(phase.name, []).append(phase)
    for name, records in by_name.items():
        yield Phase(
            name,
            sum(record.duration_s for record in records) / len(records),
            _mean([record.memory.peak_bytes for record in records]),
            _mean([record.memory.resident_bytes for record in records]),
            _mean([record.memory.anonymous_bytes for record in records]),
        )


def _row(phase: Phase, most: float) -> list[str]:
    pieces: list[tuple[float, float, str]] = []
    resident, anonymous = phase.resident, phase.anonymous
    most = max(most, 1.0)
    if anonymous is not None:
        pieces.append((0.0, anonymous / most, "anonymous"))
    if resident is not None:
        pieces.append(((anonymous or 0.0) / most, resident / most, "files"))
    peak = None if phase.peak is None else phase.peak / most
    told = f"{phase.name}: peak {_bytes(phase.peak)}, at its end {_bytes(resident)}"
    return [
        phase.name,
        bar(pieces, peak, told) if pieces or peak is not None else UNKNOWN,
        _bytes(phase.peak),
        _bytes(anonymous),
        time_text(phase.duration_s),
    ]


def _mean(values: Sequence[int | None]) -> float | None:
    told = [value for value in values if value is not None]
    return sum(told) / len(told) if told and len(told) == len(values) else None


def _bytes(value: float | None) -> str:
    return UNKNOWN if value is None else bytes_text(value)


def _estimate(estimate: Estimate | None) -> str:
    if estimate is None:
        return UNKNOWN
    return f"{bytes_text(estimate.value)} {interval_text(estimate, bytes_text)}".rstrip()
