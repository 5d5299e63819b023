"""Doubts about an MLPerf scenario and a soak, by name and with advice."""

from __future__ import annotations

from collections.abc import Iterator

from edgeai.measure.conditions import Change
from edgeai.quantities import bytes_text, time_text
from edgeai.unavailable import Unavailable

from .mlperf import MIN_S, MlperfResult
from .report import Doubt
from .soak_report import SoakResult
from .verdict import MAX_DRIFT, MAX_FOREIGN_CPUS, MAX_STOLEN

# Our own: RAM that grows by over 1 % of the peak an hour, and by more than an allocator moves by itself. A
# soak that ends slower than it began is told of from what counts as drift in a process.
MAX_GROWTH = 0.01
LEAST_GROWN_BYTES = 256 * 1024


def about_mlperf(result: MlperfResult | None) -> Iterator[Doubt]:
    """What speaks against a scenario's figures."""
    if result is None:
        return
    yield from _about_output("mlperf", result.scenario, result.output_error)
    if result.change.throttle_events:
        yield Doubt(
            "mlperf_throttled",
            "invalid",
            f"the board was throttled in the {result.scenario} run: {_named(result.change)}",
            "cool it, give it a stronger supply, or a lower power mode; then measure again",
        )
    yield from _about_others("mlperf", f"in the {result.scenario} run", result.change)
    if not result.by_the_rules:
        yield Doubt(
            "mlperf_not_by_the_rules",
            "note",
            f"the {result.scenario} run is not by MLPerf's rules: {'; '.join(result.reasons)}",
            _advice_on_rules(result),
        )
    server = result.server
    if server is not None and server.holds is False:
        yield Doubt(
            "mlperf_limit_missed",
            "note",
            f"{server.over:,} of {result.queries:,} queries took over {time_text(server.limit_s)}: "
            "p99 does not keep the limit",
            "ask for fewer queries a second, or for a smaller or faster variant of the model",
        )
    if server is not None and server.holds is None:
        yield Doubt(
            "mlperf_limit_undecided",
            "note",
            f"{result.queries:,} queries are too few to say that p99 keeps {time_text(server.limit_s)}",
            "give the run more time or a higher --server-rate",
        )


def about_soak(result: SoakResult | None) -> Iterator[Doubt]:
    """What speaks against a soak, or what it shows against the figures of the short runs."""
    if result is None:
        return
    yield from _about_output("soak", "soak", result.output_error)
    sustained = result.sustained
    if sustained is not None and sustained.high < 1 and sustained.ratio < 1 - MAX_DRIFT:
        yield Doubt(
            "soak_slower",
            "noisy",
            f"after {time_text(result.duration_s)} the model runs at {sustained.ratio:.1%} "
            f"[{sustained.low:.1%}, {sustained.high:.1%}] of its rate at first",
            "plan with the sustained rate; cool the board, look at clock, throttling and other programs",
        )
    growth = result.growth_bytes_per_hour
    if (
        not isinstance(growth, Unavailable)
        and growth.low is not None
        and result.peak_bytes is not None
        and growth.low > MAX_GROWTH * result.peak_bytes
        and (result.grown_bytes or 0) > LEAST_GROWN_BYTES
    ):
        yield Doubt(
            "soak_growth",
            "noisy",
            f"anonymous RAM grew by {bytes_text(result.grown_bytes or 0)}, which is "
            f"{bytes_text(growth.value)} an hour of a peak of {bytes_text(result.peak_bytes)}",
            "soak longer: if it goes on, the backend or the model leaks; try another backend or version",
        )
    if result.change.throttle_events:
        yield Doubt(
            "soak_throttled",
            "note",
            f"the board was throttled in the soak: {_named(result.change)}",
            "cool it or give it a stronger supply, if the sustained rate is not enough",
        )
    yield from _about_others("soak", "in the soak", result.change)


def _advice_on_rules(result: MlperfResult) -> str:
    if result.scenario == "Offline" and result.min_s >= MIN_S > result.duration_s:
        return "the model got faster than just before its query, which was too short then: repeat it"
    return "leave --min-time and --min-runs out; a run by the rules takes at least ten minutes"


def _about_output(prefix: str, what: str, error: str | None) -> Iterator[Doubt]:
    if error is not None:
        yield Doubt(
            f"{prefix}_wrong_output",
            "invalid",
            f"the process of the {what} gave other outputs for the same inputs: {error}",
            "the backend computes unreliably here, or the model is random on purpose; try another backend",
        )


def _about_others(prefix: str, when: str, change: Change) -> Iterator[Doubt]:
    told = []
    if (change.foreign_load or 0) > MAX_FOREIGN_CPUS:
        told.append(f"other processes kept {change.foreign_load:.2f} CPUs busy")
    if (change.stolen_share or 0) > MAX_STOLEN:
        told.append(f"the hypervisor gave {change.stolen_share:.1%} of the CPU time to others")
    if (change.cgroup_throttled_s or 0) > 0:
        told.append(f"a CPU quota held the process back for {change.cgroup_throttled_s:.2f} s")
    if told:
        yield Doubt(
            f"{prefix}_disturbed",
            "noisy",
            f"{when} {', '.join(told)}",
            "measure when the machine is idle, on cores of its own and without a quota",
        )


def _named(change: Change) -> str:
    return ", ".join(f"{name} ({count})" for name, count in change.throttle_events.items())
