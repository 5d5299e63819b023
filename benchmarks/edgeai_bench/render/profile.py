"""The part of a page that is about a profile: the dearest operators, and by type."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator

from edgeai.cli.output import table
from edgeai.errors import one_line
from edgeai.quantities import digits, percent_text, time_text
from edgeai.unavailable import Unavailable

from ..profiling import OperatorShare, ProfileResult, off_accelerator

_TOP = 15
"""Operators that are shown; the JSON has all."""
_TYPES = 8
"""Types that are named in a sentence."""
_DISTURBED = 1.15
"""From so many times the time without the profiler on, it disturbs the model and not only adds to it."""
_LONGEST = 46
"""Of a name: with the columns beside it, a line stays within 110 characters."""


def profile_lines(profile: ProfileResult | Unavailable) -> Iterator[str]:
    """Below the costs."""
    if isinstance(profile, Unavailable):
        yield from _wrap(f"{'profile':<11}unavailable: {profile.unavailable}; {profile.advice}")
        return
    yield from _wrap(
        f"{'profile':<11}operators {time_text(profile.sum_s)} in runs of {time_text(profile.latency_s)} "
        f"under the profiler, {time_text(profile.plain_s)} without ({profile.method}, {profile.runs} runs)"
    )
    yield from _wrap(f"{'':<11}{profile.scope}")
    if profile.ratio > _DISTURBED:
        yield from _wrap(
            f"{'':<11}operators this short take {digits(profile.ratio)} times as long under the profiler: "
            "read the shares, not the times"
        )
    fallen = off_accelerator(profile)
    if profile.accelerator is not None:
        yield from _wrap(f"{'':<11}{_fallen_text(profile, fallen)}")
    yield from _indented(_operators(profile))
    yield from _indented(_types(profile))


def _fallen_text(profile: ProfileResult, fallen: list[OperatorShare]) -> str:
    if not fallen:
        return f"all {len(profile.operators)} operators run on {profile.accelerator}"
    counts = Counter(each.operator for each in fallen)
    types = ", ".join(f"{count} {operator}" for operator, count in counts.most_common(_TYPES))
    left = len(counts) - _TYPES
    more = f" and {left} more type{'s' if left > 1 else ''}" if left > 0 else ""
    share = sum(each.share for each in fallen)
    return (
        f"{len(fallen)} of {len(profile.operators)} operators fall off {profile.accelerator}, with "
        f"{percent_text(share)} of the time: {types}{more}"
    )


def _operators(profile: ProfileResult) -> str:
    dearest = sorted(profile.operators, key=lambda each: -each.mean_s)
    rows = [
        [
            _cut(one_line(each.name), each.provider),
            one_line(each.operator, 40),
            each.provider or "unknown",
            time_text(each.mean_s),
            percent_text(each.share),
            digits(each.calls),
        ]
        for each in dearest[:_TOP]
    ]
    text = table(rows, ["operator", "type", "on", "mean", "share", "calls"], frozenset({3, 4, 5}))
    rest = dearest[_TOP:]
    if rest:
        text += f"\nand {len(rest)} more with {percent_text(sum(each.share for each in rest))}"
    return text


def _types(profile: ProfileResult) -> str:
    rows = [
        [each.operator, str(each.operators), time_text(each.mean_s), percent_text(each.share)]
        for each in profile.by_type[:_TOP]
    ]
    return table(rows, ["type", "operators", "mean", "share"], frozenset({1, 2, 3}))


def _cut(name: str, provider: str | None) -> str:
    """The end of a layer's long name tells it from others; of a part of XNNPACK, what it begins with."""
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST - 1]}…" if provider == "xnnpack" else f"…{name[-_LONGEST + 1 :]}"


def _indented(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield f"{'':<11}{line}".rstrip()


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(
        text, 110, subsequent_indent=" " * 11, break_long_words=False, break_on_hyphens=False
    )
