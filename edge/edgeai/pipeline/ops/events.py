"""Steps that make events of what a model gave, window by window: mean, trigger, segments, notes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ...steps.events import Mean, Segment, Segmenter, Trigger
from ...steps.notes import Note, NoteTracker, note_name
from ..values import Event, Outputs, Signal

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Smooth:
    """`smooth@1`: a score to the mean of the last `count` scores; 0 until there are so many."""

    def __init__(self, *, count: int) -> None:
        self._mean = Mean(count)

    def __call__(self, value: float) -> float:
        """One score in, the mean out."""
        return self._mean.push(_score(value))


class TriggerEvent:
    """`trigger@1`: an event when the score rises above `above`, then none for `refractory_s`.

    The event has the times of the window that raised the score and the score itself.
    """

    takes_time = True

    def __init__(self, *, above: float, name: str, refractory_s: float = 0.0) -> None:
        self._trigger = Trigger(above, refractory_s)
        self._name = name

    def __call__(self, value: float, *, start_s: float, end_s: float) -> list[Event]:
        """The score of one window and its times."""
        score = _score(value)
        fires = self._trigger.push(score, start_s)
        return [Event(self._name, start_s, end_s, score)] if fires else []


class Segments:
    """`segments@1`: stretches of the stream where the score is high, such as voice activity.

    start_above: a score that starts a stretch. end_below: scores that end it, once they last for
    `min_silence_s`. min_speech_s: shorter stretches are dropped. pad_s: added on each side.
    The rules are drawn up in `edgeai.steps.events.Segmenter`. An event's score is the highest in the stretch.
    """

    takes_time = True

    def __init__(
        self,
        *,
        name: str,
        start_above: float,
        end_below: float,
        min_speech_s: float = 0.0,
        min_silence_s: float = 0.0,
        pad_s: float = 0.0,
    ) -> None:
        self._name = name
        self._segmenter = Segmenter(
            start_above=start_above,
            end_below=end_below,
            min_speech_s=min_speech_s,
            min_silence_s=min_silence_s,
            pad_s=pad_s,
        )

    def __call__(self, value: float, *, start_s: float, end_s: float) -> list[Event]:
        """The score of one window and its times; gives the stretches that are final now."""
        return self._events(self._segmenter.push(_score(value), start_s, end_s))

    def finish(self) -> list[Event]:
        """The stream is over: what still went on."""
        return self._events(self._segmenter.finish())

    def _events(self, segments: list[Segment]) -> list[Event]:
        return [Event(self._name, segment.start_s, segment.end_s, segment.score) for segment in segments]


class Notes:
    """`notes@1`: activations of frames and pitches, in windows that overlap, to notes.

    frames, onsets: names of the tensors, [T, pitches] or [1, T, pitches]. hop: samples from frame to frame;
    frame i of a window starts at sample i * hop of the window.
    trim: frames at both ends of a window that know too little of what is around them, and are left to the
    windows beside it. A `lead` of trim * hop samples in the manifest's window keeps the start of the sound.
    lowest: MIDI number of the first pitch; 21 is the lowest key of a piano, A0.
    onset_threshold, frame_threshold, min_length_s, gap_frames: see `edgeai.steps.notes.NoteTracker`.
    Events are named by scientific pitch (`C4` is MIDI 60) and scored by the mean activation of their frames.
    They end with the source at the latest: frames that only filled up the last window are left out.
    """

    takes_time = True

    def __init__(
        self,
        *,
        frames: str,
        onsets: str,
        hop: int,
        trim: int = 0,
        lowest: int = 21,
        onset_threshold: float = 0.5,
        frame_threshold: float = 0.3,
        min_length_s: float = 0.0,
        gap_frames: int = 0,
    ) -> None:
        if hop < 1 or trim < 0 or gap_frames < 0 or lowest < 0:
            raise InputError("give a hop above 0, and trim, gap_frames and lowest not below 0")
        self._names = (frames, onsets)
        self._hop, self._trim, self._lowest = hop, trim, lowest
        self._tracker = NoteTracker(
            onset_threshold=onset_threshold,
            frame_threshold=frame_threshold,
            min_length_s=min_length_s,
            gap_frames=gap_frames,
        )
        self._covered_s = -math.inf  # up to where frames went to the tracker
        self._frame_s = 0.0
        self._end_s = math.inf  # of what the model was given so far

    def __call__(self, value: Outputs, *, start_s: float = 0.0, end_s: float = math.inf) -> list[Event]:
        """What the model gave for one window, and its times, in; the notes that ended out."""
        if not isinstance(value.feed, Signal):
            raise InputError("notes are made of what a model gave for a window of sound")
        activations, onsets = (_matrix(value, name) for name in self._names)
        if activations.shape != onsets.shape:
            raise InputError(f"frames {activations.shape} and onsets {onsets.shape} are not of one shape")
        frame_s = self._frame_s = self._hop / value.feed.rate_hz
        self._end_s = end_s
        starts_s: NDArray[np.float64] = (
            value.feed.start_s + np.arange(len(onsets), dtype=np.float64) * frame_s
        )
        # Windows that overlap: a frame that was covered by half or more came before.
        first = max(self._trim, int(np.searchsorted(starts_s, self._covered_s - frame_s / 2)))
        last = min(len(onsets) - self._trim, int(np.searchsorted(starts_s, end_s)))
        new = slice(first, max(first, last))
        if len(starts_s[new]):
            self._covered_s = float(starts_s[new][-1]) + frame_s
        return self._events(self._tracker.push(activations[new], onsets[new], starts_s[new], frame_s))

    def finish(self) -> list[Event]:
        """The stream is over: what still went on."""
        return self._events(self._tracker.finish(self._frame_s))

    def _events(self, notes: list[Note]) -> list[Event]:
        return [
            Event(
                note_name(self._lowest + note.pitch), note.start_s, min(note.end_s, self._end_s), note.score
            )
            for note in notes
        ]


def _score(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(
            f'a score is wanted, not {type(value).__name__}; put {{"op": "score@1"}} before it'
        ) from None


def _matrix(outputs: Outputs, name: str) -> Any:
    if name not in outputs.tensors:
        raise InputError(f"the model has no output {name!r}; it has {', '.join(outputs.tensors)}")
    tensor = outputs.tensors[name]
    if tensor.ndim == 3 and len(tensor) == 1:
        tensor = tensor[0]
    if tensor.ndim != 2:
        raise InputError(f"output {name!r} has the shape {tensor.shape}; [frames, pitches] is wanted")
    return tensor
