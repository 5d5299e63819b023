"""Another sample rate for a stream of samples, by soxr."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..extras import require

if TYPE_CHECKING:
    from .audio import Samples


class Resampler:
    """Samples at one rate into samples at another; one for each stream.

    The output does not depend on how the input is cut: soxr works in blocks of its own. Output sample k
    stands for the time k / to_hz since the first input sample (soxr takes its filter's delay out), and comes
    40 to 80 ms of sound late at these rates, because the filter looks ahead.
    Quality is soxr's HQ, the one librosa resamples with. Equal rates pass the samples on, without soxr.
    Raises InputError for a rate that is not above 0.
    """

    def __init__(self, from_hz: float, to_hz: float) -> None:
        for rate_hz in (from_hz, to_hz):
            if not 0 < rate_hz < float("inf"):
                raise InputError(f"cannot resample from {from_hz:g} to {to_hz:g} Hz: rates are above 0")
        self._stream = None
        if from_hz != to_hz:
            soxr = require("soxr", "audio", "resampling sound")
            self._stream = soxr.ResampleStream(from_hz, to_hz, 1, "float32", "HQ")

    def push(self, samples: Samples) -> Samples:
        """[n] f32 in, what is ready out: [m] f32, m may be 0."""
        if self._stream is None:
            return samples
        ready: Samples = self._stream.resample_chunk(np.ascontiguousarray(samples))
        return ready

    def finish(self) -> Samples:
        """What is left once the input ended: [m] f32. In all there are n * to_hz / from_hz, rounded."""
        if self._stream is None:
            return np.empty(0, np.float32)
        rest: Samples = self._stream.resample_chunk(np.empty(0, np.float32), last=True)
        return rest
