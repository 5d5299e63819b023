"""Profiles as a trace that chrome://tracing and Perfetto (ui.perfetto.dev) open.

The format: "Trace Event Format" of the Chromium project, complete events (`ph` X), microseconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edgeai.backends.profiling import OperatorRun
from edgeai.errors import UsageError, one_line

from .profiling import TracedProfile
from .render.files import check_places, write_file
from .render.names import labels
from .report import Report

_GAP_US = 1_000.0
"""Between the runs that are shown, which did not follow on each other."""


def check_profile_options(is_profiled: bool, path: Path | None, *, compares: bool, elsewhere: bool) -> None:
    """Before anything is measured: whether there will be a profile, its trace, and a place for it.

    compares, elsewhere: whether two models are compared, or boards measure. Raises UsageError.
    """
    if is_profiled and compares:
        raise UsageError("--profile looks into one model, not into a comparison; profile each on its own")
    if path is not None and elsewhere:
        raise UsageError(
            "--trace is written where the model runs; leave it out, or run it on the board itself"
        )
    if path is None:
        return
    if not is_profiled:
        raise UsageError(f"--trace {one_line(path)} needs --profile, which the trace is of")
    check_places({"trace": path})


def write_trace(path: Path | None, reports: Sequence[Report]) -> None:
    """Write the trace of every profiled run. Raises UsageError where there is none, or no place."""
    if path is None:
        return
    if not any(isinstance(report.profile, TracedProfile) for report in reports):
        raise UsageError(f"{one_line(path)} is not written: nothing was profiled")
    write_file(path, json.dumps(trace_of(reports), separators=(",", ":")))


def trace_of(reports: Sequence[Report]) -> dict[str, Any]:
    """The trace's document: each model is a process, its providers are threads."""
    events: list[dict[str, Any]] = []
    for pid, (name, report) in enumerate(zip(labels(reports), reports, strict=True), 1):
        if isinstance(report.profile, TracedProfile):
            events += _process(pid, name, report.profile)
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def _process(pid: int, name: str, profile: TracedProfile) -> Iterator[dict[str, Any]]:
    yield _named("process_name", pid, 0, f"{name}, {profile.method}")
    yield _named("thread_name", pid, 0, "runs")
    threads = {each.provider: place for place, each in enumerate(profile.by_provider, 1)}
    for provider, thread in threads.items():
        yield _named("thread_name", pid, thread, provider or "provider unknown")
    at_us = 0.0
    for number, run in enumerate(profile.traces, 1):
        yield _complete(pid, 0, f"run {number}", "run", at_us, run.latency_s, {})
        for each in run.operators:
            start_us = at_us + each.start_s * 1e6
            thread = threads[each.provider]
            yield _complete(pid, thread, each.name, each.operator, start_us, each.duration_s, _details(each))
        at_us += run.latency_s * 1e6 + _GAP_US


def _details(each: OperatorRun) -> dict[str, Any]:
    details: dict[str, Any] = {"operator": each.operator, "provider": each.provider or "unknown"}
    if each.is_placed:
        details["start"] = "from the order; only the duration was measured"
    return details


def _complete(
    pid: int, tid: int, name: str, kind: str, start_us: float, duration_s: float, details: dict[str, Any]
) -> dict[str, Any]:
    # To the nanosecond: microseconds with more digits are noise of floating point.
    ts, dur = round(start_us, 3), round(duration_s * 1e6, 3)
    event = {"ph": "X", "pid": pid, "tid": tid, "name": name, "cat": kind, "ts": ts, "dur": dur}
    return event | {"args": details}


def _named(what: str, pid: int, tid: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "pid": pid, "tid": tid, "name": what, "args": {"name": name}}
