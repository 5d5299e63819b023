"""Notes from activations: made-up pieces, and a plain decoder that sees a whole piece at once."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeai.steps.notes import Note, NoteTracker, note_name

FRAME_S = 0.01


def decode(
    activations: NDArray[np.float32],
    onsets: NDArray[np.float32],
    sizes: list[int],
    *,
    min_length_s: float = 0.0,
    gap_frames: int = 0,
) -> list[Note]:
    """Notes, by start and pitch, of frames that come in portions of these sizes."""
    tracker = NoteTracker(
        onset_threshold=0.5, frame_threshold=0.3, min_length_s=min_length_s, gap_frames=gap_frames
    )
    notes: list[Note] = []
    start = 0
    for size in [*sizes, len(onsets)]:
        portion = slice(start, min(start + size, len(onsets)))
        times = np.arange(portion.start, portion.stop) * FRAME_S
        notes += tracker.push(activations[portion], onsets[portion], times, FRAME_S)
        start = portion.stop
    return sorted(notes + tracker.finish(FRAME_S), key=lambda note: (note.start_s, note.pitch))


def plain_notes(
    activations: NDArray[np.float32], onsets: NDArray[np.float32], min_frames: int, gap_frames: int
) -> list[tuple[int, int, int, float]]:
    """(first frame, pitch, frame after the last, score), pitch by pitch with the whole piece at hand."""
    notes = []
    frames, pitches = onsets.shape
    for pitch in range(pitches):
        line = [-np.inf, *onsets[:, pitch].tolist(), -np.inf]
        starts = [
            frame
            for frame in range(frames)
            if line[frame + 1] >= 0.5 and line[frame] < line[frame + 1] >= line[frame + 2]
        ]
        for start, following in itertools.pairwise([*starts, frames]):
            end, quiet, frame = start + 1, 0, start + 1
            while frame < following and quiet <= gap_frames:
                quiet = 0 if activations[frame, pitch] >= 0.3 else quiet + 1
                end = end if quiet else frame + 1
                frame += 1
            if end - start >= min_frames:
                score = sum(activations[start:end, pitch].tolist()) / (end - start)
                notes.append((start, pitch, end, score))
    return sorted(notes)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 60),
    st.lists(st.integers(0, 20), max_size=6),
    st.integers(0, 4),
    st.integers(0, 5),
)
@settings(max_examples=150, deadline=None)
def test_notes_in_portions_are_those_of_the_whole_piece(
    seed: int, frames: int, sizes: list[int], gap_frames: int, min_frames: int
) -> None:
    rng = np.random.default_rng(seed)
    # Few levels, so that plateaus and equal neighbours come up.
    activations = (rng.integers(0, 8, (frames, 3)) / 8).astype(np.float32)
    onsets = (rng.integers(0, 8, (frames, 3)) / 8).astype(np.float32)
    found = decode(activations, onsets, sizes, min_length_s=min_frames * FRAME_S, gap_frames=gap_frames)
    expected = plain_notes(activations, onsets, min_frames, gap_frames)
    assert [note.pitch for note in found] == [pitch for _, pitch, _, _ in expected]
    for note, (start, _, end, score) in zip(found, expected, strict=True):
        assert note.start_s == pytest.approx(start * FRAME_S, abs=1e-9)
        assert note.end_s == pytest.approx(end * FRAME_S, abs=1e-9)
        assert note.score == pytest.approx(score, rel=1e-6)


def piece(frames: int, pitches: int = 4) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return np.zeros((frames, pitches), np.float32), np.zeros((frames, pitches), np.float32)


def test_a_note_lasts_from_its_onset_to_its_last_frame_that_sounds() -> None:
    activations, onsets = piece(100)
    activations[20:50, 2] = 0.8
    onsets[19:22, 2] = [0.4, 0.9, 0.6]
    (note,) = decode(activations, onsets, [])
    assert (note.pitch, note.score) == (2, pytest.approx(0.8))
    assert (note.start_s, note.end_s) == (pytest.approx(0.2), pytest.approx(0.5))


def test_a_note_that_still_sounds_ends_with_the_stream() -> None:
    activations, onsets = piece(30)
    activations[10:, 0] = 1
    onsets[10, 0] = 1
    (note,) = decode(activations, onsets, [])
    assert note.end_s == pytest.approx(0.3)


def test_an_onset_ends_the_note_before_on_its_pitch_only() -> None:
    activations, onsets = piece(60)
    activations[10:50, :2] = 0.9
    onsets[10, :2] = onsets[30, 0] = 0.9
    spans = [
        (note.pitch, round(note.start_s, 9), round(note.end_s, 9)) for note in decode(activations, onsets, [])
    ]
    assert spans == [(0, 0.1, 0.3), (1, 0.1, 0.5), (0, 0.3, 0.5)]


def test_nothing_starts_without_an_onset() -> None:
    activations, onsets = piece(50)
    activations[:] = 1
    onsets[25] = 0.49
    assert decode(activations, onsets, []) == []


def test_no_frames_are_no_notes() -> None:
    assert decode(*piece(0), []) == []


def test_notes_are_named_as_musicians_do() -> None:
    names = {21: "A0", 60: "C4", 61: "C#4", 69: "A4", 108: "C8", 0: "C-1", 127: "G9"}
    assert {midi: note_name(midi) for midi in names} == names
