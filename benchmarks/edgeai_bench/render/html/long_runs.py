"""An MLPerf scenario and a soak, where they were asked for."""

from __future__ import annotations

from collections.abc import Callable

from edgeai.markup import Markup, element
from edgeai.measure.statistics import Estimate
from edgeai.quantities import bytes_text, digits, rate_text, time_text
from edgeai.unavailable import Unavailable

from ...mlperf import MlperfResult
from ...report import Report
from ...soak_report import SoakCourse, SoakResult
from ..charts.soak import soak_charts
from ..energy import query_text
from ..intervals import interval_text
from .parts import UNKNOWN, facts, plural, section


def mlperf_section(report: Report) -> Markup:
    """The scenario's figure first, and whether it is by the rules; nothing where there was none."""
    result = report.mlperf
    if result is None:
        return Markup()
    rules = "by the rules" if result.by_the_rules else f"NOT by the rules: {'; '.join(result.reasons)}"
    told = {
        "figure": _figure(result),
        "judged": rules,
        "queries": f"{result.queries:,}, with {plural(result.samples, 'sample')} "
        f"in {time_text(result.duration_s)}: {rate_text(result.samples_per_s)}",
        "samples": f"{result.samples_from}; drawn from seed {result.seed}",
        "accuracy": f"unavailable: {result.accuracy.unavailable}; {result.accuracy.advice}",
    }
    if result.energy is not None:
        told["energy"] = query_text(result.energy)
    if result.server is not None:
        server = result.server
        says = {True: "kept", False: "NOT kept", None: "undecided: too few queries"}[server.holds]
        told["limit"] = (
            f"p99 <= {time_text(server.limit_s)} at {rate_text(server.rate_hz)}: {says}; "
            f"{server.over:,} over it"
        )
    return section(f"MLPerf {result.scenario}", facts(told))


def soak_section(report: Report, points: int) -> Markup:
    """The sustained rate first, then how it went; nothing where there was none."""
    soak = report.soak
    if soak is None:
        return Markup()
    throttling = soak.throttling
    told = {
        "sustained": f"{rate_text(soak.sustained_hz)}, {_against_first(soak)}",
        "in all": f"{soak.runs:,} calls in {time_text(soak.duration_s)}",
        "RAM": _growth(soak),
        "clock": _course(soak.clock_hz, lambda hz: f"{hz / 1e9:.2f} GHz"),
        "temperature": _course(soak.temperature_c, lambda celsius: f"{celsius:.1f} \u00b0C"),
        "throttling": _reason(throttling)
        if isinstance(throttling, Unavailable)
        else ", ".join(throttling) or "none seen",
        "answers": soak.output_error or "agree",
    }
    return section("Soak", element("div", soak_charts(soak, points)), facts(told))


def _figure(result: MlperfResult) -> str:
    if result.percentile is None:
        return f"{rate_text(result.samples_per_s)} samples"
    share = f"p{digits(float(result.percentile) * 100).removesuffix('.0')}"
    if result.estimate_s is None:
        return f"{share} unknown: too few queries for early stopping"
    return f"{share} {time_text(result.estimate_s)}, the early-stopping estimate"


def _against_first(soak: SoakResult) -> str:
    first = f"the {rate_text(soak.first_hz)} of the first {time_text(soak.first_s)}"
    if soak.sustained is None:
        return f"after {first}; too few blocks to compare"
    told = soak.sustained
    return f"which is {100 * told.ratio:.1f} % [{100 * told.low:.1f} %, {100 * told.high:.1f} %] of {first}"


def _growth(soak: SoakResult) -> str:
    growth = soak.growth_bytes_per_hour
    peak = UNKNOWN if soak.peak_bytes is None else bytes_text(soak.peak_bytes)
    if not isinstance(growth, Estimate):
        return f"growth {_reason(growth)}; peak {peak}"
    rate = f"{bytes_text(growth.value)} an hour {interval_text(growth, bytes_text)}".rstrip()
    return f"anonymous RAM grew by {bytes_text(soak.grown_bytes or 0.0)}: {rate}; peak {peak}"


def _course(course: SoakCourse | Unavailable, write: Callable[[float], str]) -> str:
    if isinstance(course, Unavailable):
        return _reason(course)
    return (
        f"{write(course.first)} at first, {write(course.last)} at last; lowest {write(course.low)}, "
        f"highest {write(course.high)}"
    )


def _reason(figure: Unavailable) -> str:
    return f"unavailable: {figure.unavailable}; {figure.advice}"
