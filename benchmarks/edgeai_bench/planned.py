"""The plan of a run, out of what the command line or a suite says."""

from __future__ import annotations

from dataclasses import replace

from edgeai.errors import UsageError

from .plan import QUICK, Plan
from .suite_settings import SuiteSettings


def planned(said: SuiteSettings, rate_hz: float | None, cold: bool, silence_s: float | None) -> Plan:
    """The plan with what the user changed, or a suite. Raises UsageError."""
    base = QUICK if said.quick else Plan()
    stop, warm, warm_up_s = base.stop, base.warm_up, said.warm_up_s
    stop = replace(
        stop,
        min_runs=said.min_runs or stop.min_runs,
        min_s=stop.min_s if said.min_time_s is None else said.min_time_s,
        max_s=stop.max_s if said.max_time_s is None else said.max_time_s,
    )
    if stop.max_s < stop.min_s:
        raise UsageError(f"--max-time {stop.max_s:g}s is shorter than --min-time {stop.min_s:g}s")
    if warm_up_s is not None:
        warm = replace(warm, max_s=warm_up_s, min_s=min(warm.min_s, warm_up_s))
    return replace(
        base,
        stop=stop,
        warm_up=warm,
        rate_hz=rate_hz,
        paced_s=base.paced_s if rate_hz is None else _paced_s(base, rate_hz),
        cold=cold,
        processes=said.processes or base.processes,
        silence_s=silence_s or base.silence_s,
    )


def _paced_s(base: Plan, rate_hz: float) -> float:
    """Long enough for five calls, as far as anybody waits for those."""
    needed_s = max(base.paced_s, 5 / rate_hz)
    if needed_s > base.stop.max_s:
        raise UsageError(
            f"five calls at that --rate take {needed_s:.0f} s in each process; give at least "
            f"{5 / base.stop.max_s * 60:.3g}/m"
        )
    return needed_s
