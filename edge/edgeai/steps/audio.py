"""Samples of sound as arrays: from and to PCM, channels into one, frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    Samples: TypeAlias = NDArray[np.float32]

_INT16_STEPS = np.float32(32768)  # full scale: -1 is the most negative 16-bit value


def from_int16(samples: NDArray[np.int16]) -> Samples:
    """int16 of any shape to f32 in [-1, 1): value / 32768, exact."""
    return samples.astype(np.float32) / _INT16_STEPS


def to_int16(samples: NDArray[Any]) -> NDArray[np.int16]:
    """Samples as floats to the nearest int16; what lies outside [-1, 1) is clipped.

    Gives back exactly what `from_int16` was given. Raises InputError for NaN.
    """
    steps: NDArray[np.floating[Any]] = np.rint(samples * _INT16_STEPS)
    np.clip(steps, -32768, 32767, out=steps)
    if steps.size and np.isnan(steps.sum()):
        raise InputError("the sound holds NaN, which no 16-bit sample can stand for")
    return steps.astype(np.int16)


def decode_pcm(data: bytes, width_bytes: int, *, floating: bool = False) -> Samples:
    """Little-endian PCM to f32 [samples], as WAV stores it.

    width_bytes: 1 (unsigned, 128 is silence), 2, 3 or 4 for integers, 4 or 8 for floats; `data` is a whole
    number of samples. Integers come out as value / 2^(bits - 1): exact up to 24 bits, and the largest 32-bit
    values round to 1.0. Floats are taken as they are.
    """
    if floating:
        return np.frombuffer(data, f"<f{width_bytes}").astype(np.float32)
    if width_bytes == 1:
        return (np.frombuffer(data, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)
    if width_bytes == 2:
        return from_int16(np.frombuffer(data, "<i2"))
    if width_bytes == 3:
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return _from_int32(wide.view("<i4")[:, 0])
    return _from_int32(np.frombuffer(data, "<i4"))


def _from_int32(samples: NDArray[np.int32]) -> Samples:
    return samples.astype(np.float32) / np.float32(2**31)


def mix_down(samples: Samples) -> Samples:
    """f32 [samples, channels] to the mean of the channels, f32 [samples]."""
    if samples.shape[1] == 1:
        return samples[:, 0]
    mono: Samples = samples.mean(axis=1, dtype=np.float32)
    return mono


def frames(samples: NDArray[Any], size: int, hop: int) -> NDArray[Any]:
    """Every complete frame of [samples]: a view [n, size]; frame i starts at sample i * hop.

    samples: contiguous, one dimension. Copy what is to outlive them.
    """
    count = max(0, (len(samples) - size) // hop + 1)
    # np.ndarray over the same memory: the bounds are checked, at a tenth of sliding_window_view's cost.
    step = samples.itemsize
    return np.ndarray((count, size), samples.dtype, samples.data, strides=(hop * step, step))
