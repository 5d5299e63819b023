"""MLPerf's four ways to ask a model: SingleStream, MultiStream, Offline and Server.

One loop issues queries and answers them, in one thread, so a query waits for the one before it. Every
function takes its clock, so that tests measure exactly.
https://github.com/mlcommons/inference_policies/blob/master/inference_rules.adoc (Section "Scenarios")
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from .latencies import Latencies
from .timing import SECOND, Clock

SINGLE_STREAM, MULTI_STREAM, OFFLINE, SERVER = "singlestream", "multistream", "offline", "server"
SCENARIOS = (SINGLE_STREAM, MULTI_STREAM, OFFLINE, SERVER)

_LOOK_NS = SECOND // 2
_BUSY_LOOK_NS = 5 * SECOND  # where a look is inside what is timed: a few milliseconds of five seconds
_SPIN_NS = 200_000
"""A sleep ends about 0.1 ms late, and a query would look as if it had waited: so the rest is spun."""
_PATIENCE = 0.5
"""A queue is given up once it is late by half of the asked length, ten times the limit and a second."""
_INDICES = 4096

Ask = Callable[[list[int]], object]
"""Answers one query: the samples of the pool by their numbers."""
Look = Callable[[float], object]
"""Called between queries with the share of the run that is done, about twice a second."""


@dataclass(frozen=True)
class Scenario:
    """What is asked for.

    kind: of `SCENARIOS`. min_s: it lasts at least so long. min_queries: and has at least so many queries; of
    Offline, which has only one, so many samples. percentile: the one that is reported, a share; None for
    Offline.
    samples_per_query: 1, or MultiStream's 8. batch: samples that go into one call of the model.
    rate_hz, limit_s: of Server, how many queries arrive in a second, and what its percentile has to keep.
    seed: of samples and arrivals.
    """

    kind: str
    min_s: float
    min_queries: int
    percentile: float | None
    samples_per_query: int = 1
    batch: int = 1
    rate_hz: float | None = None
    limit_s: float | None = None
    seed: int = 0


@dataclass(frozen=True)
class Loop:
    """What a loop did. duration_s: from the first query's issue to the last answer. samples: answered.

    arrivals_s: of Server, from the start to the last scheduled arrival. gave_up: the queue grew without end.
    """

    queries: int
    samples: int
    duration_s: float
    arrivals_s: float | None = None
    gave_up: bool = False


def sample_numbers(pool: int, seed: int) -> Iterator[int]:
    """Numbers of samples of a pool, drawn uniformly and with replacement, without end."""
    random = np.random.default_rng(seed)
    while True:
        yield from random.integers(pool, size=_INDICES).tolist()


def arrivals_s(rate_hz: float, seed: int) -> Iterator[float]:
    """Times of a Poisson process from 0 on, in seconds, without end: the gaps are exponential."""
    random = np.random.default_rng([seed, 1])  # not the stream that the samples are drawn from
    now_s = 0.0
    while True:
        for gap_s in random.exponential(1 / rate_hz, size=_INDICES).tolist():
            now_s += gap_s
            yield now_s


def stream_queries(
    ask: Ask,
    scenario: Scenario,
    numbers: Iterator[int],
    latencies: Latencies,
    *,
    look: Look = lambda share: None,
    clock: Clock = time.perf_counter_ns,
) -> Loop:
    """SingleStream and MultiStream: the next query is issued when the one before it is answered.

    Looks are between queries: in no latency, but in the duration.
    """
    start = told = clock()
    min_ns, size, queries = round(scenario.min_s * SECOND), scenario.samples_per_query, 0
    while True:
        wanted = [next(numbers) for _ in range(size)]
        before = clock()
        ask(wanted)
        after = clock()
        latencies.add(after - before)
        queries += 1
        if after - start >= min_ns and queries >= scenario.min_queries:
            return Loop(queries, queries * size, (after - start) / SECOND)
        if after - told >= _LOOK_NS:
            told = after
            look(min((after - start) / max(min_ns, 1), queries / scenario.min_queries, 1.0))


def offline_query(
    ask: Ask,
    scenario: Scenario,
    samples: int,
    numbers: Iterator[int],
    *,
    look: Look = lambda share: None,
    clock: Clock = time.perf_counter_ns,
) -> Loop:
    """Offline: all samples in one query, which is answered in batches."""
    start = told = clock()
    done = 0
    while done < samples:
        size = min(scenario.batch, samples - done)
        ask([next(numbers) for _ in range(size)])
        done += size
        now = clock()
        if now - told >= _BUSY_LOOK_NS:
            told = now
            look(done / samples)
    return Loop(1, done, (clock() - start) / SECOND)


def serve_arrivals(
    ask: Ask,
    scenario: Scenario,
    numbers: Iterator[int],
    latencies: Latencies,
    *,
    look: Look = lambda share: None,
    clock: Clock = time.perf_counter_ns,
    sleep: Callable[[float], object] = time.sleep,
) -> Loop:
    """Server: queries arrive when a Poisson process says so, whether or not the one before is answered.

    A latency counts from the scheduled arrival, so that waiting in the queue, and whatever the harness is
    late by, are in it.
    """
    assert scenario.rate_hz is not None
    min_ns = round(scenario.min_s * SECOND)
    expected_s = max(scenario.min_s, scenario.min_queries / scenario.rate_hz)
    hopeless_ns = round(max(_PATIENCE * expected_s, 10 * (scenario.limit_s or 0.0), 1.0) * SECOND)
    start = told = clock()
    for queries, due_s in enumerate(arrivals_s(scenario.rate_hz, scenario.seed), start=1):
        due = start + round(due_s * SECOND)
        now = clock()
        # A look takes milliseconds: where nothing has to wait for it, or after a long time without any.
        if (due - now > 20_000_000 and now - told >= _LOOK_NS) or now - told >= _BUSY_LOOK_NS:
            told = now
            look(min((now - start) / SECOND / expected_s, 1.0))
        _wait_until(due, clock, sleep)
        ask([next(numbers)])
        after = clock()
        latencies.add(after - due)
        gave_up = after - due > hopeless_ns
        if gave_up or (due - start >= min_ns and queries >= scenario.min_queries):
            return Loop(queries, queries, (after - start) / SECOND, (due - start) / SECOND, gave_up)
    raise AssertionError("arrivals never end")


def offline_samples(scenario: Scenario, rate_hz: float) -> int:
    """How many samples a query of Offline gets, so that it lasts as long as asked: whole batches.

    rate_hz: samples a second as they were just measured. A tenth more, as LoadGen gives.
    """
    needed = max(scenario.min_queries, math.ceil(1.1 * scenario.min_s * rate_hz))
    return math.ceil(needed / scenario.batch) * scenario.batch


def _wait_until(due: int, clock: Clock, sleep: Callable[[float], object]) -> None:
    wait = due - clock()
    if wait > _SPIN_NS:
        sleep((wait - _SPIN_NS) / SECOND)
    while clock() < due:
        pass
