"""The parts of a page and of the overview that are about energy, and how all outputs write its figures.

The scope stands beside every joule: joules of a module and of a wall plug are different things.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence

from edgeai.measure.energy import Energy
from edgeai.measure.statistics import Estimate
from edgeai.quantities import (
    change_text,
    digits,
    energy_text,
    error_text,
    percent_text,
    power_text,
    rough_digits,
    time_text,
)
from edgeai.unavailable import Unavailable

from ..mlperf_energy import QueryEnergy
from ..report import Report
from .intervals import interval_text

COLUMN = "energy"
"""What the overview has besides where any run measured it."""
_INDENT = " " * 11
_CAUSES = {
    "gain": "gain of the sensor",
    "offset": "offset of the sensor",
    "resolution": "its resolution",
    "end points": "ends of the windows",
    "sampling": "what no read saw",
    "windows": "spread of the windows",
}
"""In words, of `Energy.sigmas_j`."""


def joules(estimate: Estimate, energy: Energy | QueryEnergy) -> tuple[str, str]:
    """Value and interval; of an estimate two digits and its error."""
    return _figure(estimate, energy, energy_text)


def watts(estimate: Estimate, energy: Energy | QueryEnergy) -> tuple[str, str]:
    """Value and interval of a power."""
    return _figure(estimate, energy, power_text)


def per_joule(energy: Energy) -> tuple[str, str]:
    """Inferences of a joule, with the interval."""
    return _figure(energy.inferences_per_j, energy, _rate)


def unavailable_text(energy: Unavailable) -> str:
    """Why there is no figure, and what to do."""
    return f"unavailable: {energy.unavailable}; {energy.advice}"


def energy_cell(report: Report, *, scoped: bool) -> str:
    """Gross joules of one call as a cell. scoped: with the scope, where the runs' differ."""
    energy = report.energy
    if isinstance(energy, Unavailable):
        return "unavailable"
    value, error = joules(energy.gross_j, energy)
    if energy.is_estimate:
        value = f"{value} {error}".rstrip()
    return f"{value} {energy.scope}" if scoped else value


def scopes(reports: Sequence[Report]) -> list[str]:
    """What the joules of several runs cover, each once, in their order."""
    found = (report.energy for report in reports)
    return list(dict.fromkeys(each.scope for each in found if isinstance(each, Energy)))


def why_unavailable(reports: Sequence[Report]) -> list[str]:
    """Each reason once."""
    found = (report.energy for report in reports)
    return list(dict.fromkeys(unavailable_text(each) for each in found if isinstance(each, Unavailable)))


def energy_legend(reports: Sequence[Report]) -> str:
    """What the overview's column means, and why some runs have no figure; empty where none was measured."""
    covered = scopes(reports)
    if not covered:
        return ""
    of = f"; scope: {covered[0]}" if len(covered) == 1 else "; scopes differ, and do not compare"
    estimates = any(isinstance(each.energy, Energy) and each.energy.is_estimate for each in reports)
    return f"\nenergy = gross joules of one inference{of}" + ("; ~ = estimated" if estimates else "")


def energy_lines(energy: Energy | Unavailable, call: str = "inference") -> Iterator[str]:
    """Energy on a page, gross first. call: what one call is."""
    if isinstance(energy, Unavailable):
        yield from _wrapped(f"{'energy':<11}{unavailable_text(energy)}")
        return
    yield from _line("energy", "gross", joules(energy.gross_j, energy), f"per {call}; scope: {energy.scope}")
    yield from _line("", "net", joules(energy.net_j, energy), f"per {call}, less {idle_text(energy)}")
    rate, interval = per_joule(energy)
    yield from _line(
        "", "power", watts(energy.power_w, energy), f"mean; {rate} {call}s per joule {interval}".rstrip()
    )
    yield from _wrapped(f"{_INDENT}{energy.method}")
    yield from _wrapped(f"{_INDENT}{sampling_text(energy)}")
    for note in energy.notes:
        yield from _wrapped(f"{_INDENT}note: {note}")


def idle_text(energy: Energy) -> str:
    """What net leaves out."""
    rough = energy.is_estimate
    drift = energy.idle_drift_w
    sign = "+" if drift > 0 else ""
    idle = power_text(energy.idle_w, rough=rough)
    return f"idle {idle} (drift {sign}{power_text(drift)})"


def sampling_text(energy: Energy) -> str:
    """How well the sensor was seen, in one sentence."""
    seen, windows = energy.sampling, energy.windows
    updates = (
        "the sensor changed too seldom to tell its update period"
        if seen.update_s is None
        else f"the sensor updates every {time_text(seen.update_s)}"
    )
    if seen.updates_per_window is not None:
        updates += f", {digits(seen.updates_per_window)} times a window"
    failed = f", {seen.failed_reads:,} failed" if seen.failed_reads else ""
    slower = (
        "slowdown by sampling not measured"
        if seen.slowdown is None
        else f"sampling changes the time of a call by {change_text(seen.slowdown.value)}"
        f" {interval_text(seen.slowdown, change_text)}".rstrip()
    )
    count = f"{len(windows)} window" + ("" if len(windows) == 1 else "s")
    return (
        f"{count}; {seen.reads:,} reads{failed}, one every {time_text(seen.period_s)}, each takes "
        f"{time_text(seen.read_s)}; {updates}; coverage {percent_text(seen.coverage)}, longest gap "
        f"{time_text(seen.longest_gap_s)}; {slower}"
    )


def query_text(energy: QueryEnergy | Unavailable) -> str:
    """Energy of an MLPerf scenario; its rules subtract no idle power, and this says so."""
    if isinstance(energy, Unavailable):
        return unavailable_text(energy)
    query, sample = energy.energy_per_query_j, energy.energy_per_sample_j
    each = " ".join(joules(query, energy)).rstrip()
    per_sample = "" if sample == query else f", {joules(sample, energy)[0]} per sample"
    failed = f", {energy.failed_reads:,} failed" if energy.failed_reads else ""
    return (
        f"{each} per query{per_sample}, idle not subtracted; scope: {energy.scope}; mean "
        f"{watts(energy.power_w, energy)[0]}; {energy.reads:,} reads{failed}, coverage "
        f"{percent_text(energy.coverage)}"
    )


def sigma_texts(energy: Energy) -> dict[str, str]:
    """One standard deviation of the gross figure by cause, the largest first."""
    ordered = sorted(energy.sigmas_j.items(), key=lambda pair: -pair[1])
    return {_CAUSES.get(cause, cause): energy_text(sigma) for cause, sigma in ordered}


def _figure(estimate: Estimate, energy: Energy | QueryEnergy, write: Callable[..., str]) -> tuple[str, str]:
    if not energy.is_estimate:
        return write(estimate.value), interval_text(estimate, write)
    return write(estimate.value, rough=True), _error(estimate, write)


def _error(estimate: Estimate, write: Callable[..., str]) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    return error_text(estimate.value, (estimate.high - estimate.low) / 2, write)


def _rate(value: float, *, rough: bool = False) -> str:
    return f"~{rough_digits(value)}" if rough else digits(value)


def _line(label: str, name: str, figure: tuple[str, str], told: str) -> list[str]:
    value, interval = figure
    return _wrapped(f"{label:<11}{name:<6}{value:>9}  {f'{interval} ' if interval else ''}{told}")


def _wrapped(text: str) -> list[str]:
    """In a terminal of 110 columns."""
    return textwrap.wrap(text, 110, subsequent_indent=_INDENT, break_long_words=False, break_on_hyphens=False)
