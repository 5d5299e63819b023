"""Percentiles and means with intervals that hold for timings, and the comparison of two sets of processes.

Iterations of one process are autocorrelated: the process, not the iteration, is the independent unit.
So means and comparisons rest on Student's t over processes, which covered 96 % where a bootstrap over five
processes covered 86 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Samples = NDArray[Any]

LEVEL = 0.95
"""Confidence of every interval here."""
ENOUGH_RUNS = 9
"""So few runs say nothing of variation and drift: three in each third."""
ENOUGH_PROCESSES = 3
"""From here on Student's t over processes gives an interval that is of use (4.3 standard errors for 3)."""
ENOUGH_TO_COMPARE = 4
"""Processes an arm below which no difference can be told: of 3 and 3, all of one arm are larger by chance in
2 of 20 orders, of 4 and 4 in 2 of 70."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval, in the unit of the samples. A bound is None where the samples
    cannot give one."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Comparison:
    """How much larger B's figure is than A's.

    ratio: B / A, the geometric mean over units. low, high: its 95 % interval.
    p_value: of the hypothesis that the ratio is 1, two-sided.
    """

    ratio: float
    low: float
    high: float
    p_value: float

    @property
    def differs(self) -> bool:
        """Whether a difference is called at the 5 % level: the interval leaves 1 out."""
        return self.low > 1 or self.high < 1


@dataclass(frozen=True)
class Line:
    """y = intercept + slope x, with the 95 % interval of each. intercept: in the unit of y."""

    intercept: Estimate
    slope: Estimate


def percentile(samples: Samples, p: float) -> Estimate | None:
    """The p-quantile (0 < p < 1) of independent samples, its interval from order statistics.

    None where there are too few samples for a 95 % upper bound: p90 needs 29, p95 59, p99 299, because
    P(all n samples lie below the quantile) = p ** n must be at most 5 %. Between that number and the one
    for a two-sided interval, the bound is one-sided.
    """
    ordered = np.sort(samples)
    ranks = quantile_ranks(len(ordered), p)
    if ranks is None:
        return None
    low, high = (float(ordered[rank - 1]) for rank in ranks)
    # In place, after the bounds: a second copy would show up in the RAM that is measured.
    return Estimate(float(np.quantile(ordered, p, overwrite_input=True)), low, high)


def quantile_ranks(n: int, p: float) -> tuple[int, int] | None:
    """The 1-based ranks of the order statistics that bound the p-quantile of n independent samples.

    The number of samples below the quantile is binomial(n, p); so the lower rank l is the largest with
    P(B <= l - 1) at most 2.5 %, the upper u the smallest with P(B >= u) at most 2.5 %; where n is too small
    for one of them, the extreme sample stands in if it bounds at 5 %, one-sided.
    """
    tail = (1 - LEVEL) / 2
    low = _smallest(0, n, lambda rank: binomial_cdf(rank, n, p) > tail)
    high = _smallest(1, n + 1, lambda rank: 1 - binomial_cdf(rank - 1, n, p) <= tail)
    if low == 0 and binomial_cdf(0, n, p) <= 1 - LEVEL:
        low = 1
    if high > n and p**n <= 1 - LEVEL:
        high = n
    return (low, high) if low >= 1 and high <= n else None


def mean_over_processes(processes: Sequence[Samples]) -> Estimate:
    """The mean over processes' means, with Student's t interval: `over_processes` of the means."""
    return over_processes([float(np.mean(samples)) for samples in processes])


def over_processes(figures: Sequence[float]) -> Estimate:
    """The mean of one figure per process, its 95 % interval by Student's t.

    Under ENOUGH_PROCESSES no interval is worth its name (Student's factor is 12.7 for two): low and high are
    then the range of the processes, None for a single one, and whoever shows them must call it a range.
    The lower bound of figures that are not negative is never below 0.
    """
    values = np.asarray(figures, dtype=float)
    centre = float(np.mean(values))
    if len(values) < ENOUGH_PROCESSES:
        if len(values) == 1:
            return Estimate(centre, None, None)
        return Estimate(centre, float(np.min(values)), float(np.max(values)))
    half = _t_half_width(values)
    low = centre - half
    return Estimate(centre, max(low, 0.0) if np.min(values) >= 0 else low, centre + half)


def student_t_interval(figures: Sequence[float]) -> Estimate:
    """The mean of one figure per process, its 95 % interval by Student's t, however wide: over two processes
    it is 12.7 standard errors. For deciding, where a range must not pass for an interval. Needs 2 figures.
    """
    values = np.asarray(figures, dtype=float)
    centre, half = float(np.mean(values)), _t_half_width(values)
    return Estimate(centre, centre - half, centre + half)


def widen_by_processes(estimate: Estimate, processes: Sequence[Samples], p: float) -> Estimate:
    """Widen a percentile's interval to hold what the processes say of it, one by one.

    Pooled samples pretend to be independent, but processes differ by more than chance: their own percentiles
    get a Student's t interval on the logarithm (timings are positive and skewed). Under ENOUGH_PROCESSES
    the interval is widened to their range.
    """
    if estimate.low is None or estimate.high is None:
        return estimate
    own = np.array([np.quantile(samples, p) for samples in processes])
    if len(own) < ENOUGH_PROCESSES:
        low, high = float(np.min(own)), float(np.max(own))
    elif np.all(own > 0):
        logs = np.log(own)
        centre, half = float(np.mean(logs)), _t_half_width(logs)
        # math.exp overflows past 709; an interval that wide is infinite for every purpose.
        low, high = math.exp(centre - half), math.exp(min(centre + half, 700.0))
    else:
        return estimate
    return Estimate(estimate.value, min(estimate.low, low), max(estimate.high, high))


def compare(a: Sequence[float], b: Sequence[float], *, paired: bool) -> Comparison:
    """Compare two arms by one positive figure (a median, a peak) per unit: a process, or a turn.

    A turn is a stretch of consecutive runs, taken while both programs are alive and take turns. Single runs
    are no units: they share the machine's mood, and would call differences that are not there.
    paired: a[i] and b[i] ran next to each other (A B B A ...), so that slow drift of the machine cancels in
    each pair; else the arms are independent (Welch). Student's t on logarithms either way.
    Needs 2 units an arm, and as many in b as in a where paired; ValueError otherwise.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError("a comparison needs at least 2 figures in each arm")
    if paired and len(a) != len(b):
        raise ValueError(f"pairs need as many figures in each arm, not {len(a)} and {len(b)}")
    if min(*a, *b) <= 0:
        raise ValueError("a ratio needs positive figures")
    log_a, log_b = np.log(np.asarray(a, dtype=float)), np.log(np.asarray(b, dtype=float))
    if paired:
        differences = log_b - log_a
        centre = float(np.mean(differences))
        error = float(np.std(differences, ddof=1)) / math.sqrt(len(differences))
        freedom = float(len(differences) - 1)
    else:
        centre = float(np.mean(log_b) - np.mean(log_a))
        error, freedom = _welch(log_a, log_b)
    if error == 0:
        return Comparison(math.exp(centre), math.exp(centre), math.exp(centre), 1.0 if centre == 0 else 0.0)
    half = student_t_quantile((1 + LEVEL) / 2, freedom) * error
    p_value = 2 * student_t_cdf(-abs(centre) / error, freedom)  # the lower tail loses no digits
    return Comparison(math.exp(centre), math.exp(centre - half), math.exp(centre + half), p_value)


def compare_turns(pairs: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Comparison:
    """Compare two arms by pairs of living processes that took turns: of each pair, the positive figures of
    A's turns and of B's; turn i of both ran next to each other.

    A pair's ratio is the median over its turns of B / A, which a turn that was interrupted hardly moves. The
    pairs are the units (Student's t), because where a process lies in memory moves it by some percent for as
    long as it lives. Needs 2 pairs; ValueError otherwise.
    """
    ratios = [float(np.median(np.asarray(b, dtype=float) / np.asarray(a, dtype=float))) for a, b in pairs]
    return compare([1.0] * len(ratios), ratios, paired=True)


def ratio_of_medians(a: Sequence[float], b: Sequence[float], *, resamples: int = 10_000) -> Estimate | None:
    """Median of B's figures over that of A's, one figure a process, arms independent; bootstrap interval.

    Both arms are resampled (from a fixed seed). The plain percentile interval is too narrow for few units:
    its tails are taken as far out as Student's t would (Hesterberg 2014, "expanded percentile interval").
    None with fewer than ENOUGH_TO_COMPARE figures in an arm, and where a figure is not positive.
    """
    smaller = min(len(a), len(b))
    if smaller < ENOUGH_TO_COMPARE or min(*a, *b) <= 0:
        return None
    random = np.random.default_rng(0)
    medians = [
        np.median(values[random.integers(len(values), size=(resamples, len(values)))], axis=1)
        for values in (np.asarray(a, dtype=float), np.asarray(b, dtype=float))
    ]
    t = student_t_quantile((1 + LEVEL) / 2, smaller - 1) * math.sqrt(smaller / (smaller - 1))
    tail = 0.5 * math.erfc(t / math.sqrt(2))
    low, high = np.quantile(medians[1] / medians[0], [tail, 1 - tail])
    return Estimate(float(np.median(b) / np.median(a)), float(low), float(high))


def slope(x: Samples, y: Samples) -> Estimate | None:
    """How much y grows where x grows by 1, by least squares, with Student's t interval.

    Neighbours in time are alike, so give means of stretches rather than single readings: else the interval is
    too narrow. None with fewer than ENOUGH_RUNS points, or where x does not vary.
    """
    line = fit_line(x, y) if len(x) >= ENOUGH_RUNS else None
    return None if line is None else line.slope


def fit_line(x: Samples, y: Samples) -> Line | None:
    """The straight line of least squares, with Student's t intervals.

    None with fewer than 3 points, through which a line fits without an error, or where x does not vary.
    """
    if len(x) < 3 or float(np.ptp(x)) == 0:
        return None
    middle = float(np.mean(x))
    away = x - middle
    spread = float(np.sum(away**2))
    value = float(np.sum(away * (y - np.mean(y)))) / spread
    at_zero = float(np.mean(y)) - value * middle
    rest = y - at_zero - value * x
    sigma = math.sqrt(float(np.sum(rest**2)) / (len(x) - 2))
    t = student_t_quantile((1 + LEVEL) / 2, len(x) - 2)
    half, half_at_zero = (
        t * sigma * part for part in (1 / math.sqrt(spread), math.sqrt(1 / len(x) + middle**2 / spread))
    )
    return Line(
        Estimate(at_zero, at_zero - half_at_zero, at_zero + half_at_zero),
        Estimate(value, value - half, value + half),
    )


def coefficient_of_variation(samples: Samples) -> float | None:
    """Standard deviation over mean; None with fewer than ENOUGH_RUNS samples."""
    if len(samples) < ENOUGH_RUNS:
        return None
    return float(np.std(samples) / np.mean(samples))


def thirds_drift(samples: Samples) -> float | None:
    """Median of the last third over that of the first, less 1; None with fewer than ENOUGH_RUNS samples."""
    if len(samples) < ENOUGH_RUNS:
        return None
    third = len(samples) // 3
    return float(np.median(samples[-third:]) / np.median(samples[:third]) - 1)


def outlier_share(samples: Samples, limit: float = 14.8) -> float:
    """Share of samples whose modified z-score 0.6745 (x - median) / MAD exceeds the limit.

    Iglewicz and Hoaglin's score; the limit of 14.8 is hyperfine's. Where the MAD is 0 (a coarse
    clock) the score has no scale and nothing counts as an outlier.
    """
    distances = np.abs(samples - np.median(samples))
    mad = float(np.median(distances))
    return float(np.mean(0.6745 * distances / mad > limit)) if mad > 0 else 0.0


def binomial_cdf(k: int, n: int, p: float) -> float:
    """P(B <= k) for B binomial(n, p), through the incomplete beta function, so that large n costs nothing."""
    if k < 0:
        return 0.0
    if k >= n:
        return 1.0
    return incomplete_beta(n - k, k + 1, 1 - p)


def student_t_cdf(t: float, freedom: float) -> float:
    """P(T <= t) for Student's t."""
    tail = 0.5 * incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))
    return 1 - tail if t > 0 else tail


