"""Greedy CTC decoding against a plain loop, and against what the recognizer's own package reads."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeai.steps import ctc


def plain_decode(scores: NDArray[Any], tokens: str, blank: int) -> tuple[str, float | None]:
    """The best of each step; of runs the first; blanks out."""
    names = tokens[:blank] + "-" + tokens[blank:]
    text, kept, step = "", [], 0
    for index, run in groupby(int(row.argmax()) for row in scores):
        if index != blank:
            text += names[index]
            kept.append(float(scores[step, index]))
        step += len(list(run))
    return text, sum(kept) / len(kept) if kept else None


@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(0, 20), st.integers(0, 4))
@settings(max_examples=60)
def test_decoding_is_the_plain_loops(seed: int, batch: int, steps: int, blank: int) -> None:
    logits = np.random.default_rng(seed).normal(0, 2, (batch, steps, 5)).astype(np.float32)
    scores = scipy.special.softmax(logits, axis=-1) if steps else logits
    expected = [plain_decode(each, "abcd", blank) for each in scores]
    for found in (
        ctc.decode(scores, "abcd", blank=blank),
        ctc.decode(logits, "abcd", blank=blank, logits=True),
    ):
        assert [text for text, _ in found] == [text for text, _ in expected]
        assert [score is None for _, score in found] == [score is None for _, score in expected]
        known = [(a, b) for (_, a), (_, b) in zip(found, expected, strict=True) if a is not None]
        np.testing.assert_allclose([a for a, _ in known], [b for _, b in known], rtol=1e-5)


def steps_of(indices: list[int], classes: int) -> NDArray[np.float32]:
    scores = np.full((1, len(indices), classes), 0.01, np.float32)
    scores[0, np.arange(len(indices)), indices] = 0.5 + 0.1 * np.arange(len(indices))
    return scores


def test_repeats_are_one_and_a_blank_between_makes_them_two() -> None:
    scores = steps_of([1, 1, 0, 1, 2], 3)
    [(text, score)] = ctc.decode(scores, "ab")
    assert text == "aab"
    assert score == pytest.approx((0.5 + 0.8 + 0.9) / 3)  # of a repeat the first step counts


def test_only_blanks_read_nothing_and_have_no_score() -> None:
    assert ctc.decode(steps_of([0, 0], 3), "ab") == [("", None)]
    assert ctc.decode(np.empty((2, 0, 3), np.float32), "ab") == [("", None), ("", None)]
    assert ctc.decode(np.empty((0, 4, 3), np.float32), "ab") == []


def test_the_blank_may_be_the_last_class() -> None:
    assert ctc.decode(steps_of([2, 0, 2, 1], 3), "ab", blank=2)[0][0] == "ab"


def test_tokens_may_be_of_several_characters() -> None:
    assert ctc.decode(steps_of([1, 2], 3), ("th", "e"))[0][0] == "the"
