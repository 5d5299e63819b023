"""Limits and whether they are kept, as a table on a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from edgeai.cli.output import table
from edgeai.errors import one_line
from edgeai.quantities import digits

from ..limits import FAILED, UNAVAILABLE, LimitVerdict

_COLUMNS = ["model", "backend", "thr", "limit", "measured", "[low, high]", "limit is"]


def limits_table(verdicts: Sequence[LimitVerdict]) -> str:
    """A line a limit, then why some are not decided. Empty where there are none."""
    if not verdicts:
        return ""
    rows = [_row(verdict) for verdict in verdicts]
    return "\n".join([table(rows, _COLUMNS, frozenset({2, 4})), *_reasons(verdicts)])


def _row(verdict: LimitVerdict) -> list[str]:
    bounds = (verdict.low, verdict.high)
    told = ", ".join(digits(bound) for bound in bounds if bound is not None)
    return [
        one_line(verdict.model),
        verdict.backend or "-",
        "-" if verdict.threads is None else str(verdict.threads),
        f"{verdict.name} {verdict.sense} {verdict.bound:g}",
        "-" if verdict.value is None else digits(verdict.value),
        f"[{told}]" if told else "-",
        verdict.verdict.upper() if verdict.verdict == FAILED else verdict.verdict,
    ]


def _reasons(verdicts: Sequence[LimitVerdict]) -> Iterator[str]:
    """Each reason once, with what it concerns."""
    concerned: dict[tuple[str, str], list[str]] = {}
    for verdict in verdicts:
        if verdict.reason is not None:
            word = verdict.verdict if verdict.verdict == UNAVAILABLE else f"{verdict.verdict}, no failure"
            backend = f" on {verdict.backend}" if verdict.backend else ""
            named = f"{verdict.name} of {one_line(verdict.model)}{backend}"
            concerned.setdefault((word, verdict.reason), []).append(named)
    for (word, reason), which in concerned.items():
        text = f"{word}: {reason} ({', '.join(which)})"
        yield from textwrap.wrap(
            text, 110, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
