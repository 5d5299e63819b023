"""The runs as Markdown, for issues, pull requests and READMEs: one table, then warnings and what failed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from edgeai.errors import one_line
from edgeai.measure.statistics import Estimate
from edgeai.quantities import bytes_text, rate_text, time_text

from ..report import Failure, Report
from .energy import COLUMN as ENERGY
from .energy import energy_cell, energy_legend, scopes, why_unavailable
from .intervals import interval_text
from .names import labels
from .table import doubts_by_name

_COLUMNS = (
    "run", "verdict", "p50", "p90", "p99", "first result", "RAM above baseline", "RAM peak", "CPU per call",
    "rate",
)  # fmt: skip
_MEANINGFUL = re.compile(r"[\\`*_\[\]<>#|~&@$]|(?<=[a-zA-Z]):(?=//)|(?<=www)\.")
"""What Markdown or GitHub reads as more than a letter inside a line: `@` and `#` name people and issues."""


def markdown_text(reports: Sequence[Report], failures: Sequence[Failure]) -> str:
    """A whole document."""
    named = list(zip(labels(reports), reports, strict=True))
    parts = []
    if named:
        parts += ["\n".join(_table(named)), _legend(reports)]
        missing = [f"- energy {plain(why, 600)}" for why in why_unavailable(reports)]
        parts += ["\n".join([*missing, *_machines(reports)])]
    doubts = "\n".join(_doubts(named))
    parts += [f"**Warnings**\n\n{doubts}"] if doubts else []
    failed = "\n".join(_failures(failures))
    parts += [f"**Not measured**\n\n{failed}"] if failed else []
    return "\n\n".join(parts or ["Nothing was measured."]) + "\n"


def plain(text: object, limit: int = 300) -> str:
    """A text that Markdown shows as it is, on one line."""
    return _MEANINGFUL.sub(lambda found: f"\\{found[0]}", one_line(text, limit))


def _table(named: Sequence[tuple[str, Report]]) -> Iterator[str]:
    covered = scopes([report for _, report in named])
    columns = [*_COLUMNS, *([ENERGY] if covered else [])]
    yield f"| {' | '.join(columns)} |"
    yield f"|{'|'.join('---' if at < 2 else '--:' for at in range(len(columns)))}|"
    for name, report in named:
        energy = [plain(energy_cell(report, scoped=len(covered) > 1))] if covered else []
        yield f"| {' | '.join([*_cells(name, report), *energy])} |"


def _cells(name: str, report: Report) -> list[str]:
    latency, memory = report.latency, report.memory
    quick = ", quick" if report.settings.quick else ""
    return [
        plain(name),
        f"**{plain(report.verdict)}**{quick}",
        f"**{_time(latency.p50)}**" + (f" {_bounds(latency.p50)}" if latency.p50 else ""),
        _time(latency.p90),
        _time(latency.p99),
        time_text(report.start.load_to_first_result.value),
        _bytes(memory.incremental),
        _bytes(memory.peak),
        time_text(report.cpu_s_per_inference.value),
        rate_text(report.throughput_hz.value),
    ]


def _legend(reports: Sequence[Report]) -> str:
    quick = any(report.settings.intervals != "95 %" for report in reports)
    brackets = "the 95 % interval" + (" (of quick runs: the range of the processes)" if quick else "")
    energy = "".join(f" {line}." for line in energy_legend(reports).splitlines() if line)
    told = "First result: load and first inference. \u2013: too few samples."
    return f"In brackets: {brackets}. {told}" + plain(energy)


def _machines(reports: Sequence[Report]) -> Iterator[str]:
    told = [
        f"- {'' if each.board is None else f'{plain(each.board)}: '}"
        f"{plain(each.device_model or each.machine)} ({plain(each.device_profile)}), "
        f"kernel {plain(each.kernel)}, {plain(each.backend)} {plain(each.library_version)}, "
        f"{each.threads} threads, edgeai {plain(each.edgeai_version)}"
        for each in (report.identity for report in reports)
    ]
    yield from dict.fromkeys(told)


def _doubts(named: Sequence[tuple[str, Report]]) -> Iterator[str]:
    if len(named) == 1:
        for doubt in named[0][1].warnings:
            text = "; ".join(filter(None, (doubt.message, doubt.advice)))
            yield f"- {plain(doubt.effect)}, **{plain(doubt.name)}**: {plain(text, 1000)}"
        return
    for (effect, doubt_name, text), runs in doubts_by_name(named).items():
        which = "every run" if len(runs) == len(named) else ", ".join(map(plain, runs))
        yield f"- {plain(effect)}, **{plain(doubt_name)}** ({which}): {plain(text, 1000)}"


def _failures(failures: Sequence[Failure]) -> Iterator[str]:
    for failure in failures:
        backend = f" on {plain(failure.backend)}" if failure.backend else ""
        word = "skipped" if failure.skipped else "failed"
        yield f"- **{plain(failure.model)}**{backend} {word}: {plain(failure.message, 1000)}"


def _time(estimate: Estimate | None) -> str:
    return "\u2013" if estimate is None else time_text(estimate.value)


def _bytes(estimate: Estimate | None) -> str:
    return "unknown" if estimate is None else bytes_text(estimate.value)


def _bounds(estimate: Estimate) -> str:
    """The interval, whose brackets are no link."""
    return interval_text(estimate).replace("[", "\\[").replace("]", "\\]")
