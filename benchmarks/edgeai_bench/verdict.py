"""VALID, NOISY or INVALID: every doubt about a run, by name and with advice.

A user of a VM or a Pi must still get a usable number: noise widens intervals, only what makes a number wrong
makes it INVALID.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from edgeai.backends import unused_providers
from edgeai.measure.conditions import Change
from edgeai.measure.protocol import InputRequest, Measured, ModelRequest, Probed
from edgeai.measure.statistics import coefficient_of_variation, outlier_share, thirds_drift

from .pipeline_doubts import about_deadlines, about_source, about_stages
from .plan import Plan
from .report import INVALID, NOISY, VALID, Doubt

# Limits of the method that this bench follows (see benchmarks/README.md).
MAX_VARIATION = 0.025
MAX_DRIFT = 0.02
# Our own: a tenth of a core of others' work, or 1 % of the time stolen, moves a median by about the 1 % that
# the stop rule aims at.
MAX_FOREIGN_CPUS = 0.1
MAX_STOLEN = 0.01
# Our own too: processes whose medians are further apart than what counts as drift within one; a clock that
# lost a tenth; a schedule missed by 2 %.
MAX_SPREAD = 0.02
MIN_CLOCK_SHARE = 0.9
MIN_RATE_SHARE = 0.98


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
        *_about_precision(processes),
        *_about_others(processes, foreign),
    ]


def doubts_about_request(
    model: ModelRequest,
    inputs: InputRequest,
    plan: Plan,
    probed: Probed,
    processes: Sequence[Measured],
    *,
    sizes_from: str | None,
) -> list[Doubt]:
    """What follows from how the run was asked for. sizes_from: `suite` or `bundle`, where one gives them."""
    return [
        *_about_shapes(probed, inputs, sizes_from),
        *_about_preparing(probed),
        *about_source(probed),
        *about_stages(probed, processes),
        *about_deadlines(probed, processes),
        *_about_providers(model, processes),
        *_about_rate(plan, processes),
        *_about_quick(plan),
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
    for change in _changes(processes):
        for name, count in change.throttle_events.items():
            events[name] = events.get(name, 0) + count
    if events:
        named = ", ".join(f"{name} ({count})" for name, count in events.items())
        yield Doubt(
            "throttled",
            "invalid",
            f"the board was throttled while it was measured: {named}",
            "cool it, give it a stronger supply, or a lower power mode; then measure again",
        )
    # Only of clocks that are meant to stay: under other governors, a core without work slows down by itself.
    fixed = [p for p in processes if p.before.clocks_pinned or p.before.governors == ("performance",)]
    clock = min((c.slowest_clock_share for c in _changes(fixed) if c.slowest_clock_share), default=1.0)
    if clock < MIN_CLOCK_SHARE:
        yield Doubt(
            "clock_dropped",
            "noisy",
            f"a core's clock fell to {clock:.0%} of what it was",
            "fix the clock (governor performance), look at the temperature",
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
    variation = max(filter(None, map(coefficient_of_variation, samples)), default=0.0)
    if variation > MAX_VARIATION:
        yield Doubt(
            "high_variation",
            "noisy",
            f"latencies vary by {variation:.1%} (standard deviation over mean) in one process",
            "stop other programs, fix the clock (governor performance), measure longer",
        )
    medians = [float(np.median(one)) for one in samples]
    spread = max(medians) / min(medians) - 1
    if spread > MAX_SPREAD:
        yield Doubt(
            "processes_differ",
            "noisy",
            f"the medians of the processes differ by {spread:.1%}",
            "more processes (--processes 9); look at clock, heat and other programs",
        )
    drift = max(filter(None, map(thirds_drift, samples)), key=abs, default=0.0)
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


def _about_precision(processes: Sequence[Measured]) -> Iterator[Doubt]:
    short = [process.steady for process in processes if not process.steady.met_rule]
    if short:
        fewest = min(loop.runs for loop in short)
        widths = [loop.half_width for loop in short if loop.half_width is not None]
        width = f"the p50 is known to ±{max(widths):.1%}" if widths else "too few for an interval"
        yield Doubt(
            "stop_rule_not_met",
            "noisy",
            f"{len(short)} of {len(processes)} processes ended at the limit, after {fewest} runs; {width}",
            "give more time with --max-time",
        )


def _about_others(processes: Sequence[Measured], foreign: Mapping[str, float]) -> Iterator[Doubt]:
    load = max((change.foreign_load or 0.0) for change in _changes(processes))
    if load > MAX_FOREIGN_CPUS:
        most = sorted(foreign.items(), key=lambda item: -item[1])[:3]
        named = ", ".join(f"{name} {cpus:.0%}" for name, cpus in most if cpus >= 0.01)
        yield Doubt(
            "foreign_load",
            "noisy",
            f"other processes kept {load:.2f} CPUs busy" + (f" ({named} of a CPU)" if named else ""),
            "stop them, or measure when the machine is idle",
        )
    stolen = max((change.stolen_share or 0.0) for change in _changes(processes))
    if stolen > MAX_STOLEN:
        yield Doubt(
            "stolen_time",
            "noisy",
            f"the hypervisor gave {stolen:.1%} of the CPU time to others",
            "measure on bare metal, or on a VM with cores of its own",
        )
    held_s = sum(change.cgroup_throttled_s or 0.0 for change in _changes(processes))
    if held_s > 0:
        yield Doubt(
            "cgroup_throttled",
            "noisy",
            f"the container's CPU quota held the process back for {held_s:.2f} s",
            "raise the quota, or use fewer threads",
        )


_SIZES = {
    "suite": "its TOML says them",
    "bundle": "its manifest says them; give others with --input-shape",
}


def _about_shapes(probed: Probed, inputs: InputRequest, sizes_from: str | None) -> Iterator[Doubt]:
    shapes = ", ".join(f"{tensor.name}:{'x'.join(map(str, tensor.shape))}" for tensor in probed.inputs)
    if probed.open_dimensions:
        sizes = {size for tensor in probed.inputs for size in tensor.shape}
        small = "; with 1 for every size the figures say little" if sizes == {1} else ""
        yield Doubt(
            "symbolic_dimensions",
            "note",
            f"sizes were chosen for {', '.join(probed.open_dimensions)}: ran {shapes}{small}",
            "give the sizes of your application with --input-shape",
        )
    elif sizes_from is not None and inputs.shapes:
        told = f"the {sizes_from} gives the sizes: ran {shapes}"
        yield Doubt(f"{sizes_from}_sizes", "note", told, _SIZES[sizes_from])


def _about_preparing(probed: Probed) -> Iterator[Doubt]:
    for text in probed.unprepared:
        what, _, advice = text.rpartition("; ")
        yield Doubt("prepared_not_used", "note", what, advice)


def _about_providers(model: ModelRequest, processes: Sequence[Measured]) -> Iterator[Doubt]:
    share = processes[-1].provider_share
    unused = unused_providers(model.providers or (), share)
    if unused:
        yield Doubt(
            "provider_unused",
            "note",
            f"no node ran on {', '.join(unused)}; all ran on {', '.join(share)}",
            "leave the provider out, or leave 'cpu' out to make that an error",
        )


def _about_rate(plan: Plan, processes: Sequence[Measured]) -> Iterator[Doubt]:
    loops = [process.paced for process in processes if process.paced is not None]
    if plan.rate_hz is None or not loops:
        return
    reached = sum(loop.runs for loop in loops) / sum(loop.duration_s for loop in loops)
    late = sum(loop.late for loop in loops)
    if reached < MIN_RATE_SHARE * plan.rate_hz or late > 0:
        yield Doubt(
            "rate_not_reached",
            "noisy",
            f"{reached:.3g} calls a second of {plan.rate_hz:.3g} asked, {late} of them late",
            "ask for a rate that the model can keep",
        )


def _about_quick(plan: Plan) -> Iterator[Doubt]:
    if plan.quick:
        yield Doubt(
            "quick",
            "note",
            f"a first look: {plan.processes} processes of {plan.stop.min_s:g} s; intervals are their range",
            "leave --quick out for figures to publish",
        )


def _changes(processes: Sequence[Measured]) -> list[Change]:
    """What happened to the machine, in every process: steady state, paced calls, and real time."""
    streams = (process.pipeline.stream for process in processes if process.pipeline is not None)
    both = (change for process in processes for change in (process.change, process.paced_change))
    return [
        *(change for change in both if change is not None),
        *(stream.change for stream in streams if stream is not None),
    ]
