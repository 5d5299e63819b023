"""The runs as CSV: one row a run, numbers in SI units, empty where a figure is not known."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from edgeai.errors import one_line
from edgeai.measure.energy import Energy
from edgeai.measure.statistics import Estimate
from edgeai.unavailable import Unavailable

from ..report import Failure, Report
from .names import labels

_LATENCIES = ("p50", "p90", "p95", "p99", "mean")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the start of a formula."""
_TEXTS = (
    "run", "verdict", "model", "sha256", "backend", "library_version", "provider", "threads", "board",
    "device", "machine", "edgeai_version", "started_utc", "quick", "processes", "intervals", "runs",
    "samples",
)  # fmt: skip
_ENERGY = (
    "energy_meter", "energy_scope", "energy_is_estimate", "idle_w", "idle_drift_w", "energy_windows",
    "energy_coverage", "energy_longest_gap_s", "energy_unavailable",
)  # fmt: skip


def csv_text(reports: Sequence[Report], failures: Sequence[Failure]) -> str:
    """A header and a row a run; of a failure, `verdict` is `skipped` or `failed` and `error` says why."""
    rows = [dict(_row(name, report)) for name, report in zip(labels(reports), reports, strict=True)]
    columns = list(dict.fromkeys([*_TEXTS, *_figure_columns(), "warnings", "error"]))
    rows += [
        {
            "run": failure.model,
            "verdict": "skipped" if failure.skipped else "failed",
            "backend": failure.backend,
            "error": failure.message,
        }
        for failure in failures
    ]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return out.getvalue()


def _row(name: str, report: Report) -> Iterator[tuple[str, object]]:
    identity, settings, latency = report.identity, report.settings, report.latency
    values = (
        name, report.verdict, report.model.path, report.model.sha256, identity.backend,
        identity.library_version, identity.provider, identity.threads, identity.board,
        identity.device_profile, identity.device_model or identity.machine, identity.edgeai_version,
        identity.started_utc,
        settings.quick, settings.processes, settings.intervals, latency.runs, latency.samples,
    )  # fmt: skip
    yield from zip(_TEXTS, values, strict=True)
    for column, estimate in zip(_estimate_names(), _estimates(report), strict=True):
        yield from _three(column, estimate)
    yield from zip(_ENERGY, _energy_cells(report.energy), strict=True)
    yield "min_s", latency.min
    yield "max_s", latency.max
    yield "warnings", " ".join(doubt.name for doubt in report.warnings)


def _estimate_names() -> list[str]:
    return [
        *(f"{name}_s" for name in _LATENCIES),
        "load_s", "first_inference_s", "load_to_first_result_s", "ram_baseline_bytes", "ram_peak_bytes",
        "ram_above_baseline_bytes", "ram_anonymous_bytes", "ram_pss_bytes", "cpu_s_per_inference",
        "throughput_hz", "disk_read_bytes", "paced_p50_s",
        "energy_gross_j", "energy_net_j", "power_w", "inferences_per_j",
    ]  # fmt: skip


def _estimates(report: Report) -> list[Estimate | None]:
    start, memory = report.start, report.memory
    return [
        *(getattr(report.latency, name) for name in _LATENCIES),
        start.load, start.first_inference, start.load_to_first_result, memory.baseline, memory.peak,
        memory.incremental, memory.anonymous, memory.pss, report.cpu_s_per_inference, report.throughput_hz,
        report.disk_read_bytes, None if report.paced is None else report.paced.latency.p50,
        *_energy_estimates(report.energy),
    ]  # fmt: skip


def _energy_estimates(energy: Energy | Unavailable) -> list[Estimate | None]:
    if isinstance(energy, Unavailable):
        return [None] * 4
    return [energy.gross_j, energy.net_j, energy.power_w, energy.inferences_per_j]


def _energy_cells(energy: Energy | Unavailable) -> tuple[object, ...]:
    """What `_ENERGY` names."""
    if isinstance(energy, Unavailable):
        return (None,) * (len(_ENERGY) - 1) + (f"{energy.unavailable}; {energy.advice}",)
    sampling = energy.sampling
    return (
        energy.meter, energy.scope, energy.is_estimate, energy.idle_w, energy.idle_drift_w,
        len(energy.windows), sampling.coverage, sampling.longest_gap_s, None,
    )  # fmt: skip


def _figure_columns() -> list[str]:
    return [
        *(name for column in _estimate_names() for name, _ in _three(column, None)),
        *_ENERGY,
        "min_s",
        "max_s",
    ]


def _three(column: str, estimate: Estimate | None) -> Iterator[tuple[str, float | None]]:
    """A figure and the ends of its interval."""
    yield column, None if estimate is None else estimate.value
    yield f"{column}_low", None if estimate is None else estimate.low
    yield f"{column}_high", None if estimate is None else estimate.high


def _cell(value: object) -> str:
    """A number as it is; a text on one line, and never as a formula, whatever a model is called."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    text = one_line(value, 1000)
    return f"'{text}" if text.startswith(_FORMULA) else text
