"""Figures over processes: percentiles and means of latencies, each with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgeai.measure.statistics import Estimate, over_processes, percentile, widen_by_processes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgeai.measure.protocol import Timed


@dataclass(frozen=True)
class Latency:
    """Seconds around one call. A percentile is None where there are too few samples for it.

    min, max and mean are over all runs; percentiles over the samples that are kept, evenly, below.
    """

    min: float
    max: float
    mean: Estimate
    p50: Estimate | None
    p90: Estimate | None
    p95: Estimate | None
    p99: Estimate | None
    runs: int
    samples: int


def latency_of(loops: Sequence[Timed]) -> Latency:
    """Percentiles over the kept samples of all processes; minimum, maximum and mean over all runs."""
    return latency_from(
        [np.asarray(loop.samples_ns) / 1e9 for loop in loops],
        low_s=min(loop.min_ns for loop in loops) / 1e9,
        high_s=max(loop.max_ns for loop in loops) / 1e9,
        means_s=[loop.sum_ns / loop.runs / 1e9 for loop in loops],
        runs=sum(loop.runs for loop in loops),
    )


def latency_of_kept(processes: Sequence[NDArray[np.float64]]) -> Latency | None:
    """The same of seconds that are all there is: what a stage took in each call that is kept.

    None where no process has any; a process that has none counts for nothing.
    """
    known = [samples for samples in processes if len(samples)]
    if not known:
        return None
    return latency_from(
        known,
        low_s=float(min(samples.min() for samples in known)),
        high_s=float(max(samples.max() for samples in known)),
        means_s=[float(samples.mean()) for samples in known],
        runs=sum(map(len, known)),
    )


def latency_from(
    processes: Sequence[NDArray[np.float64]],
    *,
    low_s: float,
    high_s: float,
    means_s: Sequence[float],
    runs: int,
) -> Latency:
    """Percentiles of each process's samples in seconds, pooled, beside figures that are known of all runs."""
    pooled = np.concatenate(processes)

    def at(p: float) -> Estimate | None:
        found = percentile(pooled, p)
        return None if found is None else widen_by_processes(found, processes, p)

    return Latency(
        min=low_s,
        max=high_s,
        mean=over(means_s),
        p50=at(0.5),
        p90=at(0.9),
        p95=at(0.95),
        p99=at(0.99),
        runs=runs,
        samples=len(pooled),
    )


def over(values: Iterable[float]) -> Estimate:
    """One figure per process: their mean, and Student's t interval."""
    return over_processes(list(values))


def known(values: Sequence[int | None]) -> Estimate | None:
    """As `over`; None where any process does not know its figure."""
    told = [value for value in values if value is not None]
    return over(told) if len(told) == len(values) else None


def less(value: int | None, base: int | None) -> int | None:
    """The difference, where both are known."""
    return None if value is None or base is None else value - base
