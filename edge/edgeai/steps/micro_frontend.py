"""The wake-word front end of TensorFlow Lite Micro, by the library pymicro-features.

Noise reduction, per-channel gain (PCAN) and logarithm of 40 mel bands, in the same fixed-point arithmetic as
on a microcontroller; models trained on it want exactly these numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..extras import require

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The library's fixed configuration: 16 kHz, a window of 30 ms each 10 ms, 40 channels.
RATE_HZ = 16000
WINDOW = 480
HOP = 160
CHANNELS = 40


class MicroFrontend:
    """Features of one stream; make a new one for another."""

    def __init__(self) -> None:
        library = require("pymicro_features", "audio", "the wake-word front end")
        self._process = library.MicroFrontend().process_samples
        self._waiting = b""

    def push(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """[n] int16 samples in, the features of every window that they complete out: f32 [m, 40].

        Window i covers samples 160 i to 160 i + 480. The output does not depend on how the input is cut.
        """
        data = self._waiting + samples.astype("<i2", copy=False).tobytes()
        rows = []
        start = 0
        while start + 2 * HOP <= len(data):  # the library wants just 10 ms a call
            result = self._process(data[start : start + 2 * HOP])
            start += 2 * result.samples_read
            if result.features:
                rows.append(result.features)
        self._waiting = data[start:]
        return np.array(rows, np.float32).reshape(-1, CHANNELS)
