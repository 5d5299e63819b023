"""What a profile is asked for and what comes back, as JSON-able dataclasses."""

from __future__ import annotations

from dataclasses import dataclass

from ..backends.profiling import ProfiledRun


@dataclass(frozen=True)
class ProfileRule:
    """How long to profile: rounds of two runs under the profiler and two without, in turn.

    Of a limit of rounds and its seconds, both must be reached; `max_s` ends either, the rest not before two
    rounds.
    """

    warm_up_rounds: int = 5
    warm_up_s: float = 0.5
    rounds: int = 20
    min_s: float = 2.0
    max_rounds: int = 400
    max_s: float = 20.0
    traced_runs: int = 3


@dataclass(frozen=True)
class ProfiledOperator:
    """One operator over the runs that were kept. mean_s: in a run, all its calls together, without what runs
    inside it. calls: in a run."""

    name: str
    operator: str
    provider: str | None
    mean_s: float
    calls: float


@dataclass(frozen=True)
class Profiled:
    """What a profiling worker reports; see `profile`. Means over runs, in seconds.

    method, scope, resolution_s, accelerator: see `Profiler`. runs: that are in the means, the quieter half.
    sum_s: of the operators. latency_s: of the same runs, as the runtime timed them. plain_s: of runs without
    the profiler, in turn with them in the same process. operators: in the order in which they run. traces: of
    some runs.
    """

    method: str
    scope: str
    resolution_s: float
    runs: int
    sum_s: float
    latency_s: float
    plain_s: float
    accelerator: str | None
    operators: tuple[ProfiledOperator, ...]
    traces: tuple[ProfiledRun, ...]
