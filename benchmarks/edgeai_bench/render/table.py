"""Reports on a terminal: one run as a page, several as a table."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from edgeai.cli.output import table
from edgeai.measure.statistics import Estimate
from edgeai.quantities import bytes_text, digits, rate_text, time_text

from ..report import Failure, Report
from .energy import COLUMN as ENERGY
from .energy import energy_cell, energy_legend, energy_lines, scopes, why_unavailable
from .intervals import interval_text
from .long_runs import LONG_COLUMNS, long_run_cells, long_run_legend, mlperf_lines, soak_lines
from .names import name_of
from .pipeline import PIPELINE_COLUMNS, PIPELINE_LEGEND, pipeline_cells, pipeline_lines, stream_lines
from .profile import profile_lines


def page(report: Report, *, verbose: bool = False) -> str:
    """Everything about one run, headline first."""
    return "\n".join([_title(report), "", *_figures(report, verbose), "", *_doubts(report)]).rstrip()


def overview(reports: Sequence[Report], failures: Sequence[Failure], width: int | None = None) -> str:
    """One line a run, then what was skipped or failed, then each kind of doubt once.

    width: of the terminal; columns that do not fit are left out, the dearest last. None: all of them.
    """
    parts = []
    if reports:
        parts.append(_table(reports, width))
        interval = "over the range of the processes" if _is_range(reports[0]) else "of 95 % confidence"
        parts.append(
            f"[low, high] {interval}; first result = load + first inference; above base = peak less the\n"
            "process with its runtime imported; CPU/inf = CPU time of all threads per inference; "
            "- = too few samples"
        )
        if any(report.pipeline is not None for report in reports):
            parts[-1] += PIPELINE_LEGEND
        parts[-1] += long_run_legend(reports) + energy_legend(reports)
        parts += ["\n".join(_wrap(f"energy {why}", "  ")) for why in why_unavailable(reports)]
    for failure in failures:
        word = "skipped" if failure.skipped else "failed"
        backend = f" on {failure.backend}" if failure.backend else ""
        parts.append(f"{word}: {failure.model}{backend}: {failure.message}")
    if reports:
        parts.append("\n".join(_doubts_of_many(reports)))
    return "\n\n".join(part for part in parts if part)


def doubts_by_name(named: Sequence[tuple[str, Report]]) -> dict[tuple[str, str, str], list[str]]:
    """Effect, name and advice of each doubt with the runs it concerns: twelve would repeat it so often."""
    concerned: dict[tuple[str, str, str], list[str]] = {}
    for name, report in named:
        for doubt in report.warnings:
            # What was computed or chosen wrongly is told for each model, mere noise together.
            own = doubt.effect == "invalid" or doubt.name in {"symbolic_dimensions", "provider_unused"}
            key = (doubt.effect, doubt.name, f"{doubt.message}; {doubt.advice}" if own else doubt.advice)
            concerned.setdefault(key, []).append(name)
    return concerned


# Left out one by one, in this order, where the terminal is too narrow.
_OPTIONAL = (
    *PIPELINE_COLUMNS,
    "RAM peak",
    "p90",
    "rate",
    "thr",
    "CPU/inf",
    "first result",
    "p99",
    "backend",
    "[low, high]",
)


def _table(reports: Sequence[Report], width: int | None) -> str:
    covered = scopes(reports)
    columns = [
        "model", "backend", "thr", "p50", "[low, high]", "p90", "p99", "first result", "RAM peak",
        "above base", "CPU/inf", "rate", "verdict",
    ]  # fmt: skip
    rows = [
        dict(zip(columns, _row(report), strict=True))
        | pipeline_cells(report.pipeline)
        | long_run_cells(report)
        | {"board": report.identity.board or "here", ENERGY: energy_cell(report, scoped=len(covered) > 1)}
        for report in reports
    ]
    if any(report.pipeline is not None for report in reports):
        columns[-1:-1] = PIPELINE_COLUMNS
    columns[-1:-1] = [column for column in LONG_COLUMNS if any(row[column] for row in rows)]
    if covered:
        columns[-1:-1] = [ENERGY]
    if any(report.identity.board is not None for report in reports):
        columns[1:1] = ["board"]
    for left_out in ("", *_OPTIONAL):
        columns = [column for column in columns if column != left_out]
        numbers = frozenset(
            index
            for index, column in enumerate(columns)
            if column not in {"model", "board", "backend", "verdict", "[low, high]"}
        )
        text = table([[row[column] for column in columns] for row in rows], columns, numbers)
        if width is None or max(map(len, text.splitlines())) <= width:
            break
    return text


def _title(report: Report) -> str:
    identity = report.identity
    threads = f"{identity.threads} thread" + ("s" if identity.threads != 1 else "")
    provider = identity.provider or "provider unknown"
    how = "" if identity.prepared is None else ", prepared"
    return f"{name_of(report)} on {_backends(report)} ({provider}, {threads}{how}): {report.verdict}" + (
        ", quick" if report.settings.quick else ""
    )


def _backends(report: Report) -> str:
    """With their versions; a bundle's models may run on several."""
    identity, bundle = report.identity, report.model.bundle
    pairs = [(identity.backend, identity.library_version)]
    if bundle is not None:
        pairs = [(model.backend, model.library_version) for model in bundle.models]
    return ", ".join(dict.fromkeys(f"{backend} {version}" for backend, version in pairs))


