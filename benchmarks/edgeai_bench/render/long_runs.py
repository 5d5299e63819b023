"""The parts of a page and of the overview that are about an MLPerf scenario and a soak."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterator, Sequence

from edgeai.cli.output import table
from edgeai.quantities import bytes_text, digits, rate_text, time_text
from edgeai.unavailable import Unavailable

from ..mlperf import MlperfResult
from ..report import Report
from ..soak_report import SoakCourse, SoakMinute, SoakResult
from .energy import query_text

LONG_COLUMNS = ("MLPerf", "sustained")
"""What the overview has besides where any run has them."""
_MOST_MINUTES = 12
_INDENT = " " * 11


def long_run_cells(report: Report) -> dict[str, str]:
    """A run's cells in those columns."""
    mlperf, soak = report.mlperf, report.soak
    sustained = "" if soak is None else "-" if soak.sustained is None else f"{soak.sustained.ratio:.1%}"
    return {"MLPerf": "" if mlperf is None else _figure(mlperf), "sustained": sustained}


def long_run_legend(reports: Sequence[Report]) -> str:
    """What those columns mean, where there are any."""
    lines = ""
    if any(report.mlperf is not None for report in reports):
        lines += "\nMLPerf = early-stopping estimate, or samples per second; * = not by the rules"
    if any(report.soak is not None for report in reports):
        lines += "\nsustained = rate at the end of the soak, of that in its first minute"
    return lines


def mlperf_lines(result: MlperfResult) -> Iterator[str]:
    """A scenario: its figure first, and whether it is by the rules."""
    yield f"{'MLPerf':<11}{result.scenario} {_headline(result)}"
    judged = "by the rules" if result.by_the_rules else f"NOT by the rules: {'; '.join(result.reasons)}"
    yield from _wrapped(f"{_counts(result)}; {judged}")
    if result.server is not None:
        server = result.server
        says = {True: "kept", False: "NOT kept", None: "undecided: too few queries"}[server.holds]
        yield (
            f"{_INDENT}limit p99 <= {time_text(server.limit_s)} at {rate_text(server.rate_hz)}: {says}; "
            f"{server.over:,} queries over it"
        )
    yield from _wrapped(f"samples: {result.samples_from}; drawn from seed {result.seed}")
    if result.energy is not None:
        yield from _wrapped(f"energy {query_text(result.energy)}")
    yield from _wrapped(f"accuracy unavailable: {result.accuracy.unavailable}; {result.accuracy.advice}")


def soak_lines(soak: SoakResult) -> Iterator[str]:
    """A soak: the sustained rate first, then how it went."""
    if soak.sustained is None:
        told = "too few blocks to compare"
    else:
        low, high = soak.sustained.low, soak.sustained.high
        told = f"{soak.sustained.ratio:.1%} [{low:.1%}, {high:.1%}]"
    yield (
        f"{'soak':<11}sustained {rate_text(soak.sustained_hz)}, which is {told} of the first "
        f"{time_text(soak.first_s)}'s {rate_text(soak.first_hz)}"
    )
    yield f"{_INDENT}{soak.runs:,} runs in {time_text(soak.duration_s)}{_drift_text(soak)}"
    yield from _wrapped(_growth_text(soak))
    yield from _wrapped(_course_text("clock", soak.clock_hz, lambda hz: f"{hz / 1e9:.2f} GHz"))
    yield from _wrapped(_course_text("temperature", soak.temperature_c, lambda c: f"{c:.1f} °C"))
    throttling = soak.throttling
    if isinstance(throttling, Unavailable):
        yield from _wrapped(f"throttling unavailable: {throttling.unavailable}; {throttling.advice}")
    else:
        yield from _wrapped(f"throttling: {', '.join(throttling) or 'none seen'}")
    rows = [_minute_row(minute) for minute in _some(soak.minutes)]
    for line in table(rows, ["minute", "p50", "max", "rate"], frozenset({0, 1, 2, 3})).splitlines():
        yield f"{_INDENT}{line}"


def _headline(result: MlperfResult) -> str:
    if result.latency is None or result.percentile is None:
        return f"{rate_text(result.samples_per_s)} samples"
    share = f"p{float(result.percentile) * 100:g}"
    itself = f"{share} itself {time_text(result.latency.quantiles[result.percentile])}"
    if result.estimate_s is None:
        return f"{share} unknown by early stopping: too few queries; {itself}"
    dropped = result.latency.dropped[result.percentile]
    return f"{share} {time_text(result.estimate_s)} by early stopping, {dropped:,} slowest dropped; {itself}"


def _counts(result: MlperfResult) -> str:
    size = result.samples_per_query or result.samples
    each = "sample" if size == 1 else "samples"
    batch = f" in batches of {result.batch}" if result.batch > 1 else " one by one" if size > 1 else ""
    queries = "1 query" if result.queries == 1 else f"{result.queries:,} queries"
    rate = rate_text(result.samples_per_s)
    return f"{queries} of {size:,} {each}{batch} in {time_text(result.duration_s)}, {rate} samples"


def _figure(result: MlperfResult) -> str:
    star = "" if result.by_the_rules else "*"
    if result.percentile is None:
        return rate_text(result.samples_per_s) + star
    return ("-" if result.estimate_s is None else time_text(result.estimate_s)) + star


def _drift_text(soak: SoakResult) -> str:
    drift = soak.drift
    if drift is None:
        return ""
    return (
        f"; rate from beginning to end {_signed(drift.value)} [{_signed(drift.low)}, {_signed(drift.high)}]"
    )


def _growth_text(soak: SoakResult) -> str:
    growth = soak.growth_bytes_per_hour
    if isinstance(growth, Unavailable):
        return f"RAM growth unavailable: {growth.unavailable}; {growth.advice}"
    low, high = growth.low or 0.0, growth.high or 0.0
    return (
        f"anonymous RAM grew by {bytes_text(soak.grown_bytes or 0.0)}: {bytes_text(growth.value)} an hour "
        f"[{bytes_text(low)}, {bytes_text(high)}], peak "
        + ("unknown" if soak.peak_bytes is None else bytes_text(soak.peak_bytes))
    )


def _course_text(name: str, course: SoakCourse | Unavailable, write: Callable[[float], str]) -> str:
    if isinstance(course, Unavailable):
        return f"{name} unavailable: {course.unavailable}; {course.advice}"
    span = f"lowest {write(course.low)}, highest {write(course.high)}"
    return f"{name} {write(course.first)} at first, {write(course.last)} at last; {span}"


def _minute_row(minute: SoakMinute) -> list[str]:
    return [
        str(round(minute.start_s / 60) + 1),
        time_text(minute.p50_s),
        time_text(minute.max_s),
        rate_text(minute.rate_hz),
    ]


def _some(minutes: tuple[SoakMinute, ...]) -> list[SoakMinute]:
    """At most a screenful, evenly, the first and the last among them; the JSON has all."""
    step = math.ceil(len(minutes) / _MOST_MINUTES)
    kept = list(minutes[::step])
    return kept if kept[-1] is minutes[-1] else [*kept, minutes[-1]]


def _signed(share: float | None) -> str:
    return "" if share is None else f"{'+' if share >= 0 else '-'}{digits(abs(share) * 100)}%"


def _wrapped(text: str) -> list[str]:
    """Below the heading, in a terminal of 110 columns."""
    return textwrap.wrap(
        text,
        110,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
