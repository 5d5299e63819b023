"""Several runs side by side."""

from __future__ import annotations

from collections.abc import Sequence

from edgeai.markup import Markup, element, joined
from edgeai.measure.statistics import Estimate
from edgeai.quantities import rate_text, time_text

from ...report import Failure, Report
from ..charts.bars import whisker
from ..charts.distribution import COLOURS, ecdf_of_runs
from ..energy import COLUMN as ENERGY
from ..energy import energy_cell, energy_legend, scopes
from ..intervals import interval_text
from .parts import bytes_or_unknown, plural, table
from .verdict import badge

_SEVERAL = 2


def comparison(named: Sequence[tuple[str, Report]], points: int) -> Markup:
    """A row a run, and all their latencies in one plot; nothing where there is one run."""
    if len(named) < _SEVERAL:
        return Markup()
    ends = [end for _, report in named for end in _ends(report.latency.p50)]
    most = max(ends, default=0.0) or 1.0
    header = [
        ("run", "name"),
        ("verdict", ""),
        ("p50 and its interval", "wide"),
        ("p50", "number"),
        ("p90", "number"),
        ("p99", "number"),
        ("first result", "number"),
        ("RAM above base", "number"),
        ("CPU/call", "number"),
        ("rate", "number"),
    ]
    covered = scopes([report for _, report in named])
    if covered:
        header.append((ENERGY, "number"))
    rows = [
        [
            *_row(number, name, report, most),
            *([energy_cell(report, scoped=len(covered) > 1)] if covered else []),
        ]
        for number, (name, report) in enumerate(named)
    ]
    legend = (
        "Bars and brackets are "
        + ("95 % intervals" if all(report.settings.intervals == "95 %" for _, report in named) else _MIXED)
        + ". Where they overlap, the order of two runs is open."
    )
    return element(
        "section",
        element("h2", "Side by side"),
        table("Runs side by side", header, rows, class_="runs"),
        element("p", legend, " ", energy_legend([report for _, report in named]).strip(), class_="about"),
        ecdf_of_runs(named, points),
    )


_MIXED = "95 % intervals, or of quick runs the range of their processes"


def failures_section(failures: Sequence[Failure]) -> Markup:
    """What could not be measured, and why."""
    if not failures:
        return Markup()
    return element(
        "section",
        element("h2", "Not measured"),
        *(
            element(
                "div",
                element(
                    "p",
                    element("b", failure.model),
                    f" on {failure.backend}" if failure.backend else "",
                    " ",
                    element("small", "skipped" if failure.skipped else f"failed: {failure.error}"),
                ),
                element("p", failure.message),
                class_=f"doubt {'note' if failure.skipped else 'invalid'}",
            )
            for failure in failures
        ),
    )


def summary(named: Sequence[tuple[str, Report]], failures: Sequence[Failure]) -> str:
    """How many runs came to which verdict."""
    counts: dict[str, int] = {}
    for _, report in named:
        counts[report.verdict] = counts.get(report.verdict, 0) + 1
    told = [plural(len(named), "run")] + [f"{count} {verdict}" for verdict, count in counts.items()]
    skipped = sum(failure.skipped for failure in failures)
    failed = len(failures) - skipped
    told += [f"{failed} failed"] if failed else []
    told += [f"{skipped} skipped"] if skipped else []
    return ", ".join(told)


def _row(number: int, name: str, report: Report, most: float) -> list[str]:
    latency = report.latency
    link = element("a", name, href=f"#run-{number + 1}")
    colour = f"run{number}" if number < COLOURS else ""
    return [
        link,
        badge(report),
        _whisker(latency.p50, most, colour),
        _time(latency.p50),
        _time(latency.p90),
        _time(latency.p99),
        time_text(report.start.load_to_first_result.value),
        joined(
            bytes_or_unknown(report.memory.incremental),
            element("small", f"peak {bytes_or_unknown(report.memory.peak)}"),
        ),
        time_text(report.cpu_s_per_inference.value),
        rate_text(report.throughput_hz.value),
    ]


def _whisker(estimate: Estimate | None, most: float, class_: str) -> Markup:
    if estimate is None:
        return Markup("-")
    low, high = (None if end is None else end / most for end in (estimate.low, estimate.high))
    return whisker(estimate.value / most, low, high, class_)


def _ends(estimate: Estimate | None) -> list[float]:
    if estimate is None:
        return []
    return [end for end in (estimate.value, estimate.high) if end is not None]


def _time(estimate: Estimate | None) -> Markup:
    if estimate is None:
        return Markup("-")
    return joined(time_text(estimate.value), element("small", interval_text(estimate)))
