"""Two documents of `edgeai bench --json` against each other, run by run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgeai.errors import InputError, one_line
from edgeai.measure.ranks import mann_whitney
from edgeai.measure.statistics import ENOUGH_TO_COMPARE, ratio_of_medians

from ..figures import less
from ..reading import read_document
from ..render.names import label
from ..report import Doubt, ProcessRecord, Report
from ..runner import peak_of
from .outcome import KINDS, Change, Compared, Side

Path_ = str | os.PathLike[str]


def compare_saved(a: Path_, b: Path_) -> tuple[list[Compared], list[str]]:
    """Every run of A with B's of the same model, backend and thread count; then what has no partner.

    Where each holds one run, those are compared whatever they are called. Raises InputError.
    """
    old, new = read_document(a)[0], read_document(b)[0]
    for path, reports in ((a, old), (b, new)):
        if not reports:
            raise InputError(f"{one_line(path)} holds no run; nothing can be compared with it")
    pairs, left = _paired(old, new)
    if not pairs:
        raise InputError(
            f"{one_line(a)} and {one_line(b)} share no run of one model, backend and thread count: "
            f"{'; '.join(left)}"
        )
    return [compare_reports(one, two) for one, two in pairs], left


def compare_reports(a: Report, b: Report) -> Compared:
    """Two runs, each with its processes."""
    return Compared(
        name=_name(b),
        method="saved",
        a=_side(a),
        b=_side(b),
        changes=tuple(
            independent(
                kind.name, [_OF[kind.name](p) for p in a.processes], [_OF[kind.name](p) for p in b.processes]
            )
            for kind in KINDS
        ),
        warnings=tuple(_doubts(a, b)),
    )


def independent(figure: str, a: Sequence[float | None], b: Sequence[float | None]) -> Change:
    """A figure of processes that did not run next to each other: ratio of medians, bootstrap interval."""
    known_a, known_b = _known(a), _known(b)
    reason = _why_not(a, b, known_a, known_b)
    ratio = None if reason else ratio_of_medians(known_a, known_b)
    return Change(
        figure,
        a=float(np.median(known_a)) if known_a else None,
        b=float(np.median(known_b)) if known_b else None,
        ratio=None if ratio is None else ratio.value,
        low=None if ratio is None else ratio.low,
        high=None if ratio is None else ratio.high,
        p_value=None if ratio is None else mann_whitney(known_a, known_b).p_value,
        a_each=tuple(a),
        b_each=tuple(b),
        unavailable=reason,
    )


def _known(figures: Sequence[float | None]) -> list[float]:
    return [float(figure) for figure in figures if figure is not None]


def _why_not(
    a: Sequence[float | None], b: Sequence[float | None], known_a: list[float], known_b: list[float]
) -> str | None:
    if len(known_a) < len(a) or len(known_b) < len(b):
        return "a process does not know its figure"
    if min(len(a), len(b)) < ENOUGH_TO_COMPARE:
        return (
            f"{len(a)} and {len(b)} processes are too few to tell a difference; measure with --processes 9 "
            f"(at least {ENOUGH_TO_COMPARE})"
        )
    if min(*known_a, *known_b) <= 0:
        return "a process took nothing of it, so there is no ratio"
    return None


def _paired(old: Sequence[Report], new: Sequence[Report]) -> tuple[list[tuple[Report, Report]], list[str]]:
    if len(old) == len(new) == 1:
        return [(old[0], new[0])], []
    waiting: dict[tuple[str, str, int], list[Report]] = {}
    for report in new:
        waiting.setdefault(_key(report), []).append(report)
    pairs, left = [], []
    for report in old:
        partners = waiting.get(_key(report), [])
        if partners:
            pairs.append((report, partners.pop(0)))
        else:
            left.append(f"only in A: {_told(report)}")
    left += [f"only in B: {_told(report)}" for rest in waiting.values() for report in rest]
    return pairs, left


def _key(report: Report) -> tuple[str, str, int]:
    return _name(report), report.identity.backend, report.identity.threads


def _name(report: Report) -> str:
    """The id in a suite, else the file's name without its folder: two checkouts differ in that alone."""
    model = report.model
    if model.id is not None:
        return model.id
    return label(
        Path(model.path).name or model.path, None if model.bundle is None else model.bundle.model, None
    )


def _told(report: Report) -> str:
    threads = report.identity.threads
    return f"{one_line(_name(report))} on {report.identity.backend}, {threads} thread" + (
        "s" if threads > 1 else ""
    )


def _side(report: Report) -> Side:
    identity, model = report.identity, report.model
    return Side(
        _name(report),
        model.path,
        model.sha256,
        identity.backend,
        identity.library_version,
        identity.provider,
        identity.threads,
    )


_OF: dict[str, Callable[[ProcessRecord], float | None]] = {
    "latency_p50": lambda process: float(np.median(process.samples_ns)) / 1e9,
    "load": lambda process: next(phase.duration_s for phase in process.phases if phase.name == "load"),
    "cpu_s_per_inference": lambda process: process.cpu_s / process.runs,
    "ram_peak": lambda process: peak_of(process.phases),
    "ram_incremental": lambda process: less(
        peak_of(process.phases),
        next(phase.memory.resident_bytes for phase in process.phases if phase.name == "baseline"),
    ),
}

_SAME: tuple[tuple[str, Callable[[Report], Any]], ...] = (
    (
        "machine",
        lambda report: (report.identity.device_model or report.identity.machine, report.identity.cores),
    ),
    ("kernel", lambda report: report.identity.kernel),
    ("governor", lambda report: report.identity.governors),
    ("power mode", lambda report: report.identity.power_mode),
    ("page cache", lambda report: report.identity.page_cache),
    ("batch", lambda report: report.settings.batch),
    ("inputs", lambda report: (report.settings.inputs, report.settings.input_sha256)),
)


def _doubts(a: Report, b: Report) -> Iterator[Doubt]:
    yield Doubt(
        "other_time",
        "note",
        "A and B were measured at different times: what else the machine did then counts as a change",
        "compare both in one run: edgeai bench A --against B",
    )
    differing = [name for name, of in _SAME if of(a) != of(b)]
    if differing:
        yield Doubt(
            "other_conditions",
            "noisy",
            f"A and B were measured under different conditions: {', '.join(differing)}",
            "measure both on one machine with the same options",
        )
    for name, report in (("A", a), ("B", b)):
        if report.verdict == "INVALID":
            reasons = ", ".join(doubt.name for doubt in report.warnings if doubt.effect == "invalid")
            yield Doubt(
                "invalid_run", "invalid", f"the run of {name} is INVALID: {reasons}", "measure it again"
            )
