"""VALID, NOISY or INVALID: every doubt about a run, by name and with advice.

A user of a VM or a Pi must still get a usable number: noise widens intervals, only what makes a number wrong
makes it INVALID.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from edgeai.measure.protocol import Measured, Probed
from edgeai.measure.statistics import coefficient_of_variation, outlier_share, thirds_drift

from .report import INVALID, NOISY, VALID, Doubt

# Limits of the method that this bench follows (see benchmarks/README.md).
MAX_VARIATION = 0.025
MAX_DRIFT = 0.02
# Our own: a tenth of a core of others' work, or 1 % of the time stolen, moves a median by about the 1 % that
# the stop rule aims at.
MAX_FOREIGN_CPUS = 0.1
MAX_STOLEN = 0.01


def verdict_of(doubts: Sequence[Doubt]) -> str:
    """The worst effect decides."""
    effects = {doubt.effect for doubt in doubts}
    return INVALID if "invalid" in effects else NOISY if "noisy" in effects else VALID


def doubts_of(probed: Probed, processes: Sequence[Measured], foreign: Mapping[str, float]) -> list[Doubt]:
    """Everything that speaks against a run. foreign: CPUs used by other programs, by name."""
    return [
        *_about_outputs(probed, processes),
        *_about_throttling(processes),
        *_about_memory(processes),
        *_about_variation(processes),
        *_about_others(processes, foreign),
        *_about_choices(probed),
    ]


def _about_outputs(probed: Probed, processes: Sequence[Measured]) -> Iterator[Doubt]:
    wrong = [process.output_error for process in processes if process.output_error]
    if wrong:
        yield Doubt(
            "wrong_output",
            "invalid",
            f"{len(wrong)} of {len(processes)} processes gave other outputs for the same inputs: {wrong[0]}",
            "the backend computes unreliably here, or the model is random on purpose; try another backend",
        )
    if probed.not_finite:
        yield Doubt(
            "outputs_not_finite",
            "note",
            f"NaN or infinity in {', '.join(probed.not_finite)}",
            "synthetic inputs may be outside the model's range: give real ones with --input",
        )


def _about_throttling(processes: Sequence[Measured]) -> Iterator[Doubt]:
    events: dict[str, int] = {}
    for process in processes:
        for name, count in process.change.throttle_events.items():
            events[name] = events.get(name, 0) + count
    if events:
        named = ", ".join(f"{name} ({count})" for name, count in events.items())
        yield Doubt(
            "throttled",
            "invalid",
            f"the board was throttled while it was measured: {named}",
            "cool it, give it a stronger supply, or a lower power mode; then measure again",
        )


def _about_memory(processes: Sequence[Measured]) -> Iterator[Doubt]:
    swapped = max((process.phases[-1].memory.swap_bytes or 0) for process in processes)
    if swapped:
        yield Doubt(
            "swapped",
            "invalid",
            f"{swapped / 1e6:.1f} MB of the model's own process were in swap",
            "free memory or switch swap off (swapoff -a), then measure again",
        )
    if any(process.before.zram for process in processes):
        yield Doubt(
            "zram",
            "note",
            "zram is in use: memory pressure costs CPU time here",
            "none needed while the process itself was not swapped",
        )
    if not all(process.peak_resets for process in processes):
        yield Doubt(
            "peak_not_reset",
            "note",
            "the kernel does not let the peak be reset: peaks hold all phases before, imports included",
            "build the kernel with CONFIG_PROC_PAGE_MONITOR",
        )


def _about_variation(processes: Sequence[Measured]) -> Iterator[Doubt]:
    samples = [np.asarray(process.steady.samples_ns) for process in processes]
    variation = max(coefficient_of_variation(one) for one in samples)
    if variation > MAX_VARIATION:
        yield Doubt(
            "high_variation",
            "noisy",
            f"latencies vary by {variation:.1%} (standard deviation over mean) in one process",
            "stop other programs, fix the clock (governor performance), measure longer",
        )
    drift = max((thirds_drift(one) for one in samples), key=abs)
    if abs(drift) > MAX_DRIFT:
        yield Doubt(
            "drift",
            "noisy",
            f"the last third of a process was {abs(drift):.1%} {'slower' if drift > 0 else 'faster'} "
            "than its first",
            "look at clock and temperature; measure longer",
        )
    outliers = max(outlier_share(one) for one in samples)
    if outliers > 0:
        yield Doubt(
            "outliers",
            "noisy",
            f"{outliers:.2%} of the latencies are far outliers (modified z-score over 14.8)",
            "something interrupts: other programs, interrupts, a hypervisor; look at p99 too",
        )
    cold = sum(not process.converged for process in processes)
    if cold:
        yield Doubt(
            "unconverged",
            "noisy",
            f"{cold} of {len(processes)} processes were measured before the warm-up had settled",
            "without --quick the warm-up gets up to 30 s; stop other programs",
        )


def _about_others(processes: Sequence[Measured], foreign: Mapping[str, float]) -> Iterator[Doubt]:
    load = max((process.change.foreign_load or 0.0) for process in processes)
    if load > MAX_FOREIGN_CPUS:
        most = sorted(foreign.items(), key=lambda item: -item[1])[:3]
        named = ", ".join(f"{name} {cpus:.0%}" for name, cpus in most if cpus >= 0.01)
        yield Doubt(
            "foreign_load",
            "noisy",
            f"other processes kept {load:.2f} CPUs busy" + (f" ({named} of a CPU)" if named else ""),
            "stop them, or measure when the machine is idle",
        )
    stolen = max((process.change.stolen_share or 0.0) for process in processes)
    if stolen > MAX_STOLEN:
        yield Doubt(
            "stolen_time",
            "noisy",
            f"the hypervisor gave {stolen:.1%} of the CPU time to others",
            "measure on bare metal, or on a VM with cores of its own",
        )
    held_s = sum(process.change.cgroup_throttled_s or 0.0 for process in processes)
    if held_s > 0:
        yield Doubt(
            "cgroup_throttled",
            "noisy",
            f"the container's CPU quota held the process back for {held_s:.2f} s",
            "raise the quota, or use fewer threads",
        )


def _about_choices(probed: Probed) -> Iterator[Doubt]:
    if probed.open_dimensions:
        shapes = ", ".join(f"{tensor.name}:{'x'.join(map(str, tensor.shape))}" for tensor in probed.inputs)
        yield Doubt(
            "symbolic_dimensions",
            "note",
            f"sizes were chosen for {', '.join(probed.open_dimensions)}: ran {shapes}",
            "give the sizes of your application with --input-shape",
        )
