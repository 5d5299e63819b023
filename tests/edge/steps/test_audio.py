"""Samples as arrays: PCM, channels, frames."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeai.errors import InputError
from edgeai.steps import audio

EVERY_INT16 = np.arange(-32768, 32768).astype(np.int16)


def test_int16_becomes_its_value_over_32768() -> None:
    floats = audio.from_int16(EVERY_INT16)
    assert floats.dtype == np.float32
    np.testing.assert_array_equal(floats.astype(np.float64), EVERY_INT16 / 32768.0)


def test_every_int16_comes_back_exactly() -> None:
    np.testing.assert_array_equal(audio.to_int16(audio.from_int16(EVERY_INT16)), EVERY_INT16)


def test_floats_go_to_the_nearest_int16_and_are_clipped() -> None:
    samples = np.array([0.6, -0.6, 32766.6, 1e9, -1e9, np.inf, -np.inf], np.float32) / np.float32(32768)
    np.testing.assert_array_equal(audio.to_int16(samples), [1, -1, 32767, 32767, -32768, 32767, -32768])


def test_a_sample_that_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match="NaN"):
        audio.to_int16(np.array([0, np.nan], np.float32))


def test_no_samples_are_no_samples() -> None:
    assert audio.to_int16(np.empty(0, np.float32)).shape == (0,)
    assert audio.decode_pcm(b"", 3).shape == (0,)
    assert audio.mix_down(np.empty((0, 2), np.float32)).shape == (0,)


@given(st.sampled_from([1, 2, 3, 4]), st.data())
@settings(max_examples=60)
def test_integers_of_any_width_are_read_as_a_fraction_of_full_scale(width: int, data: st.DataObject) -> None:
    low = -(2 ** (8 * width - 1))
    values = data.draw(st.lists(st.integers(low, -low - 1), max_size=5))
    # Bytes by Python's own integers; 8 bits are stored with 128 for silence.
    stored = b"".join(
        (value + 128).to_bytes(1, "little") if width == 1 else value.to_bytes(width, "little", signed=True)
        for value in values
    )
    expected = [np.float32(value / -low) for value in values]
    decoded = audio.decode_pcm(stored, width)
    assert decoded.dtype == np.float32
    np.testing.assert_array_equal(decoded, np.array(expected, np.float32))


@pytest.mark.parametrize(("width", "code"), [(4, "f"), (8, "d")])
def test_floats_are_read_as_they_are(width: int, code: str) -> None:
    values = [0.5, -1.25, 3.0]
    decoded = audio.decode_pcm(struct.pack(f"<3{code}", *values), width, floating=True)
    assert decoded.dtype == np.float32
    np.testing.assert_array_equal(decoded, values)


def test_channels_are_averaged() -> None:
    stereo = np.array([[0.5, 0.25], [-1.0, 1.0], [0.0, -0.5]], np.float32)
    np.testing.assert_array_equal(audio.mix_down(stereo), [0.375, 0.0, -0.25])


def test_one_channel_stays_as_it_is() -> None:
    samples = np.array([[0.1], [0.7]], np.float32)
    np.testing.assert_array_equal(audio.mix_down(samples), samples[:, 0])


@given(st.integers(0, 40), st.integers(1, 12), st.integers(1, 15))
@settings(max_examples=200)
def test_frames_are_all_the_slices_that_are_complete(length: int, size: int, hop: int) -> None:
    samples = np.arange(length, dtype=np.float32)
    expected = [samples[start : start + size] for start in range(0, length - size + 1, hop)]
    np.testing.assert_array_equal(
        audio.frames(samples, size, hop), np.array(expected, np.float32).reshape(-1, size)
    )


def test_frames_are_a_view() -> None:
    samples = np.zeros(10, np.float32)
    assert np.shares_memory(audio.frames(samples, 4, 2), samples)
