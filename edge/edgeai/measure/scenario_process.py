"""The job of a worker that runs one MLPerf scenario on one model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, RunError, one_line
from . import exchange
from .conditions import change_between, read_conditions, read_throttling
from .early_stopping import slowest_to_drop
from .inputs import read_inputs
from .latencies import Latencies
from .long_runs import QueryLatencies, ScenarioMeasured
from .phases import Say
from .protocol import InputRequest, Request
from .sample_pool import Pool, made_up_pool, open_batches, pool_of_file
from .scenarios import (
    OFFLINE,
    SERVER,
    Loop,
    Scenario,
    offline_query,
    offline_samples,
    sample_numbers,
    serve_arrivals,
    stream_queries,
)
from .timing import SECOND, warm_up

if TYPE_CHECKING:
    from ..session import Session
    from .worker import Ready

_SHARES = (0.5, 0.9, 0.95, 0.97, 0.99, 0.999)
"""Those of LoadGen's summary."""
_ESTIMATED = (0.9, 0.95, 0.99, 0.999)
_RATE_S = (0.1, 5.0)
"""How long the rate is measured that sizes Offline's query: a hundredth of it, in these bounds."""


def run_scenario(ready: Ready, request: Request, say: Say) -> ScenarioMeasured:
    """Warm up, then issue queries as the scenario says. Raises InputError for samples that do not fit."""
    scenario = request.scenario
    assert scenario is not None
    session, _, output_error = ready.load()
    say("phase", name="samples")
    pool = pool_of(request.inputs, Path(request.folder), session)
    ask = _asking(session, pool, scenario.batch)
    say("phase", name="warm-up")
    numbers = sample_numbers(len(pool.feeds), scenario.seed)
    size = scenario.batch if scenario.kind == OFFLINE else scenario.samples_per_query

    def once() -> None:
        ask([next(numbers) for _ in range(size)])

    _check_batch(once, request, scenario, open_batches(session.raw_inputs))
    warm = warm_up(once, request.warm_up, on_progress=ready.alive)
    samples = 0
    if scenario.kind == OFFLINE:
        samples = offline_samples(scenario, _rate_hz(once, scenario.min_s) * scenario.batch)

    ready.phases.begin(scenario.kind)
    before = read_conditions(ready.root)
    seen: list[tuple[str, ...]] = []
    started_s = time.monotonic()

    def look(share: float) -> None:
        now = read_throttling(ready.root).now
        if now and now not in seen:  # hours of looks must not pile up
            seen.append(now)
        spent_s = time.monotonic() - started_s
        say("progress", share=share, left_s=spent_s * (1 - share) / share if share else None)

    latencies = Latencies()
    # The same samples and arrivals for the same seed, however long the warm-up took.
    loop = _issue(scenario, ask, sample_numbers(len(pool.feeds), scenario.seed), latencies, samples, look)
    after = read_conditions(ready.root)
    ready.phases.end(scenario.kind)
    return ScenarioMeasured(
        loop=loop,
        latencies=None if scenario.kind == OFFLINE else summary_of(latencies, scenario.limit_s),
        pool=len(pool.feeds),
        pool_told=pool.told,
        pool_origin=pool.origin,
        warm_up_runs=warm.runs,
        converged=warm.converged,
        phases=tuple(ready.phases.ended),
        before=before,
        after=after,
        change=change_between(before, after, seen=seen),
        output_error=output_error or ready.subject.last_error(),
        provider=session.provider,
    )


def pool_of(inputs: InputRequest, folder: Path, session: Session) -> Pool:
    """The samples that queries draw from."""
    specs = session.raw_inputs
    if inputs.file is not None:
        return pool_of_file(read_inputs(Path(inputs.file), specs), specs, inputs.file)
    zeros = tuple(name for name in inputs.loops if name not in inputs.values)
    probed = exchange.read(folder, "inputs")
    return made_up_pool(specs, probed, inputs.values, zeros, batch=inputs.batch, seed=inputs.seed)


def summary_of(latencies: Latencies, limit_s: float | None) -> QueryLatencies:
    """Percentiles, and the early-stopping estimates that there are queries enough for."""
    dropped = {str(share): slowest_to_drop(latencies.count, share) for share in _ESTIMATED}
    known = {share: number for share, number in dropped.items() if number is not None}
    return QueryLatencies(
        quantiles={str(share): latencies.quantile(share) for share in _SHARES},
        stopped_early={share: latencies.slowest(number) for share, number in known.items()},
        dropped=known,
        over_limit=None if limit_s is None else latencies.over(round(limit_s * SECOND)),
        resolution=latencies.resolution,
        min_ns=latencies.min_ns,
        mean_ns=latencies.mean_ns,
        max_ns=latencies.max_ns,
    )


def _issue(
    scenario: Scenario,
    ask: Callable[[list[int]], object],
    numbers: Iterator[int],
    latencies: Latencies,
    samples: int,
    look: Callable[[float], object],
) -> Loop:
    if scenario.kind == OFFLINE:
        return offline_query(ask, scenario, samples, numbers, look=look)
    if scenario.kind == SERVER:
        return serve_arrivals(ask, scenario, numbers, latencies, look=look)
    return stream_queries(ask, scenario, numbers, latencies, look=look)


def _asking(session: Session, pool: Pool, batch: int) -> Callable[[list[int]], object]:
    """One query: in batches, which are put together inside the time that is measured."""
    run, feeds = session.run, pool.feeds
    joined = open_batches(session.raw_inputs)

    def one_by_one(numbers: list[int]) -> None:
        for number in numbers:
            run(feeds[number], raw=True)

    def in_batches(numbers: list[int]) -> None:
        for first in range(0, len(numbers), batch):
            run(pool.batch(numbers[first : first + batch], joined), raw=True)

    return one_by_one if batch == 1 else in_batches


def _check_batch(
    once: Callable[[], object], request: Request, scenario: Scenario, joined: Sequence[str]
) -> None:
    """Run one query, so that a model which does not take the batch says so before the long run."""
    if scenario.batch > 1 and not joined:
        raise InputError(
            f"{one_line(request.model.model)} has a fixed batch, so its samples are answered one by one; "
            "leave --batch out"
        )
    try:
        once()
    except (InputError, RunError) as error:
        if scenario.batch == 1:
            raise
        raise InputError(
            f"{one_line(request.model.model)} does not run batches of {scenario.batch} samples "
            f"({one_line(error)}); leave --batch out to answer them one by one"
        ) from error


def _rate_hz(once: Callable[[], object], min_s: float) -> float:
    """Calls a second, just now."""
    calls, start = 0, time.perf_counter()
    enough_s = min(max(min_s / 100, _RATE_S[0]), _RATE_S[1])
    while (spent_s := time.perf_counter() - start) < enough_s or not calls:
        once()
        calls += 1
    return calls / spent_s
