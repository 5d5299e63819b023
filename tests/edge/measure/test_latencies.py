"""Latencies of a long run: exact while they fit, and never too low when they do not."""

from __future__ import annotations

import numpy as np
import pytest

from edgeai.measure.latencies import RESOLUTION, Latencies


def drawn(count: int) -> list[int]:
    """Latencies over five orders of magnitude."""
    return [int(value) for value in np.random.default_rng(3).lognormal(12, 2, count) + 1]


def filled(values: list[int], **room: int) -> Latencies:
    latencies = Latencies(**room)
    for value in values:
        latencies.add(value)
    return latencies


def test_every_one_counts_while_they_fit() -> None:
    values = drawn(70_000)  # more than one block
    latencies, ordered = filled(values), sorted(values)
    assert (latencies.count, latencies.min_ns, latencies.max_ns) == (70_000, ordered[0], ordered[-1])
    assert latencies.mean_ns == pytest.approx(sum(values) / 70_000)
    assert latencies.slowest(0) == ordered[-1]
    assert latencies.slowest(171) == ordered[-172]
    assert latencies.quantile(0.9) == ordered[63_000 - 1]
    assert latencies.quantile(1.0) == ordered[-1]
    assert latencies.over(ordered[-10]) == 9
    assert latencies.resolution == 0


def test_beyond_that_a_percentile_is_at_most_its_resolution_too_high_and_never_too_low() -> None:
    values = drawn(70_000)
    latencies, ordered = filled(values, exact=1_000), sorted(values)
    assert latencies.resolution == RESOLUTION
    assert (latencies.count, latencies.min_ns, latencies.max_ns) == (70_000, ordered[0], ordered[-1])
    for dropped in (0, 1, 171, 7_000, 35_000, 69_999):
        exact = ordered[-1 - dropped]
        assert exact <= latencies.slowest(dropped) <= exact * (1 + RESOLUTION) + 1
    limit = ordered[-500]
    assert 499 <= latencies.over(limit) <= sum(value > limit * (1 - 2 * RESOLUTION) for value in values)


@pytest.mark.parametrize("value", [1, 2, 3, 4_095, 4_096, 4_097, 10**9, 2**53 - 1])
def test_classes_hold_what_falls_into_them(value: int) -> None:
    latencies = filled([value, 2**53 - 1], exact=0)
    assert value <= latencies.slowest(1) <= value * (1 + RESOLUTION) + 1


def test_memory_does_not_grow_with_their_number() -> None:
    latencies = filled(drawn(200_000), exact=100_000)
    assert latencies.quantile(0.5) > 0
    assert sum(block.nbytes for block in latencies._kept) == 0
    assert len(latencies._recent) == 0
