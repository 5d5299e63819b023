"""The rank test is scipy's, exact and approximate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped,unused-ignore]

from edgeai.measure.ranks import mann_whitney


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 3), (4, 4), (9, 9), (5, 20), (50, 50)])
@pytest.mark.parametrize("seed", range(3))
def test_without_ties_it_is_scipys_exact_one(n: int, m: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    a, b = random.normal(size=n).tolist(), (random.normal(size=m) + 0.5).tolist()
    expected = stats.mannwhitneyu(b, a, method="exact")
    found = mann_whitney(a, b)
    assert found.exact
    assert found.u == expected.statistic
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 8), min_size=1, max_size=30),
    st.lists(st.integers(0, 8), min_size=1, max_size=30),
)
def test_with_ties_it_is_scipys_approximation(a: list[int], b: list[int]) -> None:
    found = mann_whitney(a, b)
    if found.exact:
        assert len(set(a + b)) == len(a) + len(b)
        return
    if len(set(a + b)) == 1:
        assert found.p_value == 1  # scipy gives NaN in some versions
        return
    expected = stats.mannwhitneyu(b, a, method="asymptotic", use_continuity=True)
    assert found.u == expected.statistic
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)


def test_many_figures_take_the_approximation() -> None:
    random = np.random.default_rng(1)
    a, b = random.normal(size=51).tolist(), random.normal(size=10).tolist()
    found = mann_whitney(a, b)
    assert not found.exact
    assert found.p_value == pytest.approx(stats.mannwhitneyu(b, a, method="asymptotic").pvalue, rel=1e-9)


def test_four_against_four_are_the_fewest_that_can_differ() -> None:
    assert mann_whitney([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]).p_value == pytest.approx(2 / 20)
    assert mann_whitney([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]).p_value == pytest.approx(2 / 70)


def test_an_empty_arm_is_refused() -> None:
    with pytest.raises(ValueError, match="each arm"):
        mann_whitney([], [1.0])
