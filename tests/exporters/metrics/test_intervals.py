"""Intervals of means and paired drops, against published figures and exact coverage."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from edgeai_exporters.metrics.intervals import drop, mean_with_interval, tango


def test_wilsons_interval_is_the_published_one() -> None:
    # Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 3.
    for right, n, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)):
        scores = np.array([1] * right + [0] * (n - right))
        estimate = mean_with_interval(scores)
        assert estimate.value == right / n
        assert (estimate.low, estimate.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@pytest.mark.parametrize(("lost", "won", "n"), [(0, 1, 44), (40, 20, 160), (9, 5, 50), (1, 12, 30)])
def test_the_ends_of_tangos_interval_solve_its_published_quartic(lost: int, won: int, n: int) -> None:
    # Yang, Sun and Hardin, "A non-iterative implementation of Tango's score confidence interval" (2012).
    g, d, s = 1.959964**2, lost - won, lost + won
    quartic = [
        n**2 * (n / g + 1) ** 2,
        -n * d * (n / g + 1) * (4 * n / g + 1),
        2 * n * d**2 * (3 * n / g + 2) / g - n**2 * (s / g + 1),
        n * d * (2 * s / g + 1) - d**3 * (4 * n / g + 1) / g,
        d**2 * (d**2 / g - s) / g,
    ]
    roots = np.sort(np.roots(quartic).real)
    estimate = tango(lost, won, n)
    assert estimate.value == d / n
    assert estimate.low == pytest.approx(roots[0], abs=1e-6)
    assert estimate.high == pytest.approx(roots[-1], abs=1e-6)


def test_without_any_change_the_drop_may_still_be_some() -> None:
    same = np.ones(100)
    estimate = drop(same, same)
    assert estimate.value == 0
    # The root of n d = z sqrt(n d (1 - d)): z^2 / (n + z^2).
    assert estimate.high == pytest.approx(3.8415 / 103.8415, abs=1e-5)
    assert estimate.low == pytest.approx(-3.8415 / 103.8415, abs=1e-5)


@pytest.mark.parametrize(("lost_share", "won_share"), [(0.02, 0.02), (0.1, 0.05), (0.05, 0.0), (0.3, 0.1)])
def test_the_interval_of_a_drop_holds_the_truth_in_95_of_100_cases(
    lost_share: float, won_share: float
) -> None:
    n, covered = 40, 0.0
    truth = lost_share - won_share
    for lost, won in itertools.product(range(n + 1), repeat=2):
        if lost + won > n:
            continue
        ways = math.comb(n, lost) * math.comb(n - lost, won)
        rest = 1 - lost_share - won_share
        probability = ways * lost_share**lost * won_share**won * rest ** (n - lost - won)
        if probability < 1e-9:
            continue
        estimate = tango(lost, won, n)
        assert estimate.low is not None
        assert estimate.high is not None
        covered += probability * (estimate.low <= truth <= estimate.high)
    assert covered >= 0.93  # Tango's is approximate; 95 % on average over shares


def test_scores_that_are_no_shares_get_students_t_on_paired_differences() -> None:
    reference = np.array([0.99, 0.98, 0.97, 0.99])
    variant = np.array([0.98, 0.96, 0.94, 0.95])
    estimate = drop(reference, variant)
    # Differences .01 .02 .03 .04: mean .025, s .0129099, t(3) = 3.18245.
    assert estimate.value == pytest.approx(0.025)
    assert estimate.high == pytest.approx(0.025 + 3.18245 * 0.0129099 / 2, abs=1e-6)
    assert estimate.low == pytest.approx(0.025 - 3.18245 * 0.0129099 / 2, abs=1e-6)


def test_two_scores_that_are_no_shares_have_no_interval() -> None:
    estimate = mean_with_interval(np.array([0.5, 0.6]))
    assert (estimate.value, estimate.low, estimate.high) == (pytest.approx(0.55), None, None)


def test_a_drop_and_a_rise_mirror_each_other() -> None:
    a, b = np.array([1, 1, 1, 0, 0, 1, 1, 1]), np.array([1, 0, 1, 0, 1, 0, 1, 1])
    fell, rose = drop(a, b), drop(b, a)
    assert fell.value == -rose.value == 1 / 8
    assert fell.low == pytest.approx(-rose.high)  # type: ignore[operator]
    assert fell.high == pytest.approx(-rose.low)  # type: ignore[operator]
