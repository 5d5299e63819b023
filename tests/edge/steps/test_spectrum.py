"""Windows, spectra, mel bands, cepstra: against librosa, scipy and plain float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

from edgeai.errors import InputError
from edgeai.steps import spectrum


@pytest.fixture(scope="module")
def librosa() -> Any:
    import librosa  # takes seconds

    return librosa


def noise(*shape: int) -> NDArray[np.float32]:
    return (np.random.default_rng(11).standard_normal(shape) * 0.1).astype(np.float32)


@pytest.mark.parametrize("name", ["hann", "hamming"])
@pytest.mark.parametrize("length", [2, 3, 400, 512])
def test_windows_are_scipys(name: str, length: int) -> None:
    expected = scipy.signal.get_window(name, length)
    np.testing.assert_allclose(spectrum.window(name, length), expected, atol=1e-7)


@pytest.mark.parametrize("power", [1.0, 2.0, 0.5])
@pytest.mark.parametrize(("size", "n_fft"), [(400, 512), (512, 512), (31, 31)])
def test_the_power_spectrum_is_that_of_a_plain_fourier_sum(size: int, n_fft: int, power: float) -> None:
    frames, window = noise(3, size), spectrum.window("hann", size)
    turns = np.exp(-2j * np.pi * np.outer(np.arange(n_fft // 2 + 1), np.arange(size)) / n_fft)
    expected = np.abs((frames.astype(np.float64) * window) @ turns.T) ** power
    output = spectrum.power_spectrum(frames, window, n_fft, power)
    assert output.dtype == np.float32
    np.testing.assert_allclose(output, expected, rtol=2e-4, atol=1e-6 * expected.max())


@pytest.mark.parametrize("scale", ["slaney", "htk"])
@pytest.mark.parametrize("norm", ["slaney", "none"])
@pytest.mark.parametrize(
    ("rate_hz", "n_fft", "n_mels", "fmin_hz", "fmax_hz"),
    [
        (16000, 512, 40, 0, None),
        (22050, 2048, 128, 27.5, 10000),
        (16000, 400, 80, 0, 8000),
        (8000, 256, 23, 20, 3800),
    ],
)
def test_mel_filters_are_librosas(
    librosa: Any,
    scale: str,
    norm: str,
    rate_hz: int,
    n_fft: int,
    n_mels: int,
    fmin_hz: float,
    fmax_hz: float | None,
) -> None:
    expected = librosa.filters.mel(
        sr=rate_hz,
        n_fft=n_fft,
        n_mels=n_mels,
        fmin=fmin_hz,
        fmax=fmax_hz,
        htk=scale == "htk",
        norm=None if norm == "none" else norm,
    )
    output = spectrum.mel_filters(
        rate_hz, n_fft, n_mels, fmin_hz=fmin_hz, fmax_hz=fmax_hz, scale=scale, norm=norm
    )
    assert output.dtype == np.float32
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-6 * expected.max())


@pytest.mark.parametrize("scale", ["slaney", "htk"])
def test_mel_scales_are_librosas_and_their_inverses_are_too(librosa: Any, scale: str) -> None:
    frequencies = np.linspace(0, 24000, 97)
    mels = spectrum.hz_to_mel(frequencies, scale)
    np.testing.assert_allclose(mels, librosa.hz_to_mel(frequencies, htk=scale == "htk"), rtol=1e-12)
    np.testing.assert_allclose(spectrum.mel_to_hz(mels, scale), frequencies, rtol=1e-12, atol=1e-9)


def test_a_row_has_the_same_bits_alone_and_among_others() -> None:
    frames, window = noise(301, 400), spectrum.window("hann", 400)
    filters = spectrum.mel_filters(16000, 512, 40)

    def features(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        energies = spectrum.mel_energies(spectrum.power_spectrum(rows, window, 512), filters)
        return spectrum.mfcc(spectrum.logarithm(energies, "ln"), 13)

    together = features(frames)
    for count in (1, 2, 3, 17):
        parts = [features(frames[start : start + count]) for start in range(0, len(frames), count)]
        np.testing.assert_array_equal(np.concatenate(parts), together)


def test_logarithms_are_of_what_is_left_above_the_floor() -> None:
    values = np.array([0.0, 1e-12, 0.5, 100.0], np.float32)
    raised = np.maximum(values.astype(np.float64), 1e-10)
    np.testing.assert_allclose(spectrum.logarithm(values, "ln"), np.log(raised), rtol=1e-6)
    np.testing.assert_allclose(spectrum.logarithm(values, "log10"), np.log10(raised), rtol=1e-6)
    np.testing.assert_allclose(spectrum.logarithm(values, "db"), 10 * np.log10(raised), rtol=1e-6)
    np.testing.assert_allclose(
        spectrum.logarithm(values, "ln", offset=0.01), np.log(values + 0.01), rtol=1e-6
    )


@pytest.mark.parametrize("lifter", [0.0, 22.0])
@pytest.mark.parametrize(("bands", "count"), [(40, 13), (40, 40), (3, 1), (1, 1)])
def test_cepstra_are_scipys_orthonormal_dct(bands: int, count: int, lifter: float) -> None:
    rows = noise(5, bands) * 100
    expected = scipy.fft.dct(rows.astype(np.float64), type=2, norm="ortho", axis=1)[:, :count]
    if lifter:
        expected *= [1 + lifter / 2 * np.sin(np.pi * (order + 1) / lifter) for order in range(count)]
    np.testing.assert_allclose(
        spectrum.mfcc(rows, count, lifter), expected, rtol=1e-4, atol=1e-5 * np.abs(rows).max()
    )


@pytest.mark.parametrize(
    ("fmin_hz", "fmax_hz"), [(-1.0, None), (4000.0, 4000.0), (0.0, 9000.0), (5000.0, 100.0)]
)
def test_bands_that_the_sound_does_not_have_are_refused(fmin_hz: float, fmax_hz: float | None) -> None:
    with pytest.raises(InputError, match="do not fit sound of 16000 Hz"):
        spectrum.mel_filters(16000, 512, 40, fmin_hz=fmin_hz, fmax_hz=fmax_hz)


def test_names_that_are_not_known_are_refused_with_those_that_are() -> None:
    with pytest.raises(InputError, match="known: hann, hamming"):
        spectrum.window("hanning", 3)
    with pytest.raises(InputError, match="known: slaney, htk"):
        spectrum.mel_filters(16000, 512, 40, scale="bark")
    with pytest.raises(InputError, match="known: slaney, none"):
        spectrum.mel_filters(16000, 512, 40, norm="l2")
    with pytest.raises(InputError, match="known: ln, log10, db"):
        spectrum.logarithm(np.ones(1, np.float32), "log2")
    with pytest.raises(InputError, match="floor is 0"):
        spectrum.logarithm(np.ones(1, np.float32), "ln", floor=0.0)
