"""MLPerf's early stopping: what a percentile is at most, with 99 % confidence, of any number of queries.

A run of n queries of which t are slower than some latency L shows with confidence c that the p-quantile is at
most L, if BinomCDF(t; n, 1 - p) <= 1 - c. So the largest such t gives the least latency that can be claimed:
t - 1 of the slowest are dropped, the next is the estimate. The tolerance d is 0.
https://github.com/mlcommons/inference_policies/blob/master/inference_rules.adoc (Appendix "Early Stopping")
"""

from __future__ import annotations

from .statistics import binomial_cdf

CONFIDENCE = 0.99
"""Of MLPerf's rules. They set the tolerance to 0."""
_LEAST_SLOW = 1  # of t: with 0 there would be nothing to report


def slowest_to_drop(queries: int, percentile: float) -> int | None:
    """How many of the slowest of n queries are dropped: t - 1; the next is the estimate of the percentile.

    percentile: a share, such as 0.9. None where there are too few queries for any: see `least_queries`.
    """
    if not is_shown(_LEAST_SLOW, queries, percentile):
        return None
    low, high = _LEAST_SLOW, queries  # shown for low; never for all of them
    while high - low > 1:
        middle = (low + high) // 2
        if is_shown(middle, queries, percentile):
            low = middle
        else:
            high = middle
    return low - 1


def least_queries(percentile: float) -> int:
    """The fewest queries that give an estimate: 64 for p90, 130 for p95, 662 for p99, 6,636 for p99.9."""
    low, high = 0, 1
    while not is_shown(_LEAST_SLOW, high, percentile):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if is_shown(_LEAST_SLOW, middle, percentile):
            high = middle
        else:
            low = middle
    return high


def is_shown(slow: int, queries: int, percentile: float) -> bool:
    """Whether `slow` queries over a latency still show, with the confidence, that the percentile is below it.

    It is how a Server run is judged against its limit.

    The chance of so few, were it above: P(B <= slow), B binomial(queries, 1 - percentile).
    """
    return slow < queries and binomial_cdf(slow, queries, 1 - percentile) <= 1 - CONFIDENCE
