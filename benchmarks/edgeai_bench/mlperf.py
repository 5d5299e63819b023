"""MLPerf's scenarios: their rules, what a run gave, and whether it was by the rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeai.errors import UsageError
from edgeai.measure.conditions import Change
from edgeai.measure.early_stopping import is_shown, least_queries
from edgeai.measure.long_runs import QueryLatencies, ScenarioMeasured
from edgeai.measure.scenarios import (
    MULTI_STREAM,
    OFFLINE,
    SCENARIOS,
    SERVER,
    SINGLE_STREAM,
    Loop,
    Scenario,
)
from edgeai.quantities import time_text
from edgeai.unavailable import Unavailable

from .mlperf_energy import QueryEnergy

MIN_S = 600.0
"""Every scenario lasts ten minutes."""
MIN_OFFLINE_SAMPLES = 24_576
PERCENTILES = {SINGLE_STREAM: 0.9, MULTI_STREAM: 0.99, OFFLINE: None, SERVER: 0.99}
SAMPLES_PER_QUERY = {MULTI_STREAM: 8}
NAMES = {
    SINGLE_STREAM: "SingleStream",
    MULTI_STREAM: "MultiStream",
    OFFLINE: "Offline",
    SERVER: "Server",
}

ACCURACY = Unavailable(
    "by MLPerf's rules accuracy is a run of its own, over the whole data set with its labels",
    "give the whole data set to the model (Session.run) and score the answers as its task does; or hold a "
    "variant against its source with edgeai parity",
)


@dataclass(frozen=True)
class ServerLimit:
    """Server's question, and the answer.

    rate_hz: of arrivals, as asked; arrived_hz: as drawn. limit_s: what p99 has to keep. over: queries above
    it. holds: whether so few show by early stopping that p99 keeps the limit; None with too few queries.
    """

    rate_hz: float
    arrived_hz: float
    limit_s: float
    over: int
    holds: bool | None


@dataclass(frozen=True)
class QueryTimes:
    """Seconds from a query's issue (of Server: its scheduled arrival) to its answer, of all queries.

    quantiles: by the share, as `0.9`, by the nearest rank. stopped_early: early-stopping estimates, by the
    share, only those that there are queries enough for. dropped: how many slower queries each leaves out.
    resolution: by which share each may be too high; 0 while every latency is kept.
    """

    min: float
    mean: float
    max: float
    quantiles: dict[str, float]
    stopped_early: dict[str, float]
    dropped: dict[str, int]
    resolution: float


@dataclass(frozen=True)
class MlperfResult:
    """One scenario's run.

    reasons: why it is not by the rules; empty where it is. percentile: the scenario's own, as `0.9`; None for
    Offline. estimate_s: its early-stopping estimate; None with too few queries. samples_per_s: answered.
    min_s, min_queries: what was asked for; of Offline samples of its one query. samples_from: what samples
    are drawn from, uniformly and with replacement. warm_up_runs: queries before the first that counts.
    """

    scenario: str
    by_the_rules: bool
    reasons: tuple[str, ...]
    percentile: str | None
    estimate_s: float | None
    samples_per_s: float
    queries: int
    samples: int
    duration_s: float
    samples_per_query: int | None
    batch: int
    min_s: float
    min_queries: int
    seed: int
    samples_from: str
    pool: int
    warm_up_runs: int
    converged: bool
    latency: QueryTimes | None
    server: ServerLimit | None
    change: Change
    output_error: str | None
    accuracy: Unavailable
    energy: QueryEnergy | Unavailable | None = None
    """None in documents of earlier versions."""


def scenario_of(
    kind: str,
    *,
    min_s: float | None,
    min_queries: int | None,
    batch: int | None,
    rate_hz: float | None,
    limit_s: float | None,
    seed: int,
) -> Scenario:
    """The scenario by its rules, where nothing shorter was asked for. Raises UsageError."""
    assert kind in SCENARIOS
    if kind == SERVER and (rate_hz is None or limit_s is None):
        raise UsageError(
            "--mlperf server needs a rate and a limit, such as --server-rate 50/s --server-limit 15ms"
        )
    if kind != SERVER and (rate_hz is not None or limit_s is not None):
        raise UsageError("--server-rate and --server-limit go with --mlperf server")
    if batch is not None and batch > 1 and kind in {SINGLE_STREAM, SERVER}:
        raise UsageError(f"a query of {NAMES[kind]} is one sample; leave --batch out")
    per_query = SAMPLES_PER_QUERY.get(kind, 1)
    return Scenario(
        kind,
        MIN_S if min_s is None else min_s,
        min_queries or _least(kind),
        PERCENTILES[kind],
        per_query,
        min(batch or 1, per_query) if kind == MULTI_STREAM else batch or 1,
        rate_hz,
        limit_s,
        seed,
    )


def mlperf_result(scenario: Scenario, measured: ScenarioMeasured) -> MlperfResult:
    """What the run gave."""
    loop, latencies = measured.loop, measured.latencies
    share = None if scenario.percentile is None else str(scenario.percentile)
    estimate_ns = None if latencies is None or share is None else latencies.stopped_early.get(share)
    reasons = tuple(_against_the_rules(scenario, measured))
    return MlperfResult(
        scenario=NAMES[scenario.kind],
        by_the_rules=not reasons,
        reasons=reasons,
        percentile=share,
        estimate_s=None if estimate_ns is None else estimate_ns / 1e9,
        samples_per_s=loop.samples / loop.duration_s,
        queries=loop.queries,
        samples=loop.samples,
        duration_s=loop.duration_s,
        samples_per_query=None if scenario.kind == OFFLINE else scenario.samples_per_query,
        batch=scenario.batch,
        min_s=scenario.min_s,
        min_queries=scenario.min_queries,
        seed=scenario.seed,
        samples_from=measured.pool_told,
        pool=measured.pool,
        warm_up_runs=measured.warm_up_runs,
        converged=measured.converged,
        latency=None if latencies is None else _seconds(latencies),
        server=_server(scenario, measured),
        change=measured.change,
        output_error=measured.output_error,
        accuracy=ACCURACY,
    )


def is_limit_missed(result: MlperfResult | None) -> bool:
    """Whether a Server run did not keep its limit; not where too few queries can tell."""
    return result is not None and result.server is not None and result.server.holds is False


def _least(kind: str) -> int:
    share = PERCENTILES[kind]
    return MIN_OFFLINE_SAMPLES if share is None else least_queries(share)


def _against_the_rules(scenario: Scenario, measured: ScenarioMeasured) -> Iterator[str]:
    loop, least = measured.loop, _least(scenario.kind)
    if loop.duration_s < MIN_S:
        yield f"it lasted {time_text(loop.duration_s)} of {MIN_S:g} s"
    if scenario.kind == OFFLINE:
        if measured.pool_origin == "file":
            least = min(least, measured.pool)  # the whole data set, where that is smaller
        if loop.samples < least:
            yield f"its query had {loop.samples:,} of {least:,} samples"
    elif loop.queries < least:
        yield f"it had {loop.queries:,} of {least:,} queries"
    if loop.gave_up:
        yield f"the queue only grew, so it was given up after {time_text(loop.duration_s)}"


def _server(scenario: Scenario, measured: ScenarioMeasured) -> ServerLimit | None:
    loop, latencies = measured.loop, measured.latencies
    if scenario.rate_hz is None or scenario.limit_s is None or latencies is None:
        return None
    assert scenario.percentile is not None
    assert latencies.over_limit is not None
    return ServerLimit(
        rate_hz=scenario.rate_hz,
        arrived_hz=loop.queries / loop.arrivals_s if loop.arrivals_s else scenario.rate_hz,
        limit_s=scenario.limit_s,
        over=latencies.over_limit,
        holds=_holds(latencies.over_limit, loop, scenario.percentile),
    )


def _holds(over: int, loop: Loop, percentile: float) -> bool | None:
    """Whether a percentile keeps its limit, which so many queries were over; None where too few can tell."""
    if loop.gave_up:
        return False
    if is_shown(over, loop.queries, percentile):
        return True
    undecided = loop.queries < least_queries(percentile) and over <= (1 - percentile) * loop.queries
    return None if undecided else False


def _seconds(latencies: QueryLatencies) -> QueryTimes:
    return QueryTimes(
        min=latencies.min_ns / 1e9,
        mean=latencies.mean_ns / 1e9,
        max=latencies.max_ns / 1e9,
        quantiles={share: ns / 1e9 for share, ns in latencies.quantiles.items()},
        stopped_early={share: ns / 1e9 for share, ns in latencies.stopped_early.items()},
        dropped=dict(latencies.dropped),
        resolution=latencies.resolution,
    )
