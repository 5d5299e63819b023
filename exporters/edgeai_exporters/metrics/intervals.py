"""A metric's mean and its drop against the source, each with a two-sided 95 % interval.

Scores of 0 and 1 (right or wrong) get intervals made for shares: Wilson's for a mean, Tango's for the drop of
paired ones, which hold where Student's t fails: with few samples, near 0 and 1, and above all where no sample
changed, of which t would say that none ever will. Fagerland, Lydersen and Laake, "Recommended tests and
confidence intervals for paired binomial proportions", Statistics in Medicine 33 (2014), recommend Tango's.
Other scores get Student's t over samples, paired by taking differences first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeai.measure.statistics import ENOUGH_PROCESSES, LEVEL, Estimate, student_t_quantile

Scores = NDArray[Any]
_Z = NormalDist().inv_cdf((1 + LEVEL) / 2)


def mean_with_interval(scores: Scores) -> Estimate:
    """The mean of one score a sample, [n], n at least 1, with its 95 % interval.

    Wilson's score interval where all scores are 0 or 1, else Student's t; below 3 samples t has no bounds.
    """
    if _are_binary(scores):
        return _wilson(int(np.sum(scores)), len(scores))
    return _student(np.asarray(scores, np.float64))


def drop(reference: Scores, variant: Scores) -> Estimate:
    """How much the mean fell from the source's scores to the variant's, of the same samples in one order.

    Positive is worse. 95 % interval of Tango's paired score test where all scores are 0 or 1, else Student's
    t on the differences; below 3 samples t has no bounds.
    """
    if _are_binary(reference) and _are_binary(variant):
        lost = int(np.sum((reference == 1) & (variant == 0)))
        won = int(np.sum((reference == 0) & (variant == 1)))
        return tango(lost, won, len(reference))
    return _student(np.asarray(reference, np.float64) - np.asarray(variant, np.float64))


def tango(lost: int, won: int, n: int) -> Estimate:
    """(lost - won) / n of n pairs with the interval of Tango's score test.

    Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design", Statistics in Medicine 17 (1998): the differences d that the test does not reject,
    |lost - won - n d| <= z sqrt(n (2 q + d (1 - d))), with q the likeliest share of pairs
    that were won if the difference is d.
    """
    value = (lost - won) / n

    def rejects(d: float) -> bool:
        variance = n * (2 * _likeliest(lost, won, n, d) + d * (1 - d))
        return abs(lost - won - n * d) > _Z * math.sqrt(max(variance, 0.0))

    return Estimate(value, _boundary(rejects, value, -1.0), _boundary(rejects, value, 1.0))


def _likeliest(lost: int, won: int, n: int, d: float) -> float:
    """The root of Tango's quadratic: the maximum likelihood estimate of the share won, given difference d."""
    a, b, c = 2 * n, (2 * n - lost + won) * d - lost - won, -won * d * (1 - d)
    return (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)


def _boundary(rejects: Callable[[float], bool], inside: float, outside: float) -> float:
    """Where a test begins to reject on the way from one side to the other, else the far end."""
    if not rejects(outside):
        return outside
    for _ in range(60):  # halvings of at most 2: below 1e-17
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if rejects(middle) else (middle, outside)
    return inside


def _wilson(right: int, n: int) -> Estimate:
    """Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927)."""
    share = right / n
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n * n))
    return Estimate(share, max(0.0, centre - half), min(1.0, centre + half))


def _student(values: NDArray[np.float64]) -> Estimate:
    centre = float(np.mean(values))
    if len(values) < ENOUGH_PROCESSES:
        return Estimate(centre, None, None)
    spread = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    half = student_t_quantile((1 + LEVEL) / 2, len(values) - 1) * spread
    return Estimate(centre, centre - half, centre + half)


def _are_binary(scores: Scores) -> bool:
    return bool(np.isin(scores, (0, 1)).all())
