"""Whether runs keep the limits of their suite: told only where the whole 95 % interval says so."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from edgeai.measure.statistics import ENOUGH_PROCESSES, Estimate, student_t_interval
from edgeai.unavailable import Unavailable

from .limits import (
    AT_MOST,
    FAILED,
    LIMITED,
    PASSED,
    UNAVAILABLE,
    UNDECIDED,
    Limit,
    LimitVerdict,
)
from .render.names import name_of
from .report import INVALID, Failure, Report

Limits = Mapping[str, Sequence[Limit]]
"""By the id of a model in its suite."""


class _Unavailable(Exception):  # noqa: N818 - caught below, never seen
    """Why there is no figure to judge."""


def judge_all(
    reports: Sequence[Report], failures: Sequence[Failure], limits: Limits, *, estimates: bool = False
) -> tuple[LimitVerdict, ...]:
    """Every limit of every run, in their order, then of the models that were not measured.

    estimates: whether an estimate of energy is judged as a measurement would be, since it was asked for.
    """
    seen = {report.model.id for report in reports} | {failure.model for failure in failures}
    nobody = [
        Failure(name, None, "UsageError", "none of the backends asked for reads it", skipped=True)
        for name in limits
        if name not in seen
    ]
    return tuple(
        [
            judge(report, limit, estimates=estimates)
            for report in reports
            for limit in limits.get(report.model.id or "", ())
        ]
        + [verdict for failure in (*failures, *nobody) for verdict in _not_measured(failure, limits)]
    )


def judge(report: Report, limit: Limit, *, estimates: bool = False) -> LimitVerdict:
    """`passed` where the whole interval is inside, `failed` where it is past the limit, else `undecided`.

    A figure that the run cannot give is `unavailable`, which fails nothing.
    """
    try:
        figure = _figure(report, limit.name, estimates)
    except _Unavailable as reason:
        return _verdict(report, limit, None, UNAVAILABLE, str(reason))
    low, high = figure.low, figure.high
    assert low is not None
    assert high is not None
    inside, past = (
        (high <= limit.bound, low > limit.bound)
        if limit.sense == AT_MOST
        else (low >= limit.bound, high < limit.bound)
    )
    if inside or past:
        return _verdict(report, limit, figure, PASSED if inside else FAILED, None)
    return _verdict(report, limit, figure, UNDECIDED, _undecided(report, limit.name))


def any_failed(verdicts: Sequence[LimitVerdict]) -> bool:
    """Whether a limit is missed for certain."""
    return any(verdict.verdict == FAILED for verdict in verdicts)


def _figure(report: Report, name: str, estimates: bool) -> Estimate:
    """In the unit of the name, always with both bounds. Raises _Unavailable."""
    scale = LIMITED[name].scale
    if name == "size_mb":  # counted, not measured
        size = report.model.size_bytes / scale
        return Estimate(size, size, size)
    if report.verdict == INVALID:
        reasons = ", ".join(doubt.name for doubt in report.warnings if doubt.effect == "invalid")
        raise _Unavailable(f"the run is INVALID ({reasons}); measure it again")
    if name == "energy_mj":  # of a process of its own, whose windows give the interval
        return _scaled(_energy(report, estimates), scale)
    if report.settings.processes == 1:
        raise _Unavailable(
            f"one process does not tell how far processes differ; measure with --processes {ENOUGH_PROCESSES}"
        )
    found = _percentile(report, name) if name in _PERCENTILES else _mean(report, _MEANS[name](report))
    return _scaled(found, scale)


def _energy(report: Report, estimates: bool) -> Estimate:
    """Gross, which does not depend on what idle was."""
    energy = report.energy
    if isinstance(energy, Unavailable):
        raise _Unavailable(f"{energy.unavailable}; {energy.advice}")
    if energy.is_estimate and not estimates:
        raise _Unavailable("it is an estimate, which limits judge only with --meter estimate")
    return energy.gross_j


def _scaled(found: Estimate, scale: float) -> Estimate:
    if found.low is None or found.high is None:
        raise _Unavailable("its interval is not known; measure with more --processes")
    return Estimate(found.value / scale, found.low / scale, found.high / scale)


_PERCENTILES = {"p50_ms": 0.50, "p90_ms": 0.90, "p95_ms": 0.95, "p99_ms": 0.99}
_MEANS: dict[str, Callable[[Report], Estimate | None]] = {
    "mean_ms": lambda report: report.latency.mean,
    "cpu_ms": lambda report: report.cpu_s_per_inference,
    "load_ms": lambda report: report.start.load,
    "first_result_ms": lambda report: report.start.load_to_first_result,
    "peak_mb": lambda report: report.memory.peak,
    "incremental_mb": lambda report: report.memory.incremental,
    "throughput_hz": lambda report: report.throughput_hz,
}


def _percentile(report: Report, name: str) -> Estimate:
    p = _PERCENTILES[name]
    found: Estimate | None = getattr(report.latency, name.removesuffix("_ms"))
    if found is None:
        least = math.ceil(math.log(0.05) / math.log(p))  # the largest of n is a 95 % bound: p ** n <= 5 %
        raise _Unavailable(
            f"too few samples: {report.latency.samples}, and {name.removesuffix('_ms')} needs {least}; "
            "raise --min-runs"
        )
    if found.low is None or found.high is None or report.settings.processes >= ENOUGH_PROCESSES:
        return found
    # Two processes: the report's interval holds their range, which is narrower than what 95 % asks for.
    own = [float(np.quantile(process.samples_ns, p)) / 1e9 for process in report.processes]
    if min(own) <= 0:
        raise _Unavailable("the clock is too coarse for so short a call")
    logs = student_t_interval([math.log(figure) for figure in own])
    assert logs.low is not None
    assert logs.high is not None
    # math.exp overflows past 709; an interval that wide holds every limit.
    low, high = math.exp(max(logs.low, -700.0)), math.exp(min(logs.high, 700.0))
    return Estimate(found.value, min(found.low, low), max(found.high, high))


def _mean(report: Report, found: Estimate | None) -> Estimate:
    if found is None:
        raise _Unavailable("the kernel does not tell it of every process")
    if found.low is None or found.high is None or report.settings.processes >= ENOUGH_PROCESSES:
        return found
    wide = student_t_interval([found.low, found.high])  # of two processes, low and high are their figures
    assert wide.low is not None
    return Estimate(wide.value, max(wide.low, 0.0), wide.high)  # no figure here can be below 0


def _undecided(report: Report, name: str) -> str:
    if name == "energy_mj":
        return "the limit lies in the 95 % interval; measure without --quick, or with another meter"
    if report.settings.processes < ENOUGH_PROCESSES:
        return "the limit lies in the interval, which is wide for two processes; measure with --processes 5"
    return (
        "the limit lies in the 95 % interval; measure longer, with more --processes or on a quieter machine"
    )


def _verdict(
    report: Report, limit: Limit, figure: Estimate | None, verdict: str, reason: str | None
) -> LimitVerdict:
    return LimitVerdict(
        model=name_of(report),
        backend=report.identity.backend,
        threads=report.identity.threads,
        name=limit.name,
        sense=limit.sense,
        bound=limit.bound,
        value=None if figure is None else figure.value,
        low=None if figure is None else figure.low,
        high=None if figure is None else figure.high,
        verdict=verdict,
        reason=reason,
    )


def _not_measured(failure: Failure, limits: Limits) -> Iterator[LimitVerdict]:
    word = "skipped" if failure.skipped else "not measured"
    for limit in limits.get(failure.model, ()):
        yield LimitVerdict(
            failure.model,
            failure.backend,
            None,
            limit.name,
            limit.sense,
            limit.bound,
            None,
            None,
            None,
            UNAVAILABLE,
            f"{word}: {failure.message}",
        )
