"""Mean, trigger and segments: against what pymicro-wakeword and silero-vad do, written down plainly."""

from __future__ import annotations

import itertools
import statistics
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeai.errors import InputError
from edgeai.steps.events import Mean, Segment, Segmenter, Trigger

WINDOW = 512  # samples at 16 kHz
RATE_HZ = 16000
SCORES = st.floats(0, 1, width=32)


@given(st.lists(SCORES, max_size=40), st.integers(1, 8))
@settings(max_examples=100)
def test_a_mean_is_that_of_the_last_scores_and_0_before_there_are_enough(
    scores: list[float], count: int
) -> None:
    mean = Mean(count)
    for index, score in enumerate(scores):
        last = scores[index + 1 - count : index + 1] if index + 1 >= count else []
        expected = statistics.mean(last) if last else 0.0
        assert mean.push(score) == pytest.approx(expected, rel=1e-15, abs=0)


def plain_wake_word(scores: list[float], cutoff: float, size: int) -> int | None:
    """Where pymicro-wakeword's process_streaming first returns True."""
    last: deque[float] = deque(maxlen=size)
    for index, score in enumerate(scores):
        last.append(score)
        if len(last) == size and statistics.mean(last) > cutoff:
            return index
    return None


@given(
    st.lists(st.integers(0, 255).map(lambda step: step / 256), max_size=60),  # what a u8 output can be
    st.sampled_from([0.5, 0.85, 0.97, 0.7109375]),
    st.integers(1, 6),
)
@settings(max_examples=300)
def test_a_trigger_on_a_mean_fires_when_the_wake_word_package_first_does(
    scores: list[float], cutoff: float, size: int
) -> None:
    mean, trigger = Mean(size), Trigger(cutoff, 1.0)
    fired = [index for index, score in enumerate(scores) if trigger.push(mean.push(score), 0.03 * index)]
    assert (fired[0] if fired else None) == plain_wake_word(scores, cutoff, size)


def fired(scores: list[float], refractory_s: float) -> list[int]:
    """Indexes of the scores, one each 0.1 s, on which a trigger above 0.5 fires."""
    trigger = Trigger(0.5, refractory_s)
    return [index for index, score in enumerate(scores) if trigger.push(score, 0.1 * index)]


def test_a_score_that_stays_high_triggers_once() -> None:
    assert fired([0, 0.9, 0.9, 0.9, 0.9, 0.9], 0.2) == [1]


def test_a_score_that_falls_and_rises_triggers_again() -> None:
    assert fired([0.9, 0, 0.9, 0.5, 0.6], 0.0) == [0, 2, 4]


def test_nothing_triggers_within_the_silence() -> None:
    assert fired([0.9, 0, 0.9, 0, 0, 0.9], 0.5) == [0, 5]


def test_a_rise_within_the_silence_that_lasts_counts_at_its_end() -> None:
    assert fired([0.9, 0, 0.9, 0.9, 0.9, 0.9], 0.3) == [0, 3]


def test_a_score_at_the_threshold_or_of_no_value_does_not_trigger() -> None:
    assert fired([0.5, float("nan"), 0.51], 0.0) == [2]


def plain_speech(
    scores: list[float], above: float, below: float, speech: int, silence: int, pad: int
) -> list[tuple[int, int]]:
    """silero-vad's get_speech_timestamps_from_probs without a longest segment; all lengths in samples."""
    return plain_padding(plain_stretches(scores, above, below, speech, silence), pad, WINDOW * len(scores))


def plain_stretches(
    scores: list[float], above: float, below: float, speech: int, silence: int
) -> list[list[int]]:
    found: list[list[int]] = []
    start: int | None = None
    fell: int | None = None
    for index, score in enumerate(scores):
        now = WINDOW * index
        if score >= above:
            fell = None
            if start is None:
                start = now
        elif score < below and start is not None:
            if fell is None:
                fell = now
            if now - fell >= silence:
                if fell - start > speech:
                    found.append([start, fell])
                start = fell = None
    length = WINDOW * len(scores)
    if start is not None and length - start > speech:
        found.append([start, length])
    return found


def plain_padding(found: list[list[int]], pad: int, length: int) -> list[tuple[int, int]]:
    for index, segment in enumerate(found):
        if index == 0:
            segment[0] = max(0, segment[0] - pad)
        if index == len(found) - 1:
            segment[1] = min(length, segment[1] + pad)
            continue
        gap = found[index + 1][0] - segment[1]
        room = gap // 2 if gap < 2 * pad else pad
        segment[1] += room
        found[index + 1][0] -= room
    return [(first, last) for first, last in found]


def segments(
    scores: list[float], above: float, below: float, speech: float, silence: float, pad: float
) -> tuple[list[Segment], list[int]]:
    """Segments, and the index of the score with which each came; len(scores) for those at the end."""
    segmenter = Segmenter(
        start_above=above, end_below=below, min_speech_s=speech, min_silence_s=silence, pad_s=pad
    )
    found, when = [], []
    for index, score in enumerate(scores):
        for segment in segmenter.push(score, WINDOW * index / RATE_HZ, WINDOW * (index + 1) / RATE_HZ):
            found.append(segment)
            when.append(index)
    rest = segmenter.finish()
    return found + rest, when + [len(scores)] * len(rest)


