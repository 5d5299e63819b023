"""MLPerf's early stopping against scipy's binomial distribution, and against the numbers of the rules."""

from __future__ import annotations

import pytest
from scipy import stats  # type: ignore[import-untyped,unused-ignore]

from edgeai.measure.early_stopping import CONFIDENCE, is_shown, least_queries, slowest_to_drop
from edgeai.measure.statistics import binomial_cdf

PAIRS = [
    (64, 0.9), (65, 0.9), (100, 0.9), (1_000, 0.9), (1_024, 0.9), (50_000, 0.9), (3_000_000, 0.9),
    (130, 0.95), (131, 0.95), (500, 0.95), (24_576, 0.95),
    (662, 0.97), (5_000, 0.97), (1_000_000, 0.97),
    (662, 0.99), (663, 0.99), (1_000, 0.99), (10_000, 0.99), (270_336, 0.99), (2_000_000, 0.99),
    (6_636, 0.999), (6_637, 0.999), (100_000, 0.999), (5_000_000, 0.999),
    (20, 0.5), (777, 0.5),
]  # fmt: skip


def by_scipy(n: int, p: float) -> int:
    """The largest t with P(B <= t) <= 0.01, found from scipy's quantile."""
    t = int(stats.binom.ppf(1 - CONFIDENCE, n, 1 - p)) + 2
    while stats.binom.cdf(t, n, 1 - p) > 1 - CONFIDENCE:
        t -= 1
    return t


@pytest.mark.parametrize(("n", "p"), PAIRS)
def test_as_many_are_dropped_as_scipy_says(n: int, p: float) -> None:
    assert slowest_to_drop(n, p) == by_scipy(n, p) - 1


@pytest.mark.parametrize(("n", "p"), PAIRS)
def test_the_chance_itself_is_scipys(n: int, p: float) -> None:
    for t in (by_scipy(n, p), by_scipy(n, p) + 1):
        assert binomial_cdf(t, n, 1 - p) == pytest.approx(stats.binom.cdf(t, n, 1 - p), rel=1e-6)


@pytest.mark.parametrize(("p", "least"), [(0.9, 64), (0.95, 130), (0.99, 662), (0.999, 6_636)])
def test_the_fewest_queries_are_those_of_the_rules(p: float, least: int) -> None:
    assert least_queries(p) == least
    assert slowest_to_drop(least, p) == 0, "the slowest of all is what can be claimed"
    assert slowest_to_drop(least - 1, p) is None


@pytest.mark.parametrize(
    ("queries", "dropped"), [(2_048, 172), (2_116, 178), (2_145, 181), (4_776_846, 476_158)]
)
def test_as_many_are_dropped_as_loadgen_wrote_in_published_summaries(queries: int, dropped: int) -> None:
    """SingleStream: "Processed at least 64 queries (2048)", "Would discard 172 highest latency queries"."""
    assert slowest_to_drop(queries, 0.9) == dropped


def test_a_limit_is_shown_from_as_many_queries_as_loadgen_asks_for() -> None:
    """A Server run of 21 queries "would need to run at least 438 more queries", none over the limit."""
    assert is_shown(0, 21 + 438, 0.99)
    assert not is_shown(0, 21 + 437, 0.99)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_of_hardly_any_queries_nothing_is_claimed(n: int) -> None:
    assert slowest_to_drop(n, 0.9) is None


def test_a_percentile_is_underestimated_in_at_most_one_run_of_a_hundred() -> None:
    """What the confidence means, for uniform latencies, whose p90 is 0.9: the t-th slowest of n is a beta."""
    for n in (64, 500, 10_000):
        dropped = slowest_to_drop(n, 0.9)
        assert dropped is not None
        rank = n - dropped  # from below
        assert stats.beta.cdf(0.9, rank, n - rank + 1) <= 1 - CONFIDENCE
