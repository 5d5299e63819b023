"""A run's energy as it is shared: a short power trace, and no address of anybody's meter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from edgeai.measure.energy import Energy, PowerTrace
from edgeai.unavailable import Unavailable

from .report import Report


def shared_energy(report: Report, every: int) -> Report:
    """The report with one of every so many points of its trace, and its meters by their names alone."""
    energy, mlperf = report.energy, report.mlperf
    if mlperf is not None and mlperf.energy is not None and not isinstance(mlperf.energy, Unavailable):
        query = replace(mlperf.energy, meter=_name(mlperf.energy.meter))
        report = replace(report, mlperf=replace(mlperf, energy=query))
    if isinstance(energy, Unavailable):
        return report
    command = tuple(word.replace(energy.meter, _name(energy.meter)) for word in report.identity.command)
    identity = replace(report.identity, command=command)
    return replace(report, energy=_shared(energy, every), identity=identity)


def _shared(energy: Energy, every: int) -> Energy:
    return replace(
        energy,
        meter=_name(energy.meter),
        method=energy.method.replace(energy.meter, _name(energy.meter)),
        trace=_thin(energy.trace, every),
    )


def _name(meter: str) -> str:
    return meter.partition("=")[0]


def _thin(trace: PowerTrace, every: int) -> PowerTrace:
    """Milliseconds and four digits are enough for a drawing; a gap stays one."""
    points = list(_points(trace, every))
    return replace(
        trace, times_s=tuple(time_s for time_s, _ in points), power_w=tuple(watts for _, watts in points)
    )


def _points(trace: PowerTrace, every: int) -> Iterator[tuple[float, float | None]]:
    for first in range(0, len(trace.times_s), every):
        watts = trace.power_w[first : first + every]
        known = [each for each in watts if each is not None]
        mean = float(f"{sum(known) / len(known):.4g}") if len(known) == len(watts) else None
        yield round(trace.times_s[first], 3), mean
