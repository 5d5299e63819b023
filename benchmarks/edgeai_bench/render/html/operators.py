"""Time by operator, of runs that were profiled: the dearest first, with their share as a bar."""

from __future__ import annotations

from collections.abc import Sequence

from edgeai.markup import Markup, element
from edgeai.quantities import digits, percent_text, time_text
from edgeai.unavailable import Unavailable

from ...profiling import OperatorShare, ProfileResult, off_accelerator
from ...report import Report
from ..charts.bars import bar
from .parts import UNKNOWN, plural, section, table

TOP = 25
"""Rows that are shown at once; the others are folded away."""
_MOST = 300
"""Rows of one run at all: a page is to stay small. The JSON has every one."""


def operators_section(report: Report) -> Markup:
    """The tables; nothing where the run was not profiled."""
    profile = report.profile
    if profile is None:
        return Markup()
    if isinstance(profile, Unavailable):
        reason = f"unavailable: {profile.unavailable}; {profile.advice}"
        return section("Operators", element("p", reason, class_="missing"))
    dearest = sorted(profile.operators, key=lambda each: -each.mean_s)
    folded, hidden = dearest[TOP:_MOST], len(dearest[_MOST:])
    return section(
        "Operators",
        element("p", _sums(profile), class_="about"),
        _fallen(profile),
        _types(profile) if len(profile.by_type) > 1 else "",
        _table(dearest[:TOP], profile, "Time by operator"),
        element(
            "details",
            element("summary", f"{len(folded):,} more"),
            _table(folded, profile, "Further operators"),
        )
        if folded
        else "",
        element("p", f"{hidden:,} further ones are in the JSON.", class_="about") if hidden else "",
    )


def _sums(profile: ProfileResult) -> str:
    return (
        f"{plural(len(profile.operators), 'operator')}, together {time_text(profile.sum_s)} in runs of "
        f"{time_text(profile.latency_s)} under the profiler, {time_text(profile.plain_s)} without it "
        f"({profile.method}, {plural(profile.runs, 'run')}). Here: {profile.scope}."
    )


def _fallen(profile: ProfileResult) -> Markup:
    """What does not run where it should."""
    if profile.accelerator is None:
        return Markup()
    fallen = off_accelerator(profile)
    count = plural(len(fallen), "operator")
    share = percent_text(sum(each.share for each in fallen))
    told = f"{count} with {share} of the time fall off {profile.accelerator}; they are marked."
    if not fallen:
        told = f"Every operator runs on {profile.accelerator}."
    return element("p", told)


def _types(profile: ProfileResult) -> Markup:
    header = [("type", "id"), ("share", "wide"), ("", "number"), ("time", "number"), ("operators", "number")]
    largest = max((each.share for each in profile.by_type), default=0.0)
    rows = [
        [each.operator, *_share(each.share, largest), time_text(each.mean_s), f"{each.operators:,}"]
        for each in profile.by_type[:TOP]
    ]
    return table("Time by type of operator", header, rows, class_="bars")


def _table(operators: Sequence[OperatorShare], profile: ProfileResult, caption: str) -> Markup:
    header = [
        ("operator", "id"), ("share", "wide"), ("", "number"), ("time", "number"), ("type", ""), ("on", ""),
        ("calls", "number"),
    ]  # fmt: skip
    largest = max((each.share for each in profile.operators), default=0.0)
    rows = [
        [
            each.name or "(no name)",
            *_share(each.share, largest),
            time_text(each.mean_s),
            each.operator,
            each.provider or UNKNOWN,
            digits(each.calls),
        ]
        for each in operators
    ]
    fallen = {id(each) for each in off_accelerator(profile)} if profile.accelerator is not None else set()
    marked = frozenset(at for at, each in enumerate(operators) if id(each) in fallen)
    return table(caption, header, rows, class_="bars operators", marked=marked)


def _share(share: float, largest: float) -> tuple[Markup, str]:
    return bar([(0.0, max(share, 0.0) / (largest or 1.0), "step")]), percent_text(share)
