"""Another sample rate: against sine waves, scipy and soxr at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.signal
import soxr
from numpy.typing import NDArray

from edgeai.errors import InputError
from edgeai.steps.resample import Resampler
from tests.chunking import SIZES, cut

RATES = [(44100, 16000), (48000, 16000), (8000, 16000), (22050, 16000), (16000, 22050), (11025, 16000)]


def resampled(samples: NDArray[Any], from_hz: float, to_hz: float, sizes: tuple[int, ...]) -> NDArray[Any]:
    resampler = Resampler(from_hz, to_hz)
    parts = [resampler.push(chunk) for _, chunk in cut(samples, sizes)]
    return np.concatenate([*parts, resampler.finish()])


def noise(count: int) -> NDArray[np.float32]:
    return (np.random.default_rng(5).standard_normal(count) * 0.3).astype(np.float32)


@pytest.mark.parametrize(("from_hz", "to_hz"), [*RATES, (192000, 8000), (8000, 192000), (16001, 15999)])
def test_every_cut_gives_the_bits_of_soxr_at_once(from_hz: int, to_hz: int) -> None:
    samples = noise(20011)
    whole = soxr.resample(samples, from_hz, to_hz, "HQ")
    for sizes in SIZES:
        np.testing.assert_array_equal(resampled(samples, from_hz, to_hz, sizes), whole)


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_a_sine_stays_the_sine_at_the_same_times(from_hz: int, to_hz: int) -> None:
    sine = np.sin(2 * np.pi * 440 * np.arange(from_hz) / from_hz).astype(np.float32)
    output = resampled(sine, from_hz, to_hz, (441,))
    assert len(output) == to_hz
    expected = np.sin(2 * np.pi * 440 * np.arange(to_hz) / to_hz)
    inside = slice(1000, -1000)  # nothing is known before and after the sine, so its ends are bent
    np.testing.assert_allclose(output[inside], expected[inside], atol=2e-6)


def test_speech_band_noise_is_what_scipys_polyphase_filter_gives() -> None:
    low = scipy.signal.firwin(301, 3000, fs=44100)
    samples = scipy.signal.lfilter(low, 1, np.random.default_rng(3).standard_normal(44100)).astype(np.float32)
    output = resampled(samples, 44100, 16000, (441,))
    expected = scipy.signal.resample_poly(samples.astype(np.float64), 160, 441, window=("kaiser", 14.0))
    inside = slice(500, -500)
    assert np.abs(output - expected)[inside].max() < 2e-4 * np.abs(expected).max()


def test_what_the_new_rate_cannot_hold_is_gone() -> None:
    high = np.sin(2 * np.pi * 12000 * np.arange(44100) / 44100).astype(np.float32)
    output = resampled(high, 44100, 16000, (4410,))
    assert np.abs(output[500:-500]).max() < 1e-5


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_the_shortest_sounds_give_their_share_of_samples(count: int) -> None:
    assert len(resampled(noise(count), 8000, 16000, (1,))) == 2 * count


def test_equal_rates_pass_the_samples_on() -> None:
    resampler = Resampler(16000, 16000.0)
    samples = noise(10)
    assert resampler.push(samples) is samples
    assert resampler.finish().shape == (0,)


@pytest.mark.parametrize("rate_hz", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate_hz: float) -> None:
    with pytest.raises(InputError, match="rates are above 0"):
        Resampler(rate_hz, 16000.0)