def _figures(report: Report, verbose: bool) -> Iterator[str]:
    yield from _latency_lines(report)
    if report.pipeline is not None:
        yield from pipeline_lines(report.pipeline)
        if report.pipeline.stream is not None:
            yield from stream_lines(report.pipeline.stream)
    yield from _start_lines(report, verbose)
    yield from _cost_lines(report)
    if report.mlperf is not None:
        yield from mlperf_lines(report.mlperf)
    if report.soak is not None:
        yield from soak_lines(report.soak)
    if report.profile is not None:
        yield from profile_lines(report.profile)
    yield from _machine_lines(report)


def _latency_lines(report: Report) -> Iterator[str]:
    latency = report.latency
    for name, estimate in (
        ("p50", latency.p50),
        ("p90", latency.p90),
        ("p95", latency.p95),
        ("p99", latency.p99),
        ("mean", latency.mean),
    ):
        label = "latency" if name == "p50" else ""
        yield f"{label:<11}{name:<6}" + (
            f"{time_text(estimate.value):>9}  {interval_text(estimate)}" if estimate else "too few samples"
        )
    processes = report.settings.processes
    count = f"over {latency.runs:,} runs in {processes} process" + ("es" if processes > 1 else "")
    kept = "" if latency.samples == latency.runs else f", percentiles from {latency.samples:,} of them"
    yield f"{'':<11}{'min':<6}{time_text(latency.min):>9}  max {time_text(latency.max)}, {count}{kept}"
    if _is_range(report) and processes > 1:
        yield f"{'':<11}[low, high] are the range of the processes: too few for an interval"


def _start_lines(report: Report, verbose: bool) -> Iterator[str]:
    start = report.start
    yield (
        f"{'start':<11}load {time_text(start.load.value)}, first inference "
        f"{time_text(start.first_inference.value)}; together {time_text(start.load_to_first_result.value)} "
        f"{interval_text(start.load_to_first_result)}"
    )
    if verbose:
        yield (
            f"{'':<11}interpreter {time_text(start.interpreter.value)}, "
            f"imports {time_text(start.imports.value)}"
        )