LEVELS = st.sampled_from([0.0, 0.2, 0.35, 0.4, 0.5, 0.9])
RUNS = st.lists(st.tuples(LEVELS, st.integers(1, 12)), max_size=30)


@given(
    RUNS,
    st.sampled_from([0, 32, 64, 100, 250]),
    st.sampled_from([0, 32, 96, 100, 500]),
    st.sampled_from([0, 30, 50, 100, 1000]),
)
@settings(max_examples=400, deadline=None)
def test_segments_are_silero_vads(
    runs: list[tuple[float, int]], speech_ms: int, silence_ms: int, pad_ms: int
) -> None:
    scores = [level for level, length in runs for _ in range(length)]
    samples = [16 * milliseconds for milliseconds in (speech_ms, silence_ms, pad_ms)]
    expected = plain_speech(scores, 0.5, 0.35, *samples)
    found, _ = segments(scores, 0.5, 0.35, speech_ms / 1000, silence_ms / 1000, pad_ms / 1000)
    assert len(found) == len(expected)
    for segment, (first, last) in zip(found, expected, strict=True):
        # silero cuts half of an odd gap to whole samples
        assert segment.start_s * RATE_HZ == pytest.approx(first, abs=0.51)
        assert segment.end_s * RATE_HZ == pytest.approx(last, abs=0.51)


@given(RUNS, st.sampled_from([0, 100, 1000]))
@settings(max_examples=100, deadline=None)
def test_segments_follow_each_other_without_overlap(runs: list[tuple[float, int]], pad_ms: int) -> None:
    scores = [level for level, length in runs for _ in range(length)]
    found, when = segments(scores, 0.5, 0.35, 0.05, 0.05, pad_ms / 1000)
    assert when == sorted(when)
    ends = [second for segment in found for second in (segment.start_s, segment.end_s)]
    assert all(later >= earlier - 1e-9 for earlier, later in itertools.pairwise(ends))


def test_a_segment_comes_as_soon_as_its_silence_is_long_enough() -> None:
    scores = [0.0] * 5 + [0.9] * 10 + [0.0] * 20
    found, when = segments(scores, 0.5, 0.35, 0.25, 0.1, 0.03)
    # It falls with score 15; 4 windows of 32 ms later 100 ms of silence are known.
    assert when == [19]
    assert found == [Segment(pytest.approx(0.16 - 0.03), pytest.approx(0.48 + 0.03), 0.9)]


def test_a_segment_waits_for_its_padding_when_that_is_longer_than_the_silence() -> None:
    scores = [0.9] * 10 + [0.0] * 40
    found, when = segments(scores, 0.5, 0.35, 0.0, 0.05, 0.5)
    # Until a next one could no more start within two pads: 0.32 + 1 s is window 41.25.
    assert when == [42]
    assert found[0].end_s == pytest.approx(0.32 + 0.5)


def test_a_segment_does_not_wait_for_the_end_of_the_next_one() -> None:
    scores = [0.9] * 10 + [0.0] * 6 + [0.9] * 300 + [0.0] * 100
    found, when = segments(scores, 0.5, 0.35, 0.1, 0.1, 0.5)
    assert when[0] == 19  # the next one has lasted longer than 0.1 s then, and is sure to be one
    assert found[0].end_s == pytest.approx(0.32 + 0.192 / 2)
    assert found[1].start_s == pytest.approx(0.32 + 0.192 / 2)


def test_a_segments_score_is_its_highest() -> None:
    assert segments([0.0, 0.6, 0.8, 0.4, 0.0, 0.0], 0.5, 0.35, 0.0, 0.0, 0.0)[0][0].score == 0.8


def test_times_are_the_sources_and_padding_stays_within_the_stream() -> None:
    segmenter = Segmenter(start_above=0.5, end_below=0.3, min_speech_s=0, min_silence_s=0, pad_s=5)
    segmenter.push(0.9, 100.0, 101.0)
    segmenter.push(0.0, 101.0, 102.0)
    assert segmenter.finish() == [Segment(100.0, 102.0, 0.9)]


def test_a_stream_of_nothing_has_no_segments() -> None:
    assert segments([], 0.5, 0.35, 0.0, 0.0, 0.0) == ([], [])


def test_parameters_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InputError, match="count is 0"):
        Mean(0)
    with pytest.raises(InputError, match="refractory_s is -1"):
        Trigger(0.5, -1)
    with pytest.raises(InputError, match=r"end_below \(0.6\) must not be above start_above \(0.5\)"):
        Segmenter(start_above=0.5, end_below=0.6, min_speech_s=0, min_silence_s=0, pad_s=0)
    with pytest.raises(InputError, match="pad_s must not be below 0"):
        Segmenter(start_above=0.5, end_below=0.3, min_speech_s=0, min_silence_s=0, pad_s=-1)
