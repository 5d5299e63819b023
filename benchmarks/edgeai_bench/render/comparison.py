"""Comparisons on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from edgeai.cli.output import table
from edgeai.errors import one_line
from edgeai.quantities import bytes_text, change_text, percent_text, time_text

from ..comparing.gate import FAILED, UNJUDGED, told
from ..comparing.outcome import KINDS, Change, Compared, Floor, Judged, Kind

_WRITE: dict[str, Callable[[float], str]] = {"s": time_text, "bytes": bytes_text}
_LABELS = {kind.name: kind.label for kind in KINDS}


def comparisons_text(
    compared: Sequence[Compared],
    judged: Sequence[Judged] = (),
    unpaired: Sequence[str] = (),
    floor: Sequence[Floor] = (),
) -> str:
    """Everything about comparisons: a table each, doubts once, then the gates."""
    parts = [_one(each) for each in compared]
    parts.append(_legend(compared))
    parts.append("\n".join(dict.fromkeys(line for each in compared for line in _doubts(each))))
    parts.append("\n".join(unpaired))
    parts.append("\n".join(_floor_lines(floor)))
    parts.append("\n".join(_gate_lines(judged)))
    return "\n\n".join(part for part in parts if part)


def _legend(compared: Sequence[Compared]) -> str:
    lines = [
        "A, B = median over processes; change = B against A with its 95 % interval;",
        "U test = p-value of Mann and Whitney, over processes",
    ]
    if any(each.method == "turns" for each in compared):
        lines[1] += ";"
        lines.append(
            "a change is taken pair by pair, latency and CPU time turn by turn: what slows both cancels"
        )
    return "\n".join(lines)


def _one(each: Compared) -> str:
    how = "saved runs" if each.method == "saved" else f"in turns, {len(each.turns)} pairs of processes"
    rows = [_row(kind, change) for kind, change in zip(KINDS, each.changes, strict=True)]
    columns = ["", "A", "B", "change", "[low, high]", "U test"]
    lines = [f"{told(each)} ({how})", table(rows, columns, frozenset({1, 2, 3, 5}))]
    without: dict[str, list[str]] = {}
    for kind, change in zip(KINDS, each.changes, strict=True):
        if change.unavailable is not None:
            without.setdefault(change.unavailable, []).append(kind.label)
    lines += [f"no change of {', '.join(labels)}: {reason}" for reason, labels in without.items()]
    return "\n".join(lines)


def _row(kind: Kind, change: Change) -> list[str]:
    write = _WRITE[kind.unit]
    values = ["unknown" if value is None else write(value) for value in (change.a, change.b)]
    if change.ratio is None or change.low is None or change.high is None or change.p_value is None:
        return [kind.label, *values, "-", "", "-"]
    bounds = f"[{change_text(change.low)}, {change_text(change.high)}]"
    return [kind.label, *values, change_text(change.ratio), bounds, f"{change.p_value:.2g}"]


def _doubts(each: Compared) -> Iterator[str]:
    for doubt in each.warnings:
        yield f"{doubt.effect}: {doubt.name}: {one_line(doubt.message)}\n  {doubt.advice}"


def _floor_lines(floor: Sequence[Floor]) -> Iterator[str]:
    if not floor:
        return
    yield "A was compared with itself, so every change above is noise. On this machine, measured like this:"
    rows = [
        [_LABELS[each.figure], *map(percent_text, (each.visible, each.sure, each.safe_limit))]
        for each in floor
    ]
    columns = ["", "seen half the time", "seen surely", "safe limit of a gate"]
    yield table(rows, columns, frozenset({1, 2, 3}))


def _gate_lines(judged: Sequence[Judged]) -> Iterator[str]:
    if not judged:
        return
    for each in judged:
        if each.outcome in {FAILED, UNJUDGED}:
            yield f"{each.outcome}: {each.text}"
    count = sum(each.outcome == FAILED for each in judged)
    rest = sum(each.outcome == UNJUDGED for each in judged)
    more = f", {rest} could not be judged" if rest else ""
    yield f"gates: {len(judged) - count - rest} of {len(judged)} passed{more}"
