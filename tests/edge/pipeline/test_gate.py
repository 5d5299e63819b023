"""A condition lets stretches of source time through, whatever the chunks are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeai.bundle.declared import Condition
from edgeai.errors import InputError
from edgeai.pipeline.gate import Gate, strength
from edgeai.pipeline.values import Detections, Event, Label, Labels, Outputs, Signal, Text

RATE = 10.0
TICK_S = 0.4


def through(
    scores: list[float], chunks: list[int], hold_s: float = 0.0, lead_s: float = 0.0
) -> list[tuple[bool, list[int]]]:
    """What passes of 4 elements a tick, numbered; a tick's score is known once its elements are there."""
    gate = Gate(Condition("speech", 0.5, hold_s, lead_s))
    count = round(len(scores) * TICK_S * RATE)
    passed: list[tuple[bool, list[int]]] = []
    at = turn = told = 0
    while at < count:
        size = chunks[turn % len(chunks)]
        numbers = np.arange(at, min(at + size, count), dtype=np.float32)
        while told < len(scores) and (told + 1) * TICK_S <= (at + len(numbers)) / RATE + 1e-9:
            gate.decide(told * TICK_S, (told + 1) * TICK_S, scores[told])
            told += 1
        for follows, part in gate.push(Signal(numbers, RATE, at / RATE)):
            values = [int(value) for value in part.values]
            if follows and passed:
                passed[-1][1].extend(values)
            else:
                passed.append((follows, values))
        at, turn = at + size, turn + 1
    return passed


def by_definition(scores: list[float], hold_s: float, lead_s: float) -> list[int]:
    """The elements that start within a tick above the threshold, its lead before and its hold behind."""

    def is_open(number: int) -> bool:
        start_s = number / RATE
        return any(
            score > 0.5 and tick * TICK_S - lead_s - 1e-9 <= start_s < (tick + 1) * TICK_S + hold_s - 1e-9
            for tick, score in enumerate(scores)
        )

    return [number for number in range(round(len(scores) * TICK_S * RATE)) if is_open(number)]


@settings(max_examples=200, deadline=None)
@given(
    scores=st.lists(st.sampled_from([0.0, 0.2, 0.9]), max_size=12),
    chunks=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    hold=st.integers(0, 8),
    lead=st.integers(0, 8),
)
def test_what_passes_depends_on_source_time_alone(
    scores: list[float], chunks: list[int], hold: int, lead: int
) -> None:
    passed = [number for _, part in through(scores, chunks, hold / RATE, lead / RATE) for number in part]
    wanted = by_definition(scores, hold / RATE, lead / RATE)
    # What a tick yet to come could still open is not let through before that tick is there.
    assert passed == wanted[: len(passed)]
    decided_s = len(scores) * TICK_S - lead / RATE
    assert [number for number in wanted if number / RATE < decided_s - 1e-9] == [
        number for number in passed if number / RATE < decided_s - 1e-9
    ]


def test_a_stretch_that_does_not_follow_on_says_so() -> None:
    assert through([0.9, 0.0, 0.9, 0.9], [3]) == [
        (False, [0, 1, 2, 3]),
        (False, [8, 9, 10, 11, 12, 13, 14, 15]),
    ]


def test_hold_and_lead_join_stretches() -> None:
    assert through([0.9, 0.0, 0.9], [5], hold_s=0.2, lead_s=0.2) == [(False, list(range(12)))]


def box(*scores: float) -> Detections:
    return Detections(np.zeros((len(scores), 4), np.float32), np.array(scores, np.float32))


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (None, 0.0),
        (0.25, 0.25),
        (True, 1.0),
        (np.float32(0.5), 0.5),
        (np.array([[0.75]]), 0.75),
        (Outputs({"y": np.array([[0.5]])}), 0.5),
        (Labels((Label(1, "a", 0.5), Label(2, "b", 0.25))), 0.5),
        (Labels(()), 0.0),
        (box(0.25, 0.75), 0.75),
        (box(), 0.0),
        (Event("e", 0.0, None, 0.5), 0.5),
        ([], 0.0),
        ([Event("e", 0.0, None, 0.5), Event("e", 0.0, None, 0.75)], 0.75),
        (Text("x", 0.5), 0.5),
        (Text("x"), 0.0),
    ],
)
def test_the_strength_of_a_value_is_its_best_score(value: object, number: float) -> None:
    assert strength(value) == number


@pytest.mark.parametrize("value", ["text", np.zeros(2), Outputs({"a": np.zeros(1), "b": np.zeros(1)})])
def test_what_is_no_number_cannot_be_compared(value: object) -> None:
    with pytest.raises(InputError, match="a condition compares a number"):
        strength(value)
