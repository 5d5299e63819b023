"""Spectra of frames of sound: windows, power, mel bands, logarithms, cepstra.

Matrices are multiplied row by row, so that a frame's features are the same bits alone and among a thousand
others; BLAS would block one product of all rows by their number, and so round them differently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float32]
    Doubles: TypeAlias = NDArray[np.float64]

# Cosine windows as a - (1 - a) cos(2 pi i / n): Harris, "On the use of windows for harmonic analysis", 1978.
_WINDOWS = {"hann": 0.5, "hamming": 0.54}
_LOGS: dict[str, Callable[[Floats], Floats]] = {
    "ln": np.log,
    "log10": np.log10,
    "db": lambda values: np.float32(10) * np.log10(values),
}

# Slaney's mel scale (Auditory Toolbox, 1998): 3 mel each 200 Hz up to 1 kHz, above it 27 mel each factor 6.4.
_SLANEY_HZ_PER_MEL = 200 / 3
_SLANEY_BREAK_HZ = 1000.0
_SLANEY_BREAK_MEL = _SLANEY_BREAK_HZ / _SLANEY_HZ_PER_MEL
_SLANEY_LOG_STEP = np.log(6.4) / 27


def window(name: str, length: int) -> Floats:
    """A periodic window, f32 [length], as scipy.signal.get_window gives; `hann` or `hamming`."""
    if name not in _WINDOWS:
        raise InputError(f"window {name!r} is unknown; known: {', '.join(_WINDOWS)}")
    high = _WINDOWS[name]
    wave: Doubles = high - (1 - high) * np.cos(2 * np.pi * np.arange(length) / length)
    return wave.astype(np.float32)


def power_spectrum(frames: Floats, window: Floats, n_fft: int, power: float = 2.0) -> Floats:
    """|FFT|^power of windowed frames: [n, size] to [n, n_fft // 2 + 1]; zeros fill size up to n_fft."""
    spectrum = np.fft.rfft(frames * window, n_fft)
    energy = (spectrum.real**2 + spectrum.imag**2).astype(np.float32, copy=False)
    if power == 2.0:
        return energy
    return np.sqrt(energy) if power == 1.0 else energy ** np.float32(power / 2)


def mel_filters(
    rate_hz: float,
    n_fft: int,
    n_mels: int,
    *,
    fmin_hz: float = 0.0,
    fmax_hz: float | None = None,
    scale: str = "slaney",
    norm: str = "slaney",
) -> Floats:
    """Triangular mel filters, f32 [n_mels, n_fft // 2 + 1], as librosa.filters.mel makes them.

    fmax_hz: half the rate if None. scale: `slaney` or `htk`. norm: `slaney` (equal areas) or `none` (equal
    peaks). A filter narrower than a bin of the FFT may be all zeros, as in librosa.
    Raises InputError for bounds out of order and names that are not known.
    """
    top_hz = rate_hz / 2 if fmax_hz is None else fmax_hz
    if not 0 <= fmin_hz < top_hz <= rate_hz / 2:
        raise InputError(
            f"mel bands from {fmin_hz:g} to {top_hz:g} Hz do not fit sound of {rate_hz:g} Hz: "
            f"0 <= fmin_hz < fmax_hz <= {rate_hz / 2:g}"
        )
    if norm not in {"slaney", "none"}:
        raise InputError(f"norm {norm!r} is unknown; known: slaney, none")
    ends_mel = hz_to_mel(np.array([fmin_hz, top_hz]), scale)
    edges_hz = mel_to_hz(np.linspace(ends_mel[0], ends_mel[1], n_mels + 2), scale)
    bins_hz = np.arange(n_fft // 2 + 1) * (rate_hz / n_fft)
    slopes = (bins_hz - edges_hz[:, None]) / np.diff(edges_hz, append=np.nan)[:, None]
    filters: Doubles = np.maximum(0.0, np.minimum(slopes[:-2], 1 - slopes[1:-1]))
    if norm == "slaney":
        filters *= (2 / (edges_hz[2:] - edges_hz[:-2]))[:, None]
    return filters.astype(np.float32)


def hz_to_mel(frequencies_hz: Doubles, scale: str) -> Doubles:
    """Hz to mel on the scale `slaney` or `htk` (2595 log10(1 + f / 700), the HTK Book)."""
    if _known_scale(scale) == "htk":
        return np.asarray(2595 * np.log10(1 + frequencies_hz / 700))
    beyond = np.maximum(frequencies_hz, _SLANEY_BREAK_HZ)
    return np.where(
        frequencies_hz < _SLANEY_BREAK_HZ,
        frequencies_hz / _SLANEY_HZ_PER_MEL,
        _SLANEY_BREAK_MEL + np.log(beyond / _SLANEY_BREAK_HZ) / _SLANEY_LOG_STEP,
    )


def mel_to_hz(mels: Doubles, scale: str) -> Doubles:
    """The inverse of hz_to_mel."""
    if _known_scale(scale) == "htk":
        return np.asarray(700 * (10 ** (mels / 2595) - 1))
    beyond = np.maximum(mels, _SLANEY_BREAK_MEL)
    return np.where(
        mels < _SLANEY_BREAK_MEL,
        mels * _SLANEY_HZ_PER_MEL,
        _SLANEY_BREAK_HZ * np.exp((beyond - _SLANEY_BREAK_MEL) * _SLANEY_LOG_STEP),
    )


def mel_energies(power: Floats, filters: Floats) -> Floats:
    """[n, bins] to [n, n_mels]."""
    return _row_by_row(power, filters)


def logarithm(values: Floats, kind: str, *, offset: float = 0.0, floor: float = 1e-10) -> Floats:
    """log(max(values + offset, floor)) of the kind `ln`, `log10` or `db` (10 log10); any shape.

    floor: above 0; 1e-10 is librosa's and Whisper's.
    """
    if kind not in _LOGS:
        raise InputError(f"log {kind!r} is unknown; known: {', '.join(_LOGS)}")
    if not floor > 0:
        raise InputError(f"floor is {floor:g}; it must be above 0, or silence has no logarithm")
    return _LOGS[kind](np.maximum(values + np.float32(offset), np.float32(floor)))


def mfcc(log_mel: Floats, n_mfcc: int, lifter: float = 0.0) -> Floats:
    """The first `n_mfcc` of the orthonormal DCT-II of each row: [n, n_mels] to [n, n_mfcc].

    lifter: coefficient i is multiplied by 1 + lifter / 2 sin(pi (i + 1) / lifter), as in librosa; 0 is none.
    """
    basis = _dct_basis(n_mfcc, log_mel.shape[1])
    if lifter:
        order = np.arange(1, n_mfcc + 1)
        basis *= (1 + lifter / 2 * np.sin(np.pi * order / lifter))[:, None]
    return _row_by_row(log_mel, basis.astype(np.float32))


def _dct_basis(rows: int, columns: int) -> Doubles:
    angles = np.pi / columns * np.outer(np.arange(rows), np.arange(columns) + 0.5)
    basis: Doubles = np.cos(angles) * np.sqrt(2 / columns)
    basis[:1] *= np.sqrt(0.5)
    return basis


def _row_by_row(rows: Floats, matrix: Floats) -> Floats:
    products: Floats = np.matmul(rows[:, None, :], matrix.T)[:, 0]
    return products


def _known_scale(scale: str) -> str:
    if scale not in {"slaney", "htk"}:
        raise InputError(f"mel scale {scale!r} is unknown; known: slaney, htk")
    return scale
