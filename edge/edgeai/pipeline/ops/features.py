"""Features of sound for models: log-mel frames, and what is made of them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from ...errors import InputError
from ...steps import spectrum
from ...steps.audio import frames
from ...steps.backlog import Backlog
from ..values import Signal
from .audio import Intake

# Samples that are worked on at a time: bounds memory (a spectrum of 1 MB) and stays within a cache.
_BLOCK = 16384


class LogMel:
    """`log_mel@1`: samples [n] to frames of log-mel energies, f32 [m, n_mels]; frame i starts at i * hop.

    n_fft: points of the FFT. hop: samples between frames. n_mels: bands.
    win_length: samples in a frame, n_fft if None; zeros fill it up to n_fft, behind. (librosa centres it: its
    frame i starts (n_fft - win_length) / 2 samples earlier and has the same energies.)
    window: `hann` or `hamming`. fmin_hz, fmax_hz: ends of the bands; half the rate if None.
    scale: mel scale `slaney` or `htk`. norm: of the filters, `slaney` or `none`. power: 1 for magnitudes.
    log: `ln`, `log10` or `db`, of max(energy + offset, floor).
    Nothing is padded: a stream has no middle to centre on, and what is left at the end is dropped.
    """

    def __init__(
        self,
        *,
        n_fft: int,
        hop: int,
        n_mels: int,
        win_length: int | None = None,
        window: str = "hann",
        fmin_hz: float = 0.0,
        fmax_hz: float | None = None,
        scale: str = "slaney",
        norm: str = "slaney",
        power: float = 2.0,
        log: str = "ln",
        offset: float = 0.0,
        floor: float = 1e-10,
    ) -> None:
        self._size = n_fft if win_length is None else win_length
        if not 2 <= self._size <= n_fft:
            raise InputError(f"win_length is {self._size} and n_fft {n_fft}; give 2 <= win_length <= n_fft")
        for name, count in (("hop", hop), ("n_mels", n_mels), ("power", power)):
            if not count > 0:
                raise InputError(f"{name} is {count:g}; give a number above 0")
        self._hop, self._n_mels = hop, n_mels
        self._power = partial(
            spectrum.power_spectrum, window=spectrum.window(window, self._size), n_fft=n_fft, power=power
        )
        self._make_filters = partial(
            spectrum.mel_filters,
            n_fft=n_fft,
            n_mels=n_mels,
            fmin_hz=fmin_hz,
            fmax_hz=fmax_hz,
            scale=scale,
            norm=norm,
        )
        self._log = partial(spectrum.logarithm, kind=log, offset=offset, floor=floor)
        self._log(np.empty(0, np.float32))  # says now what is wrong with its parameters
        self._filters: spectrum.Floats | None = None  # made once the rate is known
        self._intake = Intake()
        self._backlog = Backlog()
        self._given = 0

    def __call__(self, value: Signal) -> Signal:
        """A chunk in, what it completes out."""
        samples = self._intake.samples(value)
        if self._filters is None:
            self._filters = self._make_filters(value.rate_hz)
        if len(samples) <= _BLOCK:
            ready = self._push(samples, self._filters)
        else:
            parts = range(0, len(samples), _BLOCK)
            ready = np.concatenate([self._push(samples[i : i + _BLOCK], self._filters) for i in parts])
        start_s = self._intake.time_of(self._given * self._hop)
        self._given += len(ready)
        return Signal(ready, value.rate_hz / self._hop, start_s, self._size / value.rate_hz)

    def _push(self, samples: spectrum.Floats, filters: spectrum.Floats) -> spectrum.Floats:
        self._backlog.append(samples)
        ready = frames(self._backlog.waiting(), self._size, self._hop)
        if not len(ready):
            return np.empty((0, self._n_mels), np.float32)
        features = self._log(spectrum.mel_energies(self._power(ready), filters))
        self._backlog.skip(len(ready) * self._hop)
        return features


def mfcc(value: Signal, *, n_mfcc: int = 13, lifter: float = 0.0) -> Signal:
    """`mfcc@1`: log-mel frames [n, n_mels] to cepstral coefficients, f32 [n, n_mfcc].

    n_mfcc: at most n_mels. lifter: as in librosa; 0 is none. librosa's MFCCs have `log_mel@1` with
    `log: db` before this.
    """
    _check_frames(value)
    bands = value.values.shape[1]
    if not 1 <= n_mfcc <= bands:
        raise InputError(f"n_mfcc is {n_mfcc}; give 1 to {bands}, the number of mel bands")
    if lifter < 0:
        raise InputError(f"lifter is {lifter:g}; give a number not below 0")
    return replace(value, values=spectrum.mfcc(value.values, n_mfcc, lifter))


def clip_range(value: Signal, *, below_max: float, shift: float = 0.0, scale: float = 1.0) -> Signal:
    """`clip_range@1`: raise what lies over `below_max` under the highest value; then (value + shift) * scale.

    The highest value is that of the whole Signal, so this belongs behind the model's window, not before it.
    Whisper's features: `log_mel@1` with `log: log10`, then this with 8, 4 and 0.25.
    """
    _check_frames(value)
    if not below_max > 0:
        raise InputError(f"below_max is {below_max:g}; give a number above 0")
    if not value.values.size:
        return value
    floored = np.maximum(value.values, value.values.max() - np.float32(below_max))
    return replace(value, values=(floored + np.float32(shift)) * np.float32(scale))


def _check_frames(value: Signal) -> None:
    if value.values.ndim != 2:
        raise InputError(f"frames [n, bands] are wanted, not {value.values.shape}")
