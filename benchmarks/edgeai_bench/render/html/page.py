"""The whole page: what was compared, then each run, its verdict and headline figures first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import resources

from edgeai import __version__
from edgeai.errors import one_line
from edgeai.markup import Markup, element, whole_page

from ...report import Failure, Report
from ..charts.distribution import ecdf, histogram
from ..charts.over_time import over_time
from ..names import labels
from .comparison import comparison, failures_section, summary
from .energy import energy_section
from .long_runs import mlperf_section, soak_section
from .machine import conditions_section, identity_section
from .operators import operators_section
from .parts import facts, plural, section
from .phases import memory_section, start_section
from .pipeline import pipeline_section
from .verdict import doubts, headline_tiles, latency_facts, verdict_line

_POINTS, _FEWEST_POINTS = 320, 40
"""Places across at which a chart is drawn, of up to ten runs, and of very many: the page stays under 1 MB."""
_FULL = 10
_MEANING = {
    "p50, p90, p99": "half, 90 %, 99 % of the calls took no longer; over the samples of all processes",
    "[low, high]": "the 95 % interval; with one or two processes (quick) the range of the processes",
    "first result": "loading the model and its first inference",
    "RAM above baseline": "the peak from loading on, less the process with its runtime imported",
    "CPU time": "of all threads, for one call",
    "energy": "gross: all that the meter's scope took in the windows, over their calls; net: less idle power "
    "with the model loaded. Figures of different scopes do not compare",
    "NOISY": "usable, but something made the figures vary or shift; the warnings say what",
    "INVALID": "wrong answers, throttling or swapping: the figures are not of the model",
}


def html_page(reports: Sequence[Report], failures: Sequence[Failure]) -> Markup:
    """One HTML document; the same for the same runs."""
    named = list(zip(labels(reports), reports, strict=True))
    points = max(_POINTS * _FULL // max(len(reports), _FULL), _FEWEST_POINTS)
    title = _title(named)
    main = element(
        "main",
        _header(named, failures, title),
        comparison(named, points),
        failures_section(failures),
        *(_run(number, name, report, points, len(named)) for number, (name, report) in enumerate(named, 1)),
        _footer(),
    )
    return whole_page(f"{one_line(title, 120)}: edgeai bench", _style(), main)


def _title(named: Sequence[tuple[str, Report]]) -> str:
    if not named:
        return "No run"
    return named[0][0] if len(named) == 1 else plural(len(named), "run")


def _header(named: Sequence[tuple[str, Report]], failures: Sequence[Failure], title: str) -> Markup:
    kicker = element("p", "edgeai bench", class_="kicker")
    if len(named) == 1:
        return element("header", kicker)
    told = summary(named, failures) if named or failures else "Nothing was measured."
    return element("header", kicker, element("h1", title), element("p", told, class_="soft"))


def _run(number: int, name: str, report: Report, points: int, count: int) -> Markup:
    return element(
        "article",
        element("h1" if count == 1 else "h2", name),
        element("p", _where(report), class_="soft"),
        verdict_line(report),
        headline_tiles(report),
        *_sections(report, points),
        id=f"run-{number}",
        class_="run",
    )


def _where(report: Report) -> str:
    identity = report.identity
    threads = plural(identity.threads, "thread")
    machine = identity.device_model or identity.machine
    if identity.board is not None:
        machine = f"{identity.board}, {machine}"
    provider = identity.provider or "provider unknown"
    day = identity.started_utc[:10]
    return f"{identity.backend} {identity.library_version} ({provider}, {threads}) on {machine}, {day}"


def _sections(report: Report, points: int) -> Iterator[Markup]:
    yield section(
        "Latency",
        element("div", histogram(report), ecdf(report, points), class_="pair"),
        over_time(report, points),
        facts(latency_facts(report)),
    )
    yield doubts(report)
    yield energy_section(report, points)
    yield pipeline_section(report)
    yield operators_section(report)
    yield mlperf_section(report)
    yield soak_section(report, points)
    yield memory_section(report)
    yield start_section(report)
    yield conditions_section(report)
    yield identity_section(report)


def _footer() -> Markup:
    meaning = element("details", element("summary", "What the figures mean"), facts(_MEANING))
    return element("footer", meaning, element("p", f"Made by edgeai {__version__}."))


def _style() -> Markup:
    return Markup(resources.files("edgeai_bench.render.html").joinpath("style.css").read_text("utf-8"))
