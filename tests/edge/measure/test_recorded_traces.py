"""The comparison on real latencies: autocorrelated, recorded on a shared machine by record_traces.py.

A comparison draws pairs of neighbours in time and decides by lot which of a pair is A, as interleaving does.
Both arms are the same program, so every difference called is a false alarm, unless B was made slower here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from edgeai.measure.statistics import Comparison, compare

TRACES = Path(__file__).with_name("traces.npz")
PROCESSES_AN_ARM = 9  # the least that a live comparison of processes uses
TURNS_AN_ARM, RUNS_A_TURN = 100, 20  # two programs alive at once, each 20 runs at a time: 4 s of a 1 ms model


@cache
def recorded(kind: str) -> list[np.ndarray]:
    with np.load(TRACES) as traces:
        return [traces[name] for name in traces.files if name.startswith(kind)]


def figures(kind: str, random: np.random.Generator) -> np.ndarray:
    """Medians in the order of recording, [pairs, 2]: of neighbouring processes, or of turns within one."""
    traces = recorded(kind)
    trace = traces[random.integers(len(traces))]
    if kind == "processes":
        medians, arm = np.median(trace, axis=1), PROCESSES_AN_ARM
    else:
        start = random.integers(len(trace) - 2 * TURNS_AN_ARM * RUNS_A_TURN + 1)
        turns = trace[start : start + 2 * TURNS_AN_ARM * RUNS_A_TURN].reshape(-1, RUNS_A_TURN)
        medians, arm = np.median(turns, axis=1), TURNS_AN_ARM
    first = random.integers(len(medians) - 2 * arm + 1)
    return medians[first : first + 2 * arm].reshape(arm, 2)


def comparisons(kind: str, count: int, slower: float, seed: int) -> Iterator[Comparison]:
    random = np.random.default_rng(seed)
    for _ in range(count):
        pairs = figures(kind, random)
        first_is_a = random.random(len(pairs)) < 0.5
        a = np.where(first_is_a, pairs[:, 0], pairs[:, 1])
        b = np.where(first_is_a, pairs[:, 1], pairs[:, 0]) * slower
        yield compare(a.tolist(), b.tolist(), paired=True)


def test_the_traces_are_autocorrelated_so_that_single_runs_would_mislead() -> None:
    with np.load(TRACES) as traces:
        for name in traces.files:
            runs = np.log(np.atleast_2d(traces[name]).astype(float))
            centred = runs - runs.mean()
            lag_one = (centred[:, 1:] * centred[:, :-1]).mean() / (centred**2).mean()
            assert lag_one > 0.3, name


@pytest.mark.parametrize("kind", ["processes", "run"])
@pytest.mark.parametrize("seed", range(3))
def test_of_400_comparisons_of_a_program_with_itself_8_to_32_are_called(kind: str, seed: int) -> None:
    called = sum(comparison.differs for comparison in comparisons(kind, 400, slower=1.0, seed=seed))
    assert 8 <= called <= 32


@pytest.mark.parametrize("seed", range(3))
def test_of_100_comparisons_with_5_percent_injected_at_least_90_are_called(seed: int) -> None:
    """In turns. The process medians of this machine differ by 10 to 20 %, so 9 of them cannot show 5 %."""
    called = sum(c.differs and c.ratio > 1 for c in comparisons("run", 100, slower=1.05, seed=seed))
    assert called >= 90


@pytest.mark.parametrize("kind", ["processes", "run"])
def test_intervals_hold_the_true_ratio_in_about_95_percent(kind: str) -> None:
    held = sum(c.low <= 1.05 <= c.high for c in comparisons(kind, 600, slower=1.05, seed=99))
    assert 0.92 <= held / 600 <= 0.98


def test_single_runs_taken_as_independent_would_raise_far_more_false_alarms() -> None:
    """Why turns and processes are compared by their medians: runs in a row share the machine's mood."""
    random = np.random.default_rng(7)
    with np.load(TRACES) as traces:
        trace = traces["run/face-onnx"]
    called = 0
    for _ in range(400):
        start = random.integers(len(trace) - 2000)
        halves = trace[start : start + 2000].reshape(2, 1000)
        called += compare(halves[0].tolist(), halves[1].tolist(), paired=False).differs
    assert called > 100
