"""Runs what takes long, after the usual processes: an MLPerf scenario, a soak, each in its own process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from edgeai.errors import UsageError, one_line
from edgeai.measure.launch import run_worker
from edgeai.measure.long_runs import ScenarioMeasured, SoakMeasured
from edgeai.measure.protocol import Request
from edgeai.unavailable import Unavailable

from .energy import energy_s
from .mlperf import NAMES, MlperfResult, mlperf_result, scenario_of
from .mlperf_energy import query_energy, sampled
from .plan import Plan
from .soak_report import SoakResult, soak_result

_PROCESS_S = 3.0
"""What starting, loading and warming up take, roughly: for the bar only."""


@dataclass(frozen=True)
class LongRuns:
    """None where it was not asked for."""

    mlperf: MlperfResult | None
    soak: SoakResult | None


_LEAST_SOAK_S = 1.0


def with_long_runs(
    plan: Plan,
    *,
    mlperf: str | None,
    min_s: float | None,
    min_queries: int | None,
    batch: int | None,
    server_rate_hz: float | None,
    server_limit_s: float | None,
    soak_s: float | None,
    seed: int,
) -> Plan:
    """The plan with an MLPerf scenario, with a soak, or with both. Raises UsageError for what does not fit.

    min_s, min_queries: of the scenario, where it shall be shorter than the rules say.
    """
    if soak_s is not None and soak_s < _LEAST_SOAK_S:
        raise UsageError(
            f"--soak {soak_s:g}s is too short to show anything; give at least {_LEAST_SOAK_S:g}s"
        )
    if mlperf is None:
        if server_rate_hz is not None or server_limit_s is not None:
            raise UsageError("--server-rate and --server-limit go with --mlperf server")
        return replace(plan, soak_s=soak_s)
    scenario = scenario_of(
        mlperf,
        min_s=min_s,
        min_queries=min_queries,
        batch=batch,
        rate_hz=server_rate_hz,
        limit_s=server_limit_s,
        seed=seed,
    )
    return replace(plan, soak_s=soak_s, scenario=scenario)


def check_long_runs(request: Request, plan: Plan) -> None:
    """Refuse a scenario for what is no model on tensors. Raises UsageError."""
    if plan.scenario is not None and request.pipeline is not None:
        shown = one_line(request.model.model)
        raise UsageError(
            f"{shown} is a pipeline, and --mlperf asks one model on tensors; name it with --model NAME "
            f"(`edgeai show {shown}` lists them)"
        )


def run_long(request: Request, plan: Plan, on_progress: Callable[[float, str], None]) -> LongRuns:
    """Run what the plan asks for. Raises as `edgeai.measure.launch.run_worker`.

    on_progress: gets the share of the whole command that is done, and what it is at with the time left.
    """
    mlperf = soak = None
    done = usual_share(plan) + energy_share(plan)
    if plan.scenario is not None:
        share = plan.scenario.min_s / _total_s(plan)
        follow = _follow(NAMES[plan.scenario.kind], done, share, on_progress)
        asked = replace(request, probe=False, scenario=plan.scenario)
        with sampled(plan) as sampler:
            found = run_worker(ScenarioMeasured, asked, on_event=follow, silence_s=plan.silence_s)
        energy = sampler if isinstance(sampler, Unavailable) else query_energy(sampler.trace(), found)
        mlperf = replace(mlperf_result(plan.scenario, found), energy=energy)
        done += share
    if plan.soak_s is not None:
        follow = _follow("soak", done, plan.soak_s / _total_s(plan), on_progress)
        asked = replace(request, probe=False, soak_s=plan.soak_s)
        soaked = run_worker(SoakMeasured, asked, on_event=follow, silence_s=plan.silence_s)
        soak = soak_result(plan.soak_s, soaked)
    return LongRuns(mlperf, soak)


def usual_share(plan: Plan) -> float:
    """Which share of the whole time the usual processes take."""
    return _usual_s(plan) / _total_s(plan)


def energy_share(plan: Plan) -> float:
    """Which share the energy pass takes, which comes after the usual processes."""
    return energy_s(plan) / _total_s(plan)


def _usual_s(plan: Plan) -> float:
    return plan.processes * (plan.stop.min_s + plan.warm_up.min_s + _PROCESS_S)


def _total_s(plan: Plan) -> float:
    scenario_s = 0.0 if plan.scenario is None else plan.scenario.min_s
    return _usual_s(plan) + energy_s(plan) + scenario_s + (plan.soak_s or 0.0)


def _follow(
    name: str, done: float, share: float, on_progress: Callable[[float, str], None]
) -> Callable[[dict[str, object]], None]:
    """A worker's events as shares of the whole command."""

    def follow(event: dict[str, object]) -> None:
        if event["event"] == "phase":
            on_progress(done, f"{name}, {event['name']}")
        elif event["event"] == "progress":
            part, left_s = float(str(event["share"])), event.get("left_s")
            left = "" if left_s is None else f", {_clock_text(float(str(left_s)))} left"
            on_progress(done + share * part, f"{name}{left}")

    return follow


def _clock_text(seconds: float) -> str:
    """`9:05`, or `1:02:03`."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
