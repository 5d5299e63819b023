"""Steps along a stream of sound: resample, frame, the wake-word front end, gain."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError
from ...steps.audio import frames, to_int16
from ...steps.backlog import Backlog
from ...steps.micro_frontend import HOP, RATE_HZ, WINDOW, MicroFrontend
from ...steps.resample import Resampler
from ..values import Signal

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Intake:
    """What each step along a stream of sound does first with a chunk: check it, note when the first came.

    Times are counted from there, so that they do not depend on the sizes of chunks.
    """

    def __init__(self) -> None:
        self.rate_hz = 0.0
        self._origin_s: float | None = None

    def samples(self, chunk: Signal) -> NDArray[np.float32]:
        """The chunk's samples: f32 [n], contiguous.

        Raises InputError for what is no sound of one channel, and for another rate than the chunks before.
        """
        values, rate_hz = chunk.values, chunk.rate_hz
        if values.ndim != 1 or values.dtype.kind != "f":
            raise InputError(
                f"sound of one channel is wanted, f32 [samples], not {values.dtype} {values.shape}"
            )
        if self._origin_s is None:
            if not 0 < rate_hz < float("inf"):
                raise InputError(f"the sound has {rate_hz:g} samples a second; a rate above 0 is wanted")
            self.rate_hz, self._origin_s = rate_hz, chunk.start_s
        elif rate_hz != self.rate_hz:
            raise InputError(
                f"sound of {rate_hz:g} Hz came in a stream of {self.rate_hz:g}; open a stream for each rate"
            )
        return np.ascontiguousarray(values, np.float32)

    def time_of(self, index: float) -> float:
        """Source time of a sample, counted from the stream's first."""
        return (self._origin_s or 0.0) + index / (self.rate_hz or 1.0)


class Resample:
    """`resample@1`: samples [n] at any rate to samples [m] at `rate` Hz.

    Needs the extra `audio` where the rates differ. Its filter looks ahead, so that samples come out later
    than they went in; their times are right, and `finish` gives those that the filter still holds.
    """

    def __init__(self, *, rate: int) -> None:
        if rate <= 0:
            raise InputError(f"rate is {rate}; give a number above 0")
        self._rate_hz = float(rate)
        self._intake = Intake()
        self._resampler: Resampler | None = None
        self._given = 0

    def __call__(self, value: Signal) -> Signal:
        """A chunk in, what it completes out."""
        samples = self._intake.samples(value)
        if self._resampler is None:
            self._resampler = Resampler(value.rate_hz, self._rate_hz)
        return self._signal(self._resampler.push(samples))

    def finish(self) -> Signal | None:
        """The rest; None if nothing ever came."""
        return self._signal(self._resampler.finish()) if self._resampler else None

    def _signal(self, samples: NDArray[np.float32]) -> Signal:
        start_s = self._intake.time_of(self._given * self._intake.rate_hz / self._rate_hz)
        self._given += len(samples)
        return Signal(samples, self._rate_hz, start_s)


class Frame:
    """`frame@1`: samples [n] to frames [m, size], one each `hop` samples; complete ones only."""

    def __init__(self, *, size: int, hop: int) -> None:
        if size < 1 or hop < 1:
            raise InputError(f"size is {size} and hop is {hop}; give numbers above 0")
        self._size, self._hop = size, hop
        self._intake = Intake()
        self._backlog = Backlog()
        self._given = 0

    def __call__(self, value: Signal) -> Signal:
        """A chunk in, what it completes out."""
        self._backlog.append(self._intake.samples(value))
        ready = frames(self._backlog.waiting(), self._size, self._hop).copy()
        self._backlog.skip(len(ready) * self._hop)
        start_s = self._intake.time_of(self._given * self._hop)
        self._given += len(ready)
        return Signal(ready, value.rate_hz / self._hop, start_s, self._size / value.rate_hz)


class MicroFeatures:
    """`micro_frontend@1`: samples [n] at 16 kHz to wake-word features, f32 [m, 40]: each 10 ms, 30 ms wide.

    Needs the extra `audio`. Samples go in as int16, the nearest to value * 32768.
    """

    def __init__(self) -> None:
        self._frontend = MicroFrontend()
        self._intake = Intake()
        self._given = 0

    def __call__(self, value: Signal) -> Signal:
        """A chunk in, what it completes out."""
        if value.rate_hz != RATE_HZ:
            raise InputError(
                f"the sound has {value.rate_hz:g} Hz, and the wake-word front end wants {RATE_HZ}; "
                f'put {{"op": "resample@1", "rate": {RATE_HZ}}} before it'
            )
        ready = self._frontend.push(to_int16(self._intake.samples(value)))
        start_s = self._intake.time_of(self._given * HOP)
        self._given += len(ready)
        return Signal(ready, RATE_HZ / HOP, start_s, WINDOW / RATE_HZ)


def gain(value: Signal, *, factor: float) -> Signal:
    """`gain@1`: every element times `factor`; 32768 for models that were trained on 16-bit values."""
    return replace(value, values=value.values * np.float32(factor))
