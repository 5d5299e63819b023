"""MLPerf's scenarios on a clock of our own, to the nanosecond."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, repeat

import numpy as np
import pytest

from edgeai.measure.latencies import Latencies
from edgeai.measure.scenarios import (
    MULTI_STREAM,
    OFFLINE,
    SERVER,
    SINGLE_STREAM,
    Scenario,
    arrivals_s,
    offline_query,
    offline_samples,
    sample_numbers,
    serve_arrivals,
    stream_queries,
)

MS = 1_000_000


class World:
    """A clock that goes on while queries are answered and somebody sleeps; each look at it takes 1 µs."""

    def __init__(self, latencies_ns: Iterator[int]) -> None:
        self.now, self.asked = 0, list[list[int]]()
        self._latencies = latencies_ns

    def clock(self) -> int:
        self.now += 1_000
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1e9)

    def ask(self, numbers: list[int]) -> None:
        self.asked.append(numbers)
        self.now += next(self._latencies)


def test_single_stream_runs_for_its_time_and_has_its_queries() -> None:
    for min_s, queries in ((0.5, 64), (2.0, 200)):
        world, latencies = World(repeat(10 * MS)), Latencies()
        scenario = Scenario(SINGLE_STREAM, min_s, 64, 0.9)
        loop = stream_queries(world.ask, scenario, repeat(3), latencies, clock=world.clock)
        assert (loop.queries, loop.samples, latencies.count) == (queries, queries, queries)
        assert loop.duration_s >= max(min_s, 0.64)
        assert world.asked == [[3]] * queries
        assert latencies.min_ns == latencies.max_ns == 10 * MS + 1_000


def test_multi_stream_asks_for_eight_samples_at_once() -> None:
    world, latencies = World(repeat(MS)), Latencies()
    scenario = Scenario(MULTI_STREAM, 0.0, 5, 0.99, samples_per_query=8)
    loop = stream_queries(world.ask, scenario, iter(range(100)), latencies, clock=world.clock)
    assert (loop.queries, loop.samples) == (5, 40)
    assert world.asked == [list(range(first, first + 8)) for first in range(0, 40, 8)]


def test_looks_are_in_no_latency() -> None:
    world, latencies, shares = World(repeat(10 * MS)), Latencies(), list[float]()

    def look(share: float) -> None:
        shares.append(share)
        world.now += 50 * MS

    scenario = Scenario(SINGLE_STREAM, 5.0, 1, 0.9)
    stream_queries(world.ask, scenario, repeat(0), latencies, look=look, clock=world.clock)
    assert latencies.max_ns == 10 * MS + 1_000
    assert len(shares) >= 8
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] < 1


def test_offline_is_one_query_of_all_samples_in_batches() -> None:
    world = World(repeat(MS))
    loop = offline_query(
        world.ask, Scenario(OFFLINE, 0.0, 10, None, batch=4), 10, iter(range(99)), clock=world.clock
    )
    assert (loop.queries, loop.samples) == (1, 10)
    assert world.asked == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert loop.duration_s == pytest.approx(0.003, abs=1e-5)


@pytest.mark.parametrize(
    ("rate_hz", "batch", "samples"), [(10.0, 1, 24_576), (100.0, 1, 66_000), (100.0, 64, 66_048)]
)
def test_offlines_query_is_long_enough_for_ten_minutes_at_the_rate_just_seen(
    rate_hz: float, batch: int, samples: int
) -> None:
    assert offline_samples(Scenario(OFFLINE, 600.0, 24_576, None, batch=batch), rate_hz) == samples


def test_servers_latency_counts_from_the_scheduled_arrival() -> None:
    """Against the waiting time of a queue worked out by hand: Lindley's recursion."""
    scenario = Scenario(SERVER, 3.0, 100, 0.99, rate_hz=80.0, limit_s=0.03, seed=5)
    world, latencies = World(repeat(10 * MS)), Latencies()
    loop = serve_arrivals(world.ask, scenario, repeat(0), latencies, clock=world.clock, sleep=world.sleep)
    arrivals = np.array(list(islice(arrivals_s(80.0, 5), loop.queries)))
    free, expected = 0.0, []
    for arrival in arrivals:
        free = max(free, arrival) + 0.010
        expected.append(free - arrival)
    assert max(expected) > 0.03, "some had to wait for others"
    # The clock itself takes a microsecond a look, which adds up while the queue does not empty.
    assert latencies.max_ns == pytest.approx(max(expected) * 1e9, rel=0.02)
    assert latencies.mean_ns == pytest.approx(np.mean(expected) * 1e9, rel=0.02)
    assert loop.arrivals_s == pytest.approx(arrivals[-1])
    assert arrivals[-2] < 3.0 <= arrivals[-1]
    assert not loop.gave_up


def test_a_queue_that_only_grows_is_given_up() -> None:
    scenario = Scenario(SERVER, 1.0, 10, 0.99, rate_hz=1_000.0, limit_s=0.03)
    world, latencies = World(repeat(10 * MS)), Latencies()
    loop = serve_arrivals(world.ask, scenario, repeat(0), latencies, clock=world.clock, sleep=world.sleep)
    assert loop.gave_up
    # Each query makes it late by 9 ms more, until that is a second.
    assert loop.queries == pytest.approx(1_000 / 9, rel=0.1)
    assert loop.duration_s == pytest.approx(loop.queries * 0.01, rel=0.01)


def test_arrivals_are_a_poisson_process_from_a_seed() -> None:
    times = np.array(list(islice(arrivals_s(50.0, 1), 20_000)))
    gaps = np.diff(times, prepend=0.0)
    assert gaps.min() >= 0
    # The mean of 20,000 exponential gaps is within 4 standard errors; and so is their share over the mean.
    assert gaps.mean() * 50 == pytest.approx(1, abs=4 / np.sqrt(20_000))
    assert np.mean(gaps > 1 / 50) == pytest.approx(np.exp(-1), abs=4 * np.sqrt(0.25 / 20_000))
    assert list(islice(arrivals_s(50.0, 1), 5_000)) == times[:5_000].tolist()
    assert next(arrivals_s(50.0, 2)) != times[0]


def test_samples_are_drawn_uniformly_with_replacement_from_a_seed() -> None:
    numbers = list(islice(sample_numbers(10, 7), 20_000))
    counts = np.bincount(numbers, minlength=10)
    assert len(counts) == 10
    assert np.abs(counts - 2_000).max() < 5 * np.sqrt(1_800)
    assert numbers == list(islice(sample_numbers(10, 7), 20_000))
    assert numbers != list(islice(sample_numbers(10, 8), 20_000))
