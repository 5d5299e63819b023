"""Steps that make events of what a model gave, window by window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeai.errors import InputError
from edgeai.pipeline.ops.events import Notes, Segments, Smooth, TriggerEvent
from edgeai.pipeline.values import Event, Outputs, Signal


def test_smooth_gives_0_until_there_are_enough_scores() -> None:
    smooth = Smooth(count=3)
    assert [smooth(score) for score in (0.75, 0.25, 0.5, 1.0)] == [0.0, 0.0, 0.5, 1.75 / 3]


def test_smooth_and_trigger_take_numpys_numbers_too() -> None:
    assert Smooth(count=1)(np.float32(0.5)) == 0.5  # type: ignore[arg-type]


def test_a_trigger_says_what_when_and_how_sure() -> None:
    trigger = TriggerEvent(above=0.8, name="wake", refractory_s=1.0)
    assert trigger.takes_time
    assert trigger(0.5, start_s=1.0, end_s=1.05) == []
    assert trigger(0.9, start_s=1.03, end_s=1.08) == [Event("wake", 1.03, 1.08, 0.9)]
    assert trigger(0.9, start_s=1.06, end_s=1.11) == []


def test_segments_are_events_with_start_and_end() -> None:
    segments = Segments(name="speech", start_above=0.5, end_below=0.35, min_silence_s=0.1, pad_s=0.05)
    assert segments.takes_time
    found = []
    for index, score in enumerate([0, 0, 0.9, 0.8, 0, 0, 0, 0.7, 0.7]):
        found += segments(score, start_s=0.1 * index, end_s=0.1 * (index + 1))
    assert found == [Event("speech", pytest.approx(0.15), pytest.approx(0.45), 0.9)]
    assert segments.finish() == [Event("speech", pytest.approx(0.65), pytest.approx(0.9), 0.7)]
    assert segments.finish() == []


def test_a_value_that_is_no_score_is_refused_with_the_step_that_helps() -> None:
    outputs: Any = Outputs({"y": np.zeros((1, 2), np.float32)})
    for step in (
        Smooth(count=1),
        TriggerEvent(above=0.5, name="x"),
        Segments(name="x", start_above=1, end_below=1),
    ):
        times = {} if isinstance(step, Smooth) else {"start_s": 0.0, "end_s": 1.0}
        with pytest.raises(InputError, match=r"a score is wanted, not Outputs.*score@1"):
            step(outputs, **times)


RATE_HZ, HOP, TRIM = 1000.0, 10, 3
FRAME_S = HOP / RATE_HZ
PIECE = [("C4", 0.12, 1.9), ("D4", 0.4, 0.52), ("E4", 0.55, 0.75)]
PITCHES = {"C4": 0, "D4": 2, "E4": 4}


def what_a_model_says(starts_s: NDArray[np.float64]) -> dict[str, NDArray[np.float32]]:
    """Activations of frames that start then; wrong at both ends of the window, where it sees too little."""
    middles_s = starts_s + FRAME_S / 2
    frames, onsets = np.zeros((2, len(starts_s), 5), np.float32)
    for name, start_s, end_s in PIECE:
        frames[(middles_s > start_s) & (middles_s < end_s), PITCHES[name]] = 0.75
        onsets[(middles_s > start_s) & (middles_s < start_s + FRAME_S), PITCHES[name]] = 0.9
    for wrong in (slice(0, TRIM), slice(-TRIM, None)):
        frames[wrong] = onsets[wrong] = 1.0
    return {"frames": frames[None], "onsets": onsets[None]}


def decoded(
    step: Notes, size: int, hop_samples: int, *, start_s: float = 0.0
) -> list[tuple[str, float, float]]:
    """Notes of the piece in windows of `size` frames, the first with a lead of TRIM frames."""
    events: list[Event] = []
    for first in range(-TRIM * HOP, 2100, hop_samples):
        starts_s = (first + HOP * np.arange(size)) / RATE_HZ
        feed = Signal(np.zeros(size * HOP, np.float32), RATE_HZ, start_s + first / RATE_HZ)
        events += step(Outputs(what_a_model_says(starts_s), feed))
    events += step.finish()
    assert all(event.score == pytest.approx(0.75) for event in events)
    return sorted((event.name, event.start_s, event.end_s or 0.0) for event in events)


def notes(**changed: Any) -> Notes:
    settings: dict[str, Any] = {
        "frames": "frames",
        "onsets": "onsets",
        "hop": HOP,
        "trim": TRIM,
        "lowest": 60,
    }
    return Notes(**{**settings, **changed})


@pytest.mark.parametrize("size", [20, 27, 60, 250])
def test_notes_go_on_across_the_borders_of_windows(size: int) -> None:
    found = decoded(notes(), size, (size - 2 * TRIM) * HOP)
    assert found == [(name, pytest.approx(start_s), pytest.approx(end_s)) for name, start_s, end_s in PIECE]


@pytest.mark.parametrize("less", [1, 3, 7, 50, 100])
def test_windows_may_overlap_by_more_and_by_parts_of_a_frame(less: int) -> None:
    found = decoded(notes(), 40, (40 - 2 * TRIM) * HOP - less)
    for (name, start_s, end_s), (expected, starts_s, ends_s) in zip(found, PIECE, strict=True):
        assert name == expected
        assert start_s == pytest.approx(starts_s, abs=FRAME_S)
        assert end_s == pytest.approx(ends_s, abs=FRAME_S)


def test_notes_are_in_source_time() -> None:
    found = decoded(notes(), 40, (40 - 2 * TRIM) * HOP, start_s=100.0)
    assert [start_s for _, start_s, _ in found] == [pytest.approx(100 + start_s) for _, start_s, _ in PIECE]


def test_notes_end_with_the_source_at_the_latest() -> None:
    starts_s = np.arange(40) * FRAME_S
    sounding = {name: np.zeros((40, 5), np.float32) for name in ("frames", "onsets")}
    sounding["frames"][:, 0], sounding["onsets"][10, 0] = 0.75, 0.9
    feed = Signal(np.zeros(40 * HOP, np.float32), RATE_HZ)
    step, end_s = notes(), float(starts_s[20]) + FRAME_S / 3
    (note,) = step(Outputs(sounding, feed), start_s=0.0, end_s=end_s) + step.finish()
    assert (note.start_s, note.end_s) == (pytest.approx(starts_s[10]), end_s)


def test_short_notes_are_dropped() -> None:
    found = decoded(notes(min_length_s=0.15), 40, (40 - 2 * TRIM) * HOP)
    assert [name for name, _, _ in found] == ["C4", "E4"]


def test_tensors_without_a_batch_are_fine_and_a_stream_of_nothing_has_no_notes() -> None:
    empty = {"frames": np.zeros((0, 5), np.float32), "onsets": np.zeros((0, 5), np.float32)}
    step = notes()
    assert step.finish() == []
    assert step(Outputs(empty, Signal(np.zeros(0, np.float32), RATE_HZ))) == []
    assert step.finish() == []


def test_what_cannot_be_notes_is_refused() -> None:
    feed = Signal(np.zeros(10, np.float32), RATE_HZ)
    two, three = np.zeros((2, 5), np.float32), np.zeros((3, 5), np.float32)
    with pytest.raises(InputError, match="for a window of sound"):
        notes()(Outputs({"frames": two, "onsets": two}))
    with pytest.raises(InputError, match="no output 'onsets'; it has frames"):
        notes()(Outputs({"frames": two}, feed))
    with pytest.raises(InputError, match="not of one shape"):
        notes()(Outputs({"frames": two, "onsets": three}, feed))
    with pytest.raises(InputError, match=r"\[frames, pitches\] is wanted"):
        notes()(Outputs({"frames": two[0], "onsets": two[0]}, feed))
    with pytest.raises(InputError, match="give a hop above 0"):
        notes(hop=0)
