"""Steps along a stream of sound: the same elements and times for chunks of any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray
from pymicro_features import MicroFrontend

from edgeai.errors import InputError
from edgeai.pipeline.ops.audio import Frame, MicroFeatures, Resample, gain
from edgeai.pipeline.values import Signal
from edgeai.steps.audio import from_int16
from tests.chunking import SIZES, push


def noise(count: int) -> NDArray[np.float32]:
    return (np.random.default_rng(8).standard_normal(count) * 0.2).astype(np.float32)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("rate_hz", [44100, 8000])
def test_resampling_in_chunks_is_resampling_at_once(rate_hz: int, sizes: tuple[int, ...]) -> None:
    samples = noise(12345)
    output = push(Resample(rate=16000), samples, rate_hz, sizes, start_s=3.5)
    np.testing.assert_array_equal(output, soxr.resample(samples, rate_hz, 16000, "HQ"))


def test_resampled_sound_says_its_rate() -> None:
    assert Resample(rate=16000)(Signal(noise(10), 8000.0)).rate_hz == 16000


def test_sound_at_the_right_rate_passes_as_it_is() -> None:
    step, samples = Resample(rate=16000), noise(100)
    output = step(Signal(samples, 16000.0, 7.0))
    assert output.values is samples
    assert output.start_s == 7.0
    rest = step.finish()
    assert rest is not None
    assert (len(rest.values), rest.start_s) == (0, 7.0 + 100 / 16000)


def test_a_resampler_that_got_nothing_has_nothing_left() -> None:
    assert Resample(rate=16000).finish() is None


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize(("size", "hop"), [(512, 512), (512, 160), (100, 333), (1, 1), (30000, 7)])
def test_frames_are_slices_of_the_sound(size: int, hop: int, sizes: tuple[int, ...]) -> None:
    samples = noise(9001)
    starts = range(0, len(samples) - size + 1, hop)
    expected = np.array([samples[start : start + size] for start in starts], np.float32)
    output = push(Frame(size=size, hop=hop), samples, 16000.0, sizes, start_s=1.0)
    assert output.dtype == np.float32
    np.testing.assert_array_equal(output, expected.reshape(-1, size))


def test_frames_know_their_rate_and_width() -> None:
    output = Frame(size=400, hop=160)(Signal(noise(1000), 16000.0))
    assert (output.rate_hz, output.width_s) == (100.0, 0.025)


def test_frames_outlive_the_chunks_after_them() -> None:
    step = Frame(size=4, hop=4)
    first = step(Signal(np.ones(4, np.float32), 16000.0))
    step(Signal(np.zeros(4, np.float32), 16000.0))
    np.testing.assert_array_equal(first.values, np.ones((1, 4)))


def features_of_the_library(samples: NDArray[np.int16]) -> NDArray[Any]:
    library, rows = MicroFrontend(), []
    for start in range(0, len(samples) - 159, 160):
        result = library.process_samples(samples[start : start + 160].tobytes())
        assert result.samples_read == 160
        if result.features:
            rows.append(result.features)
    return np.array(rows)


@pytest.mark.parametrize("sizes", SIZES)
def test_wake_word_features_are_the_librarys_bit_for_bit(sizes: tuple[int, ...]) -> None:
    samples = np.rint(noise(16000) * 32768).clip(-32768, 32767).astype(np.int16)
    output = push(MicroFeatures(), from_int16(samples), 16000, sizes, start_s=2.0)
    assert output.dtype == np.float32
    np.testing.assert_array_equal(output.astype(np.float64), features_of_the_library(samples))


def test_wake_word_features_come_a_hundred_times_a_second_and_are_30_ms_wide() -> None:
    output = MicroFeatures()(Signal(noise(480), 16000.0, 5.0))
    assert (output.rate_hz, output.width_s, output.start_s) == (100.0, 0.03, 5.0)
    assert output.values.shape == (1, 40)


def test_wake_word_features_of_another_rate_are_refused_with_the_step_that_helps() -> None:
    with pytest.raises(InputError, match=r"44100 Hz.*resample@1"):
        MicroFeatures()(Signal(noise(480), 44100.0))


@pytest.mark.parametrize("step", [Resample(rate=8000), Frame(size=2, hop=1)])
@pytest.mark.parametrize(
    "values", [np.zeros((2, 2), np.float32), np.zeros(2, np.int16), np.zeros((), np.float32)]
)
def test_what_is_no_sound_of_one_channel_is_refused(step: Any, values: NDArray[Any]) -> None:
    with pytest.raises(InputError, match="sound of one channel"):
        step(Signal(values, 16000.0))


def test_a_rate_that_changes_is_refused() -> None:
    step = Frame(size=2, hop=1)
    step(Signal(noise(3), 16000.0))
    with pytest.raises(InputError, match="8000 Hz came in a stream of 16000"):
        step(Signal(noise(3), 8000.0))


def test_a_rate_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="rate above 0"):
        Frame(size=2, hop=1)(Signal(noise(3), 0.0))


def test_parameters_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InputError, match="rate is 0"):
        Resample(rate=0)
    with pytest.raises(InputError, match="size is 4 and hop is 0"):
        Frame(size=4, hop=0)


def test_gain_multiplies_and_keeps_the_times() -> None:
    output = gain(Signal(np.array([0.5, -1], np.float32), 16000.0, 3.0), factor=32768.0)
    assert output.values.dtype == np.float32
    np.testing.assert_array_equal(output.values, [16384, -32768])
    assert (output.rate_hz, output.start_s) == (16000.0, 3.0)
