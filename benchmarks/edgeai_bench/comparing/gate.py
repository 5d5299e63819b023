"""Gates: a figure fails only when its whole interval is past the limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeai.errors import one_line
from edgeai.quantities import change_text, percent_text

from .outcome import BIGGER, KINDS, SLOWER, Change, Compared, Judged, Kind

PASSED, FAILED, UNJUDGED = "passed", "failed", "unjudged"


@dataclass(frozen=True)
class Limits:
    """How much worse B may be, as shares (0.05 for 5 %); None where that is no question."""

    slower: float | None = None
    bigger: float | None = None

    def of(self, gate: str) -> float | None:
        """The limit of a gate."""
        return {SLOWER: self.slower, BIGGER: self.bigger}[gate]


def judge(compared: Sequence[Compared], limits: Limits) -> list[Judged]:
    """Every figure that a limit is given for, of every model."""
    judged = []
    for each in compared:
        for kind, change in zip(KINDS, each.changes, strict=True):
            limit = limits.of(kind.gate)
            if limit is not None:
                judged.append(_judged(each, kind, change, limit))
    return judged


def told(each: Compared) -> str:
    """What was compared, on one line."""
    a, b = each.a, each.b
    threads = f"{b.threads} thread" + ("s" if b.threads != 1 else "")
    name = one_line(each.name)
    if (a.name, a.backend) == (b.name, b.backend):
        return f"{name} on {b.backend}, {threads}"
    return f"{name} on {b.backend} against {one_line(a.name)} on {a.backend}, {threads}"


def _judged(each: Compared, kind: Kind, change: Change, limit: float) -> Judged:
    what = f"{told(each)}: {kind.label}"
    bound = f"the limit of {percent_text(limit)}"
    if change.ratio is None or change.low is None or change.high is None:
        return Judged(
            each.name, kind.name, kind.gate, limit, UNJUDGED, f"{what} is unknown: {change.unavailable}"
        )
    found = f"{change_text(change.ratio)} [{change_text(change.low)}, {change_text(change.high)}]"
    if change.low > 1 + limit:
        text = f"{what} changed by {found}: the whole interval is past {bound}"
        return Judged(each.name, kind.name, kind.gate, limit, FAILED, text)
    where = "within" if change.high <= 1 + limit else "not surely past"
    return Judged(
        each.name, kind.name, kind.gate, limit, PASSED, f"{what} changed by {found}: {where} {bound}"
    )
