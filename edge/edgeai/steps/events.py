"""Events from a stream of scores: a mean, a trigger, segments of activity. State machines on plain floats."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace

from ..errors import InputError

# Times are sums that round, and what is compared here lies windows apart: a microsecond is nothing of both.
_ROUNDING_S = 1e-6


class Mean:
    """Mean of the last `count` scores; 0 until there are so many."""

    def __init__(self, count: int) -> None:
        if count < 1:
            raise InputError(f"count is {count}; a mean needs at least 1 score")
        self._last: deque[float] = deque(maxlen=count)

    def push(self, score: float) -> float:
        """One score in, the mean out, correctly rounded to a part in 1e15."""
        self._last.append(score)
        if len(self._last) < (self._last.maxlen or 0):
            return 0.0
        return math.fsum(self._last) / len(self._last)


class Trigger:
    """True when scores rise above a threshold, then silent for `refractory_s`.

    A second rise during the silence counts at its end, if the score is still high by then. Scores that just
    stay high trigger once.
    """

    def __init__(self, above: float, refractory_s: float) -> None:
        if refractory_s < 0:
            raise InputError(f"refractory_s is {refractory_s:g}; it must not be below 0")
        self._above = above
        self._refractory_s = refractory_s
        self._silent_until_s = -math.inf
        self._armed = True

    def push(self, score: float, start_s: float) -> bool:
        """One score, and the time at which what it describes starts."""
        if not score > self._above:
            self._armed = True
            return False
        if not self._armed or start_s < self._silent_until_s:
            return False
        self._armed = False
        self._silent_until_s = start_s + self._refractory_s - _ROUNDING_S
        return True


@dataclass(frozen=True)
class Segment:
    """A stretch of activity; score: its highest."""

    start_s: float
    end_s: float
    score: float


@dataclass
class _Speech:
    """A segment that goes on. fell_s: since when scores have been low."""

    start_s: float
    score: float
    fell_s: float | None = None


class Segmenter:
    """Stretches of a stream where scores are high, with hysteresis: what voice activity detection ends in.

    A segment starts with a score of at least `start_above`. It ends where scores fell below `end_below`, once
    they have not been back at `start_above` for `min_silence_s`; scores between the two change nothing. It
    must last longer than `min_speech_s`. Each side is then padded by `pad_s`, or by half of the gap to the
    neighbour where that is less, and never beyond the ends of the stream.
    A segment is given as soon as nothing can move its end any more.
    """

    def __init__(
        self, *, start_above: float, end_below: float, min_speech_s: float, min_silence_s: float, pad_s: float
    ) -> None:
        if end_below > start_above:
            raise InputError(f"end_below ({end_below:g}) must not be above start_above ({start_above:g})")
        if min(min_speech_s, min_silence_s, pad_s) < 0:
            raise InputError("min_speech_s, min_silence_s and pad_s must not be below 0")
        self._start_above = start_above
        self._end_below = end_below
        self._min_speech_s = min_speech_s + _ROUNDING_S
        self._min_silence_s = min_silence_s - _ROUNDING_S
        self._pad_s = pad_s
        self._begin_s: float | None = None  # of the stream
        self._now_s = 0.0  # up to where scores came
        self._speech: _Speech | None = None
        self._held: Segment | None = None  # over, but its end is not padded yet
        self._last_end_s: float | None = None  # of the segment before, not padded

    def push(self, score: float, start_s: float, end_s: float) -> list[Segment]:
        """The score of one window and its times; gives the segments that are final now, two at most."""
        if self._begin_s is None:
            self._begin_s = start_s
        self._now_s = end_s
        return [*self._follow(score, start_s), *self._release(start_s)]

    def finish(self) -> list[Segment]:
        """The stream is over: what is held back, and what still goes on if it is long enough."""
        done = self._close(self._speech, self._now_s) if self._speech else []
        self._speech = None
        if self._held:
            done.append(self._padded(self._held, self._now_s - self._held.end_s))
            self._held = None
        return done

    def _follow(self, score: float, start_s: float) -> list[Segment]:
        speech = self._speech
        if score >= self._start_above:
            if speech is None:
                speech = self._speech = _Speech(start_s, score)
            speech.score = max(speech.score, score)
            speech.fell_s = None
        elif speech and score < self._end_below:
            if speech.fell_s is None:
                speech.fell_s = start_s
            if start_s - speech.fell_s >= self._min_silence_s:
                self._speech = None
                return self._close(speech, speech.fell_s)
        return []

    def _close(self, speech: _Speech, end_s: float) -> list[Segment]:
        """Hold a segment that is over; gives the one held so far, whose gap to this one is known now."""
        if not end_s - speech.start_s > self._min_speech_s:
            return []
        done = [self._padded(self._held, self._half_gap(speech.start_s))] if self._held else []
        if self._last_end_s is None:
            pad_s = min(self._pad_s, speech.start_s - (self._begin_s or 0.0))
        else:
            pad_s = min(self._pad_s, self._half_gap(speech.start_s))
        self._held = Segment(speech.start_s - pad_s, end_s, speech.score)
        self._last_end_s = end_s
        return done

    def _release(self, start_s: float) -> list[Segment]:
        """What is held, if no segment can follow within two pads, or the one that does is sure to count."""
        if self._held is None:
            return []
        next_s = self._speech.start_s if self._speech else start_s
        is_far = next_s >= self._held.end_s + 2 * self._pad_s
        is_sure = (
            self._speech is not None
            and self._speech.fell_s is None
            and self._now_s - self._speech.start_s > self._min_speech_s
        )
        if not (is_far or is_sure):
            return []
        done = self._padded(self._held, self._half_gap(next_s))
        self._held = None
        return [done]

    def _half_gap(self, next_s: float) -> float:
        return (next_s - (self._last_end_s or 0.0)) / 2

    def _padded(self, segment: Segment, room_s: float) -> Segment:
        return replace(segment, end_s=segment.end_s + min(self._pad_s, room_s))
