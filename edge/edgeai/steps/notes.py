"""Notes of music from what a transcription model says of each frame and pitch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float32]
    Doubles: TypeAlias = NDArray[np.float64]

_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_ROUNDING_S = 1e-6  # times are sums that round


def note_name(midi: int) -> str:
    """Scientific pitch name of a MIDI number: 60 is C4, 69 is A4 (440 Hz)."""
    return f"{_NAMES[midi % 12]}{midi // 12 - 1}"


@dataclass(frozen=True)
class Note:
    """pitch: its column. score: mean activation of its frames."""

    pitch: int
    start_s: float
    end_s: float
    score: float


class _Sounding:
    """A note that goes on: up to its last frame that was on, further if another such frame comes."""

    def __init__(self, pitch: int, start_s: float) -> None:
        self._pitch = pitch
        self._start_s = self._end_s = start_s
        self._total = self._frames = 0.0
        self._score = 0.0
        self.quiet_frames = 0

    def add(self, activation: float, end_s: float, *, is_on: bool) -> None:
        self._total += activation
        self._frames += 1
        if not is_on:
            self.quiet_frames += 1
            return
        self.quiet_frames = 0
        self._end_s = end_s
        self._score = self._total / self._frames

    def so_far(self) -> Note:
        return Note(self._pitch, self._start_s, self._end_s, self._score)


class NoteTracker:
    """Follows the pitches of one stream.

    A note starts where the onset activation of its pitch has a peak of at least `onset_threshold`, and lasts
    while the frame activation stays at `frame_threshold` or above; gaps of `gap_frames` below it are bridged.
    An onset on a pitch that sounds ends the note before. Notes shorter than `min_length_s` are dropped.
    What is not done: guessing onsets from rises of the frame activation, or notes without an onset, which
    need the whole piece.
    """

    def __init__(
        self, *, onset_threshold: float, frame_threshold: float, min_length_s: float, gap_frames: int
    ) -> None:
        self._onset_threshold = onset_threshold
        self._frame_threshold = frame_threshold
        self._min_length_s = min_length_s - _ROUNDING_S
        self._gap_frames = gap_frames
        self._sounding: dict[int, _Sounding] = {}
        self._held: tuple[Floats, Floats, Doubles] | None = None  # the last frame: its peaks need the next
        self._onsets_before: Floats | None = None  # of the frame before that one

    def push(self, activations: Floats, onsets: Floats, starts_s: Doubles, frame_s: float) -> list[Note]:
        """Frames in, the notes that ended out, by their end.

        activations, onsets: [n, pitches]. starts_s: [n], ascending. frame_s: how long a frame lasts.
        """
        if self._held:
            activations = np.concatenate([self._held[0], activations])
            onsets = np.concatenate([self._held[1], onsets])
            starts_s = np.concatenate([self._held[2], starts_s])
        if not len(starts_s):
            return []
        before = np.full_like(onsets[:1], -np.inf) if self._onsets_before is None else self._onsets_before
        before = np.concatenate([before, onsets[:-1]])
        peaks = (onsets > before)[:-1] & (onsets[:-1] >= onsets[1:]) & (onsets[:-1] >= self._onset_threshold)
        self._held = activations[-1:], onsets[-1:], starts_s[-1:]
        self._onsets_before = before[-1:]
        return self._follow(activations[:-1], peaks, starts_s[:-1], frame_s)

    def finish(self, frame_s: float) -> list[Note]:
        """The stream is over: what still sounds ends with it."""
        if self._held is None:
            return []
        activations, onsets, starts_s = self._held
        nothing = np.full_like(onsets, -np.inf)
        done = self.push(np.zeros_like(activations), nothing, starts_s + frame_s, frame_s)
        self._held = None
        for pitch in sorted(self._sounding):
            done += self._end(pitch)
        return done

    def _follow(
        self, activations: Floats, peaks: NDArray[np.bool_], starts_s: Doubles, frame_s: float
    ) -> list[Note]:
        done: list[Note] = []
        is_on = activations >= self._frame_threshold
        for frame, start_s in enumerate(starts_s.tolist()):
            end_s = start_s + frame_s
            new = np.flatnonzero(peaks[frame]).tolist()
            for pitch in new:
                done += self._end(pitch)
                self._sounding[pitch] = _Sounding(pitch, start_s)
            for pitch, note in list(self._sounding.items()):
                # The frame of the onset counts as on: the activation often follows a frame later.
                note.add(float(activations[frame, pitch]), end_s, is_on=is_on[frame, pitch] or pitch in new)
                if note.quiet_frames > self._gap_frames:
                    done += self._end(pitch)
        return done

    def _end(self, pitch: int) -> list[Note]:
        sounding = self._sounding.pop(pitch, None)
        note = sounding.so_far() if sounding else None
        return [note] if note and note.end_s - note.start_s >= self._min_length_s else []
