"""Intervals hold what they claim: against scipy, by simulation, and by exact small examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats  # type: ignore[import-untyped,unused-ignore]

from edgeai.measure.statistics import (
    ENOUGH_RUNS,
    Estimate,
    binomial_cdf,
    coefficient_of_variation,
    compare,
    compare_turns,
    fit_line,
    incomplete_beta,
    mean_over_processes,
    outlier_share,
    over_processes,
    percentile,
    quantile_ranks,
    ratio_of_medians,
    slope,
    student_t_cdf,
    student_t_quantile,
    thirds_drift,
    widen_by_processes,
)

# --- distributions against scipy


@pytest.mark.parametrize("n", [1, 2, 5, 29, 300, 6_636, 100_000])
@pytest.mark.parametrize("p", [0.01, 0.5, 0.9, 0.95, 0.99])
def test_the_binomial_distribution_is_scipys(n: int, p: float) -> None:
    for k in sorted({0, n // 100, n // 2, int(n * p), int(n * p) + 1, n - 1}):
        assert binomial_cdf(k, n, p) == pytest.approx(stats.binom.cdf(k, n, p), rel=1e-9, abs=1e-13)


def test_the_binomial_distribution_is_0_below_and_1_from_n_on() -> None:
    assert binomial_cdf(-1, 10, 0.3) == 0
    assert binomial_cdf(10, 10, 0.3) == 1
    assert binomial_cdf(11, 10, 0.3) == 1


@pytest.mark.parametrize("freedom", [1, 1.5, 2, 4, 7.3, 16, 98, 1000])
def test_students_t_is_scipys(freedom: float) -> None:
    for t in (-30.0, -2.5, -0.1, 0.0, 0.1, 1.0, 2.776, 12.7, 300.0):
        assert student_t_cdf(t, freedom) == pytest.approx(stats.t.cdf(t, freedom), rel=1e-9)
    for p in (0.6, 0.75, 0.9, 0.95, 0.975, 0.995, 0.9999):
        assert student_t_quantile(p, freedom) == pytest.approx(stats.t.ppf(p, freedom), rel=1e-9)


@pytest.mark.parametrize("a", [0.5, 1, 3, 40, 5_000])
@pytest.mark.parametrize("b", [0.5, 1, 7, 120, 90_000])
def test_the_incomplete_beta_function_is_scipys(a: float, b: float) -> None:
    for x in (0.0, 1e-6, 0.01, 0.3, a / (a + b), 0.5, 0.7, 0.99, 1 - 1e-6, 1.0):
        assert incomplete_beta(a, b, x) == pytest.approx(special.betainc(a, b, x), rel=1e-8, abs=1e-14)


# --- percentiles


@pytest.mark.parametrize(("p", "fewest"), [(0.5, 5), (0.9, 29), (0.95, 59), (0.99, 299)])
def test_a_percentile_needs_enough_samples_for_an_upper_bound_and_not_one_more(p: float, fewest: int) -> None:
    assert quantile_ranks(fewest - 1, p) is None
    ranks = quantile_ranks(fewest, p)
    assert ranks is not None
    assert ranks[1] == fewest
    assert percentile(np.arange(fewest - 1), p) is None
    assert percentile(np.arange(fewest), p) is not None


def test_nothing_has_a_percentile_of_no_samples() -> None:
    assert quantile_ranks(0, 0.5) is None
    assert percentile(np.array([]), 0.5) is None


@pytest.mark.parametrize("p", [0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("n", [36, 72, 100, 368, 1000, 20_000])
def test_ranks_are_the_tightest_that_leave_two_and_a_half_percent_on_each_side(p: float, n: int) -> None:
    ranks = quantile_ranks(n, p)
    if ranks is None:
        assert p**n > 0.05
        return
    low, high = ranks
    assert stats.binom.cdf(low - 1, n, p) <= 0.025 < stats.binom.cdf(low, n, p)
    if p**n <= 0.025:
        assert stats.binom.sf(high - 1, n, p) <= 0.025 < stats.binom.sf(high - 2, n, p)
    else:
        assert high == n


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3000), st.sampled_from([0.1, 0.5, 0.9, 0.95, 0.99]), st.integers(0, 9))
def test_a_percentile_lies_within_its_interval_and_among_the_samples(n: int, p: float, seed: int) -> None:
    samples = np.random.default_rng(seed).exponential(size=n)
    found = percentile(samples, p)
    if found is not None:
        assert found.low is not None
        assert found.high is not None
        assert samples.min() <= found.low <= found.value <= found.high <= samples.max()
        assert found.value == np.quantile(samples, p)


@pytest.mark.parametrize("n", [36, 100, 1000])
def test_intervals_of_percentiles_hold_the_truth_in_95_percent_of_the_runs(n: int) -> None:
    random = np.random.default_rng(n)
    for p in (0.5, 0.9):
        truth = -math.log(1 - p)  # of the exponential distribution
        ranks = quantile_ranks(n, p)
        assert ranks is not None
        runs = np.sort(random.exponential(size=(4000, n)), axis=1)
        held = np.mean((runs[:, ranks[0] - 1] <= truth) & (truth <= runs[:, ranks[1] - 1]))
        assert 0.93 <= held <= 0.98, (n, p, held)


def test_equal_samples_have_an_interval_of_no_width() -> None:
    assert percentile(np.full(400, 7.0), 0.99) == Estimate(7.0, 7.0, 7.0)


# --- means over processes


def test_the_mean_of_five_processes_has_scipys_t_interval() -> None:
    means = [10.1, 10.4, 9.8, 10.0, 10.3]
    processes = [np.array([mean - 1, mean + 1]) for mean in means]
    low, high = stats.t.interval(0.95, 4, loc=np.mean(means), scale=stats.sem(means))
    found = mean_over_processes(processes)
    assert found.value == pytest.approx(10.12)
    assert found.low == pytest.approx(low, rel=1e-9)
    assert found.high == pytest.approx(high, rel=1e-9)


def test_processes_weigh_the_same_however_many_samples_they_have() -> None:
    assert mean_over_processes([np.full(1000, 1.0), np.full(10, 2.0), np.full(10, 3.0)]).value == 2.0


def test_a_mean_of_positive_samples_has_no_negative_bound() -> None:
    found = mean_over_processes([np.array([0.1]), np.array([0.1]), np.array([9.0])])
    assert found.low == 0
    below = mean_over_processes([np.array([-5.0]), np.array([0.1]), np.array([9.0])])
    assert below.low is not None
    assert below.low < 0


@pytest.mark.parametrize("count", [2, 1000])
def test_one_process_has_a_mean_and_no_interval_however_many_its_samples(count: int) -> None:
    assert mean_over_processes([np.linspace(4.0, 6.0, count)]) == Estimate(5.0, None, None)
    assert over_processes([5.0]) == Estimate(5.0, None, None)


def test_figures_of_processes_have_the_same_interval_as_their_samples() -> None:
    means = [10.1, 10.4, 9.8]
    low, high = stats.t.interval(0.95, 2, loc=np.mean(means), scale=stats.sem(means))
    found = over_processes(means)
    assert found == mean_over_processes([np.array([mean - 1, mean + 1]) for mean in means])
    assert [found.value, found.low, found.high] == pytest.approx([10.1, low, high])


def test_two_processes_have_their_range() -> None:
    assert mean_over_processes([np.array([4.0]), np.array([6.0])]) == Estimate(5.0, 4.0, 6.0)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=60),
    st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=60),
)
def test_the_bounds_of_two_processes_are_the_processes(one: list[float], other: list[float]) -> None:
    processes = [np.array(one), np.array(other)]
    means = [float(np.mean(samples)) for samples in processes]
    found = mean_over_processes(processes)
    assert found.low is not None
    assert found.high is not None
    assert (found.low, found.high) == (min(means), max(means))


def test_identical_processes_have_an_interval_of_no_width() -> None:
    assert mean_over_processes([np.full(100, 2.0)] * 5) == Estimate(2.0, 2.0, 2.0)
    assert mean_over_processes([np.full(100, 2.0)] * 2) == Estimate(2.0, 2.0, 2.0)


# --- widening


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.lists(st.floats(0, 1e3), min_size=1, max_size=50), min_size=1, max_size=6),
    st.sampled_from([0.5, 0.9]),
)
def test_widening_never_narrows_and_keeps_the_value(processes: list[list[float]], p: float) -> None:
    arrays = [np.array(samples) for samples in processes]
    pooled = np.concatenate(arrays)
    value = float(np.quantile(pooled, p))
    narrow = Estimate(value, value * 0.99, value * 1.01)
    wide = widen_by_processes(narrow, arrays, p)
    assert wide.value == value
    assert wide.low is not None
    assert wide.high is not None
    assert 0 <= wide.low <= value * 0.99
    assert wide.high >= value * 1.01
    assert math.isfinite(wide.high)


def test_processes_that_differ_widen_to_their_students_t_interval_on_the_logarithm() -> None:
    medians = [1.0, 1.2, 1.1, 0.9, 1.0]
    logs = np.log(medians)
    low, high = np.exp(stats.t.interval(0.95, 4, loc=logs.mean(), scale=stats.sem(logs)))
    wide = widen_by_processes(Estimate(1.0, 0.99, 1.01), [np.full(50, m) for m in medians], 0.5)
    assert [wide.low, wide.high] == pytest.approx([low, high])


def test_two_processes_widen_to_their_range() -> None:
    wide = widen_by_processes(Estimate(1.0, 0.99, 1.01), [np.full(50, 0.9), np.full(50, 1.005)], 0.5)
    assert wide == Estimate(1.0, 0.9, 1.01)


def test_an_estimate_without_an_interval_gets_none_by_widening() -> None:
    bare = Estimate(1.0, None, None)
    assert widen_by_processes(bare, [np.array([1.0]), np.array([2.0])], 0.5) is bare


# --- comparing


def test_pairs_are_compared_as_scipys_paired_t_test_does() -> None:
    random = np.random.default_rng(3)
    a = np.exp(random.normal(0, 0.02, 9)).tolist()
    b = np.exp(random.normal(0.03, 0.02, 9)).tolist()
    expected = stats.ttest_rel(np.log(b), np.log(a))
    found = compare(a, b, paired=True)
    assert found.ratio == pytest.approx(math.exp(np.mean(np.log(b)) - np.mean(np.log(a))))
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    bounds = expected.confidence_interval(0.95)
    assert [found.low, found.high] == pytest.approx([math.exp(bounds.low), math.exp(bounds.high)])
    assert found.differs == (expected.pvalue < 0.05)


def test_independent_arms_are_compared_as_welch_does() -> None:
    random = np.random.default_rng(4)
    a = np.exp(random.normal(0, 0.01, 7)).tolist()
    b = np.exp(random.normal(0.05, 0.05, 12)).tolist()
    expected = stats.ttest_ind(np.log(b), np.log(a), equal_var=False)
    found = compare(a, b, paired=False)
    bounds = expected.confidence_interval(0.95)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert [found.low, found.high] == pytest.approx([math.exp(bounds.low), math.exp(bounds.high)])


def test_a_tiny_p_value_keeps_its_digits() -> None:
    a = [1.0, 1.0001, 0.9999, 1.00005, 0.99995, 1.0, 1.0002, 0.9998, 1.0]
    b = [2 * value + 0.0001 * turn for turn, value in enumerate(a)]
    expected = stats.ttest_rel(np.log(b), np.log(a)).pvalue
    assert 0 < expected < 1e-20
    assert compare(a, b, paired=True).p_value == pytest.approx(expected, rel=1e-6)


def test_arms_without_any_variation_differ_exactly_or_not_at_all() -> None:
    same = compare([2.0, 2.0], [2.0, 2.0], paired=True)
    assert (same.ratio, same.low, same.high, same.p_value, same.differs) == (1, 1, 1, 1, False)
    twice = compare([2.0, 2.0], [4.0, 4.0], paired=False)
    assert [twice.ratio, twice.low, twice.high, twice.p_value] == pytest.approx([2, 2, 2, 0])
    assert twice.differs


def test_swapping_the_arms_inverts_the_ratio() -> None:
    a, b = [1.0, 1.1, 0.95], [1.3, 1.2, 1.4]
    there, back = compare(a, b, paired=True), compare(b, a, paired=True)
    assert there.ratio == pytest.approx(1 / back.ratio)
    assert there.low == pytest.approx(1 / back.high)
    assert there.p_value == pytest.approx(back.p_value)


@pytest.mark.parametrize(
    ("a", "b", "paired", "says"),
    [
        ([1.0], [1.0, 2.0], False, "at least 2 figures"),
        ([], [], True, "at least 2 figures"),
        ([1.0, 2.0], [1.0, 2.0, 3.0], True, "not 2 and 3"),
        ([1.0, 0.0], [1.0, 2.0], False, "positive"),
    ],
)
def test_what_cannot_be_compared_is_refused(a: list[float], b: list[float], paired: bool, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        compare(a, b, paired=paired)


def _medians(random: np.random.Generator, processes: int, median_s: float = 0.010) -> list[float]:
    """Medians of processes of an autocorrelated trace: AR(1) at 0.9, 2 % between processes."""
    steps = 200
    noise = random.normal(0, 0.01, (processes, steps))
    trace = np.zeros((processes, steps))
    for turn in range(1, steps):
        trace[:, turn] = 0.9 * trace[:, turn - 1] + noise[:, turn]
    offsets = random.normal(0, 0.02, (processes, 1))
    medians: list[float] = np.median(median_s * np.exp(trace + offsets), axis=1).tolist()
    return medians


def test_of_400_comparisons_of_a_model_with_itself_about_one_in_twenty_is_called() -> None:
    random = np.random.default_rng(20)
    called = sum(compare(_medians(random, 9), _medians(random, 9), paired=True).differs for _ in range(400))
    assert 8 <= called <= 32


def test_five_percent_slower_is_seen_by_nine_pairs() -> None:
    random = np.random.default_rng(21)
    called = sum(
        compare(_medians(random, 9), _medians(random, 9, 0.0105), paired=True).low > 1 for _ in range(100)
    )
    assert called >= 90


# --- turns, and saved processes


def test_a_pair_is_the_median_ratio_of_its_turns_and_pairs_are_the_units() -> None:
    pairs = [
        ([1.0, 2.0, 4.0], [1.1, 2.2, 40.0]),  # interrupted in its last turn
        ([1.0, 1.0, 1.0], [1.2, 1.2, 1.2]),
        ([2.0, 3.0, 5.0], [2.0, 3.0, 5.0]),
    ]
    expected = stats.ttest_1samp(np.log([1.1, 1.2, 1.0]), 0)
    found = compare_turns(pairs)
    assert found.ratio == pytest.approx(math.exp(np.mean(np.log([1.1, 1.2, 1.0]))))
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    bounds = expected.confidence_interval(0.95)
    assert [found.low, found.high] == pytest.approx([math.exp(bounds.low), math.exp(bounds.high)])


def test_one_pair_is_no_comparison() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        compare_turns([([1.0], [2.0])])


def test_the_ratio_of_medians_is_that_and_lies_in_its_interval() -> None:
    a, b = [10.0, 10.1, 9.9, 10.05, 9.95], [12.0, 12.3, 11.8, 12.1, 11.9]
    found = ratio_of_medians(a, b)
    assert found is not None
    assert found.value == 1.2
    assert found.low is not None
    assert found.high is not None
    # Of five figures an arm the extremes are all there is.
    assert min(b) / max(a) <= found.low < 1.19
    assert 1.21 < found.high <= max(b) / min(a)
    assert ratio_of_medians(a, b) == found, "the seed is fixed"


def test_a_ratio_of_medians_has_the_interval_of_scipys_bootstrap_at_the_expanded_level() -> None:
    random = np.random.default_rng(5)
    a, b = random.lognormal(0, 0.1, 12), random.lognormal(0.1, 0.1, 15)
    level = 2 * stats.norm.cdf(math.sqrt(12 / 11) * stats.t.ppf(0.975, 11)) - 1
    expected = stats.bootstrap(
        (a, b),
        lambda x, y, axis: np.median(y, axis=axis) / np.median(x, axis=axis),
        n_resamples=10_000,
        confidence_level=level,
        method="percentile",
        vectorized=True,
    ).confidence_interval
    found = ratio_of_medians(a.tolist(), b.tolist())
    assert found is not None
    assert [found.low, found.high] == pytest.approx([expected.low, expected.high], rel=0.01)


@pytest.mark.parametrize("size", [4, 5, 9])
def test_the_bootstrap_holds_the_true_ratio_in_at_least_95_percent(size: int) -> None:
    random = np.random.default_rng(size)
    held = 0
    for _ in range(300):
        a, b = random.lognormal(0, 0.08, size), random.lognormal(math.log(1.1), 0.08, size)
        found = ratio_of_medians(a.tolist(), b.tolist(), resamples=1000)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 1.1 <= found.high
    assert held / 300 >= 0.93  # 95 %, less 2 standard errors of 300 tries


def test_too_few_processes_and_figures_that_are_not_positive_have_no_ratio() -> None:
    assert ratio_of_medians([1.0] * 3, [1.0] * 9) is None
    assert ratio_of_medians([1.0] * 4, [1.0, 1.0, 1.0, 0.0]) is None
    assert ratio_of_medians([2.0] * 4, [3.0] * 4) == Estimate(1.5, 1.5, 1.5)


# --- signs of noise


def test_the_coefficient_of_variation_is_the_standard_deviation_over_the_mean() -> None:
    assert coefficient_of_variation(np.array([8.0, 12.0] * 5)) == 0.2
    assert coefficient_of_variation(np.full(9, 5.0)) == 0


def test_drift_compares_the_medians_of_the_last_and_the_first_third() -> None:
    assert thirds_drift(np.array([10.0, 10, 10, 50, 60, 70, 11, 11, 11])) == pytest.approx(0.1)
    # What does not divide by three lies in the middle.
    assert thirds_drift(np.array([10.0, 10, 10, 99, 99, 99, 99, 8, 8, 8])) == pytest.approx(-0.2)


@pytest.mark.parametrize("count", [0, 1, ENOUGH_RUNS - 1])
def test_few_runs_say_nothing_of_variation_and_drift(count: int) -> None:
    assert coefficient_of_variation(np.full(count, 5.0)) is None
    assert thirds_drift(np.full(count, 5.0)) is None


def test_a_percentile_leaves_the_samples_as_they_were() -> None:
    samples = np.random.default_rng(2).permutation(1000)
    before = samples.copy()
    percentile(samples, 0.5)
    assert np.array_equal(samples, before)


def test_a_sample_is_an_outlier_past_14_8_of_the_modified_z_score() -> None:
    # Median 10, MAD 1: the limit lies at 10 ± 14.8 / 0.6745 = 10 ± 21.943.
    usual = [9.0, 9, 9, 10, 10, 11, 11, 11]
    assert outlier_share(np.array([*usual, 31.94])) == 0
    assert outlier_share(np.array([*usual, 31.95])) == pytest.approx(1 / 9)
    assert outlier_share(np.array([*usual, -11.95])) == pytest.approx(1 / 9)


def test_nothing_is_an_outlier_where_most_samples_are_equal() -> None:
    assert outlier_share(np.array([10.0] * 9 + [1000.0])) == 0


# --- a straight line


@pytest.mark.parametrize("n", [9, 30, 400])
def test_a_slope_and_its_interval_are_scipys(n: int) -> None:
    random = np.random.default_rng(n)
    x = np.sort(random.uniform(3, 5, n))
    y = 7 - 2.5 * x + random.normal(0, 0.3, n)
    line = stats.linregress(x, y)
    half = stats.t.ppf(0.975, n - 2) * line.stderr
    found = slope(x, y)
    assert found is not None
    assert found.value == pytest.approx(line.slope)
    assert (found.low, found.high) == pytest.approx((line.slope - half, line.slope + half))


@pytest.mark.parametrize("n", [3, 6, 40])
def test_where_a_line_begins_and_its_interval_are_scipys(n: int) -> None:
    random = np.random.default_rng(n)
    x = random.uniform(0, 4, n)
    y = 2.7 + 0.9 * x + random.normal(0, 0.1, n)
    line = stats.linregress(x, y)
    half = stats.t.ppf(0.975, n - 2) * line.intercept_stderr
    found = fit_line(x, y)
    assert found is not None
    assert found.intercept.value == pytest.approx(line.intercept)
    assert (found.intercept.low, found.intercept.high) == pytest.approx(
        (line.intercept - half, line.intercept + half)
    )
    assert fit_line(x[:2], y[:2]) is None


def test_no_slope_goes_through_few_points_or_through_one_moment() -> None:
    assert slope(np.arange(ENOUGH_RUNS - 1.0), np.arange(ENOUGH_RUNS - 1.0)) is None
    assert slope(np.full(20, 3.0), np.arange(20.0)) is None
    assert slope(np.arange(20.0), np.full(20, 5.0)) == Estimate(0.0, 0.0, 0.0)