def _cost_lines(report: Report) -> Iterator[str]:
    memory = report.memory
    yield f"{'RAM':<11}peak {_bytes(memory.peak)}, above the baseline {_bytes(memory.incremental)}"
    yield (
        f"{'':<11}anonymous {_bytes(memory.anonymous)}, above the baseline "
        f"{_bytes(memory.incremental_anonymous)}; PSS {_bytes(memory.pss)}"
    )
    call = "inference" if report.pipeline is None else report.pipeline.call
    yield f"{'CPU':<11}{time_text(report.cpu_s_per_inference.value)} per {call}, all threads"
    known = report.samples_per_s
    # The same as the calls for a batch of one.
    batched = known is not None and known.value > 1.5 * report.throughput_hz.value
    samples = f", {rate_text(known.value)} samples" if known is not None and batched else ""
    samples += _times_real_time(report)
    yield f"{'rate':<11}{rate_text(report.throughput_hz.value)} back to back{samples}"
    if report.paced is not None:
        paced = report.paced
        p50 = "too few samples" if paced.latency.p50 is None else time_text(paced.latency.p50.value)
        yield (
            f"{'paced':<11}{rate_text(paced.reached_hz)} of {rate_text(paced.rate_hz)} asked, p50 {p50}, "
            f"CPU {time_text(paced.cpu_s_per_inference.value)} per {call}, {paced.late} late"
        )
    yield f"{'disk':<11}" + (
        "unknown"
        if report.disk_read_bytes is None
        else f"{bytes_text(report.disk_read_bytes.value)} read to load"
    )
    yield from energy_lines(report.energy, call)


def _times_real_time(report: Report) -> str:
    stream = None if report.pipeline is None else report.pipeline.stream
    return "" if stream is None else f", {digits(report.throughput_hz.value * stream.hop_s)} times real time"


def _machine_lines(report: Report) -> Iterator[str]:
    identity = report.identity
    model = identity.device_model or identity.machine
    machine = f"{identity.device_profile}, {model}, kernel {identity.kernel}"
    if identity.board is not None:
        machine = f"{identity.board}: {machine}"
    yield from _wrap(f"{'machine':<11}{machine}", " " * 11)
    yield from _wrap(f"{'conditions':<11}{_conditions(report)}", " " * 11)


def _conditions(report: Report) -> str:
    """Clocks, heat and load from before the first steady state to after the last; what is unknown is said."""
    before, after = report.processes[0].before, report.processes[-1].after
    clocks = [hz for hz in after.frequencies_hz if hz is not None]
    heat = [max(look.temperatures_c.values(), default=None) for look in (before, after)]
    parts = [
        f"clock {min(clocks) / 1e9:.2f} to {max(clocks) / 1e9:.2f} GHz" if clocks else "clock unknown",
        f"governor {'/'.join(after.governors)}" if after.governors else "governor unknown",
        f"{heat[0]:.0f} to {heat[1]:.0f} °C" if None not in heat else "temperature unknown",
    ]
    if before.load_1min is not None and after.load_1min is not None:
        parts.append(f"load {before.load_1min:.2f} to {after.load_1min:.2f}")
    if after.power_mode is not None:
        parts.append(after.power_mode)
    return ", ".join(parts)


def _row(report: Report) -> list[str]:
    latency, memory = report.latency, report.memory
    return [
        name_of(report),
        report.identity.backend,
        str(report.identity.threads),
        _time(latency.p50),
        "" if latency.p50 is None else interval_text(latency.p50),
        _time(latency.p90),
        _time(latency.p99),
        time_text(report.start.load_to_first_result.value),
        _bytes(memory.peak),
        _bytes(memory.incremental),
        time_text(report.cpu_s_per_inference.value),
        rate_text(report.throughput_hz.value),
        report.verdict,
    ]


def _doubts(report: Report) -> Iterator[str]:
    for doubt in report.warnings:
        yield from _wrap(f"{doubt.effect}: {doubt.name}: {doubt.message}", "    ")
        yield f"  {doubt.advice}"


def _doubts_of_many(reports: Sequence[Report]) -> Iterator[str]:
    for (effect, name, text), models in doubts_by_name([(name_of(each), each) for each in reports]).items():
        which = "every model" if len(models) == len(reports) else ", ".join(dict.fromkeys(models))
        yield from _wrap(f"{effect}: {name} ({which}): {text}", "  ")


def _is_range(report: Report) -> bool:
    return report.settings.intervals != "95 %"


def _wrap(text: str, indent: str) -> list[str]:
    """Names of processes and outputs come as many as there are; a terminal of 110 columns holds the rest."""
    return textwrap.wrap(text, 110, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _time(estimate: Estimate | None) -> str:
    return "-" if estimate is None else time_text(estimate.value)


def _bytes(estimate: Estimate | None) -> str:
    return "unknown" if estimate is None else bytes_text(estimate.value)