def student_t_quantile(p: float, freedom: float) -> float:
    """The t for which P(T <= t) = p, by bisection; p in (0.5, 1)."""
    low, high = 0.0, 1.0
    while student_t_cdf(high, freedom) < p:
        high *= 2
    for _ in range(80):  # 80 halvings exhaust a double
        middle = (low + high) / 2
        if student_t_cdf(middle, freedom) < p:
            low = middle
        else:
            high = middle
    return high


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularized incomplete beta function I_x(a, b), by the continued fraction DLMF 8.17.22."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on the other side only
        return 1 - incomplete_beta(b, a, 1 - x)
    log_front = a * math.log(x) + b * math.log1p(-x) - _log_beta(a, b)
    return math.exp(log_front) * _beta_fraction(a, b, x) / a


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Lentz's evaluation of the continued fraction; it converges in O(sqrt(max(a, b))) steps."""
    tiny = 1e-300
    d = 1 / _away_from_zero(1 - (a + b) * x / (a + 1), tiny)
    c, fraction = 1.0, d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / _away_from_zero(1 + even * d, tiny)
        c = _away_from_zero(1 + even / c, tiny)
        fraction *= c * d
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / _away_from_zero(1 + odd * d, tiny)
        c = _away_from_zero(1 + odd / c, tiny)
        fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return fraction


def _away_from_zero(value: float, tiny: float) -> float:
    return tiny if abs(value) < tiny else value


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _t_half_width(values: Samples) -> float:
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return student_t_quantile((1 + LEVEL) / 2, len(values) - 1) * error


def _welch(a: Samples, b: Samples) -> tuple[float, float]:
    """Standard error of the difference of means and Welch-Satterthwaite's degrees of freedom."""
    part_a, part_b = float(np.var(a, ddof=1)) / len(a), float(np.var(b, ddof=1)) / len(b)
    total = part_a + part_b
    if total == 0:
        return 0.0, float(len(a) + len(b) - 2)
    freedom = total**2 / (part_a**2 / (len(a) - 1) + part_b**2 / (len(b) - 1))
    return math.sqrt(total), freedom


def _smallest(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The smallest integer in [low, high) for which a monotone condition holds, else `high`."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low
