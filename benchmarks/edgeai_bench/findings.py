"""What `edgeai doctor` finds beside a run: before and after it, from files only, and what that does to it.

A cause is doubted once: what the processes saw themselves (`verdict`) comes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeai.doctor import (
    BROKEN,
    CHECKS,
    NOTE,
    WARNING,
    Finding,
    Patient,
    examine,
    patient_here,
    patient_of_tree,
)

from .plan import Plan
from .report import Doubt, SeenFinding

BEFORE, AFTER, THROUGHOUT = "before", "after", "throughout"
RECORDED = tuple(name for name, check in CHECKS.items() if check.in_bench)
"""Checks that read a few files: no process is started beside what is measured."""


@dataclass(frozen=True)
class _Rule:
    """The doubt that a finding gives. unless: doubts that tell of the same cause already."""

    name: str
    effect: str
    unless: tuple[str, ...] = ()


# By check and severity; all else is recorded and doubts nothing. Throttling in force makes figures wrong;
# what only shifts or widens them is noise; a setting that the user may well want is a note.
_RULES: dict[tuple[str, str], _Rule] = {
    ("under-voltage", BROKEN): _Rule("throttled", "invalid", ("throttled",)),
    ("throttling", BROKEN): _Rule("throttled", "invalid", ("throttled",)),
    ("under-voltage", WARNING): _Rule("throttled_since_boot", "note", ("throttled", "throttled_since_boot")),
    ("throttling", WARNING): _Rule("throttled_since_boot", "note", ("throttled", "throttled_since_boot")),
    ("temperature", WARNING): _Rule("hot", "note", ("throttled", "hot")),
    ("fan", WARNING): _Rule("fan_stands_still", "note"),
    ("governor", WARNING): _Rule("governor", "noisy"),
    ("governor", NOTE): _Rule("governor", "note", ("clock_dropped",)),
    ("power-mode", WARNING): _Rule("power_mode", "note"),
    ("pinned-clocks", NOTE): _Rule("clocks_not_pinned", "note", ("clock_dropped",)),
    ("swap", WARNING): _Rule("swap_in_use", "noisy", ("swapped",)),
    ("clock", WARNING): _Rule("clock", "noisy"),
    ("owners", BROKEN): _Rule("mixed_library", "note"),
}


def look(plan: Plan) -> tuple[Finding, ...]:
    """One look at the machine, or at the tree that stands for it."""
    return examine(_patient(plan), RECORDED)


def seen_in(before: Sequence[Finding], after: Sequence[Finding]) -> tuple[SeenFinding, ...]:
    """Both looks as one list, each finding once, in the order of the table of checks."""
    together = dict.fromkeys((*before, *after))
    order = list(CHECKS)
    return tuple(
        SeenFinding(
            check=finding.check,
            severity=finding.severity,
            what=finding.what,
            why=finding.why,
            mend=finding.mend,
            seen=THROUGHOUT
            if finding in before and finding in after
            else BEFORE
            if finding in before
            else AFTER,
        )
        for finding in sorted(together, key=lambda each: order.index(each.check))
    )


def about_findings(findings: Sequence[SeenFinding], known: Sequence[Doubt]) -> Iterator[Doubt]:
    """Doubts that follow from findings. known: the doubts that there are already."""
    told = {doubt.name for doubt in known}
    for finding in findings:
        rule = _RULES.get((finding.check, finding.severity))
        if rule is None or told & {rule.name, *rule.unless}:
            continue
        told.add(rule.name)
        when = "" if finding.seen == THROUGHOUT else f" ({finding.seen} the run)"
        yield Doubt(rule.name, rule.effect, f"{finding.what}{when}", finding.mend)


def _patient(plan: Plan) -> Patient:
    return patient_here() if plan.tree is None else patient_of_tree(Path(plan.tree))
