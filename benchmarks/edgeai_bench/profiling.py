"""Profiles one model in a process of its own, and makes the report's `profile` of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from edgeai.backends.profiling import ProfiledRun
from edgeai.errors import EdgeError, UsageError, one_line
from edgeai.measure.launch import run_worker
from edgeai.measure.profiled import Profiled, ProfiledOperator, ProfileRule
from edgeai.measure.protocol import Request
from edgeai.unavailable import Unavailable

from .plan import Plan
from .targets import Target

_QUICK = ProfileRule(min_s=0.5, max_s=5.0)


@dataclass(frozen=True)
class OperatorShare:
    """One operator. share: of the time of all operators. mean_s: in a run. calls: in a run.

    provider: what ran it; None where the runtime does not say.
    """

    name: str
    operator: str
    provider: str | None
    mean_s: float
    share: float
    calls: float


@dataclass(frozen=True)
class TypeShare:
    """All operators of a type. operators: how many there are."""

    operator: str
    operators: int
    mean_s: float
    share: float


@dataclass(frozen=True)
class ProviderShare:
    """All operators that a provider ran."""

    provider: str | None
    operators: int
    mean_s: float
    share: float


@dataclass(frozen=True)
class ProfileResult:
    """What each operator takes, means over the quieter half of the profiled runs, in seconds.

    method: by which the figures came. scope: what they hold, for people. sum_s: of all operators. latency_s:
    of the same runs, as the runtime timed them. plain_s: of runs without the profiler, in turn with them.
    unaccounted_share: of latency_s, outside operators. ratio: sum_s by plain_s. accelerator: what every
    operator should run on; None where there is only the CPU. operators: in the order in which they run.
    by_type, by_provider: the dearest first.
    """

    method: str
    scope: str
    resolution_s: float
    runs: int
    sum_s: float
    latency_s: float
    plain_s: float
    unaccounted_share: float
    ratio: float
    accelerator: str | None
    operators: tuple[OperatorShare, ...]
    by_type: tuple[TypeShare, ...]
    by_provider: tuple[ProviderShare, ...]


@dataclass(frozen=True)
class TracedProfile(ProfileResult):
    """With some of the runs it is of, which are no part of the JSON document."""

    traces: tuple[ProfiledRun, ...]


def check_profile(target: Target, plan: Plan) -> None:
    """Refuse to profile a whole pipeline. Raises UsageError."""
    if plan.profile and target.model is None:
        names = ", ".join(model.name for model in target.models)
        raise UsageError(
            f"{one_line(target.bundle.path)} is a pipeline, and --profile looks into one model; "
            f"name it with --model NAME (it has: {one_line(names)})"
        )


def run_profile(
    request: Request, plan: Plan, on_progress: Callable[[float, str], None]
) -> TracedProfile | Unavailable | None:
    """Profile what the probe chose, where the plan asks for it.

    A runtime that cannot be profiled spoils no measurement: it is unavailable then, with the reason.
    """
    if not plan.profile:
        return None
    on_progress(1.0, "profile")
    rule = _QUICK if plan.quick else ProfileRule()
    asked = replace(request, probe=False, profile=rule)
    try:
        found = run_worker(Profiled, asked, on_event=lambda event: None, silence_s=plan.silence_s)
    except EdgeError as error:
        return Unavailable(one_line(f"no profile: {error}"), "name another --backend, or leave --profile out")
    return result_of(found)


def result_of(found: Profiled) -> TracedProfile:
    """The report's profile of what a worker found."""
    total_s = found.sum_s
    return TracedProfile(
        method=found.method,
        scope=found.scope,
        resolution_s=found.resolution_s,
        runs=found.runs,
        sum_s=total_s,
        latency_s=found.latency_s,
        plain_s=found.plain_s,
        unaccounted_share=1.0 - total_s / found.latency_s,
        ratio=total_s / found.plain_s,
        accelerator=found.accelerator,
        operators=tuple(
            OperatorShare(
                each.name,
                each.operator,
                each.provider,
                each.mean_s,
                _share(each.mean_s, total_s),
                each.calls,
            )
            for each in found.operators
        ),
        by_type=tuple(
            TypeShare(key, count, mean_s, _share(mean_s, total_s))
            for key, count, mean_s in _grouped(found.operators, lambda each: each.operator)
        ),
        by_provider=tuple(
            ProviderShare(key or None, count, mean_s, _share(mean_s, total_s))
            for key, count, mean_s in _grouped(found.operators, lambda each: each.provider or "")
        ),
        traces=found.traces,
    )


def off_accelerator(result: ProfileResult) -> list[OperatorShare]:
    """Operators that should have run on the accelerator and did not, the dearest first."""
    if result.accelerator is None:
        return []
    fallen = [each for each in result.operators if each.provider not in {None, result.accelerator}]
    return sorted(fallen, key=lambda each: -each.mean_s)


def _grouped(
    operators: Iterable[ProfiledOperator], key: Callable[[ProfiledOperator], str]
) -> list[tuple[str, int, float]]:
    """Key, how many and their time, the dearest first."""
    groups: dict[str, list[float]] = {}
    for each in operators:
        groups.setdefault(key(each), []).append(each.mean_s)
    found = [(name, len(times), sum(times)) for name, times in groups.items()]
    return sorted(found, key=lambda group: -group[2])


def _share(part_s: float, total_s: float) -> float:
    return part_s / total_s if total_s else 0.0
