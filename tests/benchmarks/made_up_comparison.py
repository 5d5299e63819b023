"""Made-up comparisons; tests change what they are about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from edgeai_bench.comparing.outcome import KINDS, Change, Compared, Side, TurnRecord
from edgeai_bench.report import PhaseRecord, ProcessRecord, Report
from tests.benchmarks.made_up import MEMORY, PHASES, RECORD, report

SIDE = Side("mobilenet.onnx", "/pi/mobilenet.onnx", "0123456789abcdef" * 4, "onnxruntime", "1.23.2", "cpu", 4)
TURNS = TurnRecord(True, (1,), (1_000_000,) * 2, (1_100_000,) * 2, (0.001,) * 2, (0.0011,) * 2)


def change(figure: str, ratio: float = 1.0, half: float = 0.01) -> Change:
    """B is `ratio` times A, known to ±half of it."""
    return Change(
        figure,
        a=0.01,
        b=0.01 * ratio,
        ratio=ratio,
        low=ratio * (1 - half),
        high=ratio * (1 + half),
        p_value=0.5,
        a_each=(0.01,) * 4,
        b_each=(0.01 * ratio,) * 4,
        unavailable=None,
    )


def unknown(figure: str, reason: str) -> Change:
    """No ratio."""
    return Change(figure, None, None, None, None, None, None, (None,), (None,), reason)


def compared(*changes: Change, **fields: Any) -> Compared:
    """A comparison in which nothing changed but the changes given."""
    given = {each.figure: each for each in changes}
    every = tuple(given.get(kind.name) or change(kind.name) for kind in KINDS)
    made = Compared("mobilenet.onnx", "turns", SIDE, SIDE, every, (), (TURNS,) * 4)
    return replace(made, **fields)


def run_of(
    latencies_ns: list[int],
    *,
    load_s: float = 0.1,
    peak_bytes: int = 91_000_000,
    cpu_s: float = 0.02,
    **changes: Any,
) -> Report:
    """A report with a process for each median latency."""
    processes = tuple(_process(ns, load_s, peak_bytes, cpu_s) for ns in latencies_ns)
    return report(processes=processes, **changes)


def _process(latency_ns: int, load_s: float, peak_bytes: int, cpu_s: float) -> ProcessRecord:
    phases = []
    for name in PHASES:
        memory = replace(MEMORY, peak_bytes=peak_bytes if name == "steady" else MEMORY.resident_bytes)
        phases.append(PhaseRecord(name, load_s if name == "load" else 0.3, memory, 4096))
    return replace(
        RECORD,
        samples_ns=(latency_ns - 1000, latency_ns, latency_ns + 1000),
        runs=300,
        cpu_s=300 * cpu_s,
        phases=tuple(phases),
    )
