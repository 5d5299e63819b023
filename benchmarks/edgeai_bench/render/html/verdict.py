"""What to see first: whether to trust the figures, the figures, and each doubt with its advice."""

from __future__ import annotations

from collections.abc import Sequence

from edgeai.markup import Markup, element
from edgeai.measure.statistics import Estimate
from edgeai.quantities import bytes_text, rate_text, time_text

from ...report import INVALID, NOISY, VALID, Doubt, Report
from ..intervals import interval_text
from .energy import energy_tile
from .parts import TOO_FEW, UNKNOWN, bytes_or_unknown, plural, section, tiles, time_with_interval

_SIGNS = {VALID: "\u2713", NOISY: "\u223f", INVALID: "\u2715"}
_EFFECTS = {"invalid": 0, "noisy": 1}


def badge(report: Report) -> Markup:
    """The verdict, told by word, sign and colour."""
    verdict = report.verdict
    sign = _SIGNS.get(verdict, "?")
    kind = verdict.lower() if verdict in _SIGNS else "unknown"
    return element("span", element("b", sign, aria_hidden="true"), f" {verdict}", class_=f"badge {kind}")


def verdict_line(report: Report) -> Markup:
    """The badge and in one sentence what it means here."""
    quick = element("span", "quick", class_="badge soft") if report.settings.quick else ""
    return element("p", badge(report), " ", quick, " ", _meaning(report), class_="verdict")


def headline_tiles(report: Report) -> Markup:
    """The headline figures with their intervals."""
    latency, start, memory = report.latency, report.start, report.memory
    call = "inference" if report.pipeline is None else f"call ({report.pipeline.call})"
    told = [_latency_tile(name, getattr(latency, name)) for name in ("p50", "p90", "p99")]
    told += [
        (
            "load to first result",
            time_text(start.load_to_first_result.value),
            interval_text(start.load_to_first_result),
        ),
        (
            "RAM above baseline",
            bytes_or_unknown(memory.incremental),
            f"peak {bytes_or_unknown(memory.peak)}"
            if memory.incremental is None
            else f"{interval_text(memory.incremental, bytes_text)} peak {bytes_or_unknown(memory.peak)}",
        ),
        (
            f"CPU time per {call}",
            time_text(report.cpu_s_per_inference.value),
            interval_text(report.cpu_s_per_inference),
        ),
        (
            "rate, back to back",
            rate_text(report.throughput_hz.value),
            interval_text(report.throughput_hz, rate_text),
        ),
        energy_tile(report),
    ]
    return tiles(told)


def latency_facts(report: Report) -> dict[str, str]:
    """Everything about latency that is no tile."""
    latency = report.latency
    told: dict[str, str] = {}
    for name in ("p95", "mean"):
        value, interval = time_with_interval(getattr(latency, name))
        told[name] = f"{value} {interval}".rstrip()
    told["min, max"] = f"{time_text(latency.min)}, {time_text(latency.max)}"
    told["calls"] = f"{latency.runs:,} in {plural(report.settings.processes, 'process')}" + (
        "" if latency.samples == latency.runs else f"; percentiles from {latency.samples:,} of them"
    )
    if report.paced is not None:
        paced = report.paced
        p50 = TOO_FEW if paced.latency.p50 is None else time_text(paced.latency.p50.value)
        told["paced"] = (
            f"{rate_text(paced.reached_hz)} of {rate_text(paced.rate_hz)} asked; p50 {p50}, "
            f"{paced.late} late, CPU {time_text(paced.cpu_s_per_inference.value)} a call"
        )
    told["disk"] = (
        UNKNOWN
        if report.disk_read_bytes is None
        else f"{bytes_text(report.disk_read_bytes.value)} read to load and run once"
    )
    return told


def doubts(report: Report) -> Markup:
    """Every warning with its advice, the gravest first."""
    if not report.warnings:
        return section("Warnings", element("p", "None: nothing speaks against the figures.", class_="soft"))
    ordered = sorted(report.warnings, key=lambda doubt: _EFFECTS.get(doubt.effect, 2))
    return section("Warnings", element("div", *map(_doubt, ordered), class_="doubts"))


def _doubt(doubt: Doubt) -> Markup:
    return element(
        "div",
        element("p", element("b", doubt.name), " ", element("small", doubt.effect)),
        element("p", doubt.message),
        element("p", "\u2192 ", doubt.advice, class_="advice") if doubt.advice else "",
        class_=f"doubt {doubt.effect if doubt.effect in _EFFECTS else 'note'}",
    )


def _meaning(report: Report) -> str:
    if report.verdict == VALID:
        return "Nothing speaks against the figures."
    if report.verdict == INVALID:
        return f"Do not use the figures: {_names(report, ('invalid',))}."
    return f"Use the figures with care: {_names(report, ('noisy', 'invalid'))}."


def _names(report: Report, effects: Sequence[str]) -> str:
    names = [doubt.name.replace("_", " ") for doubt in report.warnings if doubt.effect in effects]
    return ", ".join(dict.fromkeys(names)) or "no reason is given"


def _latency_tile(name: str, estimate: Estimate | None) -> tuple[str, str, str]:
    if estimate is None:
        return f"latency {name}", "\u2013", TOO_FEW
    return (f"latency {name}", *time_with_interval(estimate))
