"""Real values to stored integers and back."""

from __future__ import annotations

import numpy as np
import pytest

from edgeai.bundle import Quantization, TensorSpec
from edgeai.errors import InputError
from edgeai.quantize import Quantizer

SPEC = TensorSpec("x", "i8", (4,), Quantization(scale=0.5, zero_point=-10))


def test_known_values_are_exact() -> None:
    raw = Quantizer(SPEC).to_raw(np.array([0.0, 0.5, -3.0, 7.25], np.float32))
    assert raw.tolist() == [-10, -9, -16, 4]
    assert raw.dtype == np.int8
    assert Quantizer(SPEC).to_real(raw).tolist() == [0.0, 0.5, -3.0, 7.0]


def test_what_is_out_of_range_is_clipped() -> None:
    raw = Quantizer(SPEC).to_raw(np.array([1e30, -1e30, np.inf, -np.inf], np.float32))
    assert raw.tolist() == [127, -128, 127, -128]


def test_every_stored_integer_survives_the_round_trip() -> None:
    for dtype in ("i8", "u8", "i16"):
        spec = TensorSpec("x", dtype, (1,), Quantization(scale=0.1019607857, zero_point=3))
        limits = np.iinfo({"i8": np.int8, "u8": np.uint8, "i16": np.int16}[dtype])
        raw = np.arange(limits.min, limits.max + 1).astype(limits.dtype)
        np.testing.assert_array_equal(Quantizer(spec).to_raw(Quantizer(spec).to_real(raw)), raw)


def test_nan_has_no_integer() -> None:
    with pytest.raises(InputError, match="input 'x' holds NaN"):
        Quantizer(SPEC).to_raw(np.array([np.nan], np.float32))


def test_the_callers_array_is_left_alone() -> None:
    real = np.array([1.0, 2.0], np.float32)
    Quantizer(SPEC).to_raw(real)
    assert real.tolist() == [1.0, 2.0]


def test_an_empty_array_stays_empty() -> None:
    assert Quantizer(SPEC).to_raw(np.empty((0, 4), np.float32)).shape == (0, 4)


def test_an_array_without_dimensions_stays_one() -> None:
    raw = Quantizer(SPEC).to_raw(np.array(3.0, np.float32))
    assert isinstance(raw, np.ndarray)
    assert (raw.dtype, raw.shape, raw.tolist()) == (np.int8, (), -4)
    real = Quantizer(SPEC).to_real(raw)
    assert isinstance(real, np.ndarray)
    assert (real.dtype, real.shape, real.tolist()) == (np.float32, (), 3.0)
    with pytest.raises(InputError, match="NaN"):
        Quantizer(SPEC).to_raw(np.array(np.nan, np.float32))


def test_the_layout_of_the_values_does_not_matter() -> None:
    real = np.arange(6, dtype=np.float32).reshape(2, 3)
    for same in (np.asfortranarray(real), real[::-1][::-1], real.repeat(2, axis=1)[:, ::2]):
        raw = Quantizer(SPEC).to_raw(same)
        assert raw.tolist() == [[-10, -8, -6], [-4, -2, 0]]
        assert Quantizer(SPEC).to_real(raw).tolist() == real.tolist()
