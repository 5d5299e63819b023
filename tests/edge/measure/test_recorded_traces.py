"""The comparison on real latencies: autocorrelated, from fresh processes on a shared machine.

traces.npz was recorded by record_traces.py; see there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgeai.measure.statistics import Comparison, compare

TRACES = Path(__file__).with_name("traces.npz")
ARM = 9  # processes an arm, the least that a live comparison uses


def comparisons(count: int, slower: float, seed: int) -> Iterator[Comparison]:
    """Comparisons A B B A ... over consecutive processes of one model; B is made slower by a factor.

    Both arms are the same program, so with a factor of 1 every difference called is a false alarm. Which of a
    pair is A is drawn anew for each comparison, as interleaving does.
    """
    random = np.random.default_rng(seed)
    with np.load(TRACES) as traces:
        medians = [np.median(traces[name], axis=1) for name in traces.files]
    for _ in range(count):
        model = medians[random.integers(len(medians))]
        start = random.integers(len(model) - 2 * ARM + 1)
        pairs = model[start : start + 2 * ARM].reshape(ARM, 2)
        first_is_a = random.random(ARM) < 0.5
        a = np.where(first_is_a, pairs[:, 0], pairs[:, 1])
        b = np.where(first_is_a, pairs[:, 1], pairs[:, 0]) * slower
        yield compare(a.tolist(), b.tolist(), paired=True)


def test_the_traces_are_autocorrelated_so_that_single_runs_would_mislead() -> None:
    with np.load(TRACES) as traces:
        for name in traces.files:
            samples = np.log(traces[name].astype(float))
            centred = samples - samples.mean()
            lag_one = (centred[:, 1:] * centred[:, :-1]).mean() / (centred**2).mean()
            assert lag_one > 0.1, name


@pytest.mark.parametrize("seed", range(5))
def test_of_400_comparisons_of_a_program_with_itself_8_to_32_are_called(seed: int) -> None:
    called = sum(comparison.differs for comparison in comparisons(400, slower=1.0, seed=seed))
    assert 8 <= called <= 32


@pytest.mark.parametrize("seed", range(5))
def test_of_100_comparisons_with_5_percent_injected_at_least_90_are_called(seed: int) -> None:
    called = sum(c.differs and c.ratio > 1 for c in comparisons(100, slower=1.05, seed=seed))
    assert called >= 90


def test_intervals_hold_the_true_ratio_in_about_95_percent() -> None:
    held = sum(c.low <= 1.05 <= c.high for c in comparisons(1000, slower=1.05, seed=99))
    assert 920 <= held <= 980
