"""What a process reports that ran one MLPerf scenario, or a soak: see `scenarios` and `soak`."""

from __future__ import annotations

from dataclasses import dataclass

from .conditions import Change, Conditions
from .protocol import Phase
from .scenarios import Loop
from .soak import Block, Glance


@dataclass(frozen=True)
class QueryLatencies:
    """Latencies of all queries; nanoseconds. quantiles: by the share, as `0.5`, by the nearest rank.

    stopped_early: MLPerf's early-stopping estimates, by the share; only those that there are queries enough
    for. dropped: how many slower queries each leaves out. over_limit: of Server, queries above the limit.
    resolution: by which share a quantile or an estimate may be too high; 0 while every latency is kept.
    """

    min_ns: int
    mean_ns: float
    max_ns: int
    quantiles: dict[str, int]
    stopped_early: dict[str, int]
    dropped: dict[str, int]
    over_limit: int | None
    resolution: float


@dataclass(frozen=True)
class ScenarioMeasured:
    """One scenario. latencies: None for Offline, whose one query has no distribution.

    pool, pool_told, pool_origin: how many samples queries draw from, where those are from in words, and
    whether from a `file` or `synthetic`. warm_up_runs: calls before the first query.
    """

    loop: Loop
    latencies: QueryLatencies | None
    pool: int
    pool_told: str
    pool_origin: str
    warm_up_runs: int
    converged: bool
    phases: tuple[Phase, ...]
    before: Conditions
    after: Conditions
    change: Change
    output_error: str | None
    provider: str | None


@dataclass(frozen=True)
class SoakMeasured:
    """A soak. block_s: how long a block is. peak_bytes: highest resident set in it; None where unknown."""

    block_s: float
    blocks: tuple[Block, ...]
    glances: tuple[Glance, ...]
    peak_bytes: int | None
    phases: tuple[Phase, ...]
    before: Conditions
    after: Conditions
    change: Change
    output_error: str | None
    provider: str | None
