"""Size, margins, layout and arithmetic of pixels against Pillow, OpenCV and plain loops."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as Pillow

from edgeai.errors import InputError
from edgeai.steps import geometry
from edgeai.steps import image as steps

Array = NDArray[Any]
SIDES = st.integers(1, 40)


def noise(height: int, width: int, channels: int = 3, dtype: str = "uint8", seed: int = 0) -> Array:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels))
    return pixels.astype(dtype)


def linear_by_loops(pixels: Array, width: int, height: int) -> Array:
    """Half-pixel-centred bilinear interpolation with the border repeated, in f64."""
    old_height, old_width, channels = pixels.shape
    result = np.empty((height, width, channels))
    for row in range(height):
        for column in range(width):
            y = min(max((row + 0.5) * old_height / height - 0.5, 0), old_height - 1)
            x = min(max((column + 0.5) * old_width / width - 0.5, 0), old_width - 1)
            top, left = int(y), int(x)
            below, right = min(top + 1, old_height - 1), min(left + 1, old_width - 1)
            upper = pixels[top, left] * (1 - x + left) + pixels[top, right] * (x - left)
            lower = pixels[below, left] * (1 - x + left) + pixels[below, right] * (x - left)
            result[row, column] = upper * (1 - y + top) + lower * (y - top)
    return result


@pytest.mark.parametrize("name", ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])
@pytest.mark.parametrize("size", [(7, 31), (64, 50), (1, 1), (33, 5)])
def test_named_filters_are_pillows(name: str, size: tuple[int, int]) -> None:
    pixels = noise(25, 33)
    expected = Pillow.fromarray(pixels).resize(size, Pillow.Resampling[name.upper()])
    np.testing.assert_array_equal(steps.resize(pixels, *size, name), np.asarray(expected))


@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from([1, 3, 4]))
@settings(max_examples=80, deadline=None)
def test_linear_is_opencvs_within_a_level(
    old_width: int, old_height: int, width: int, height: int, channels: int
) -> None:
    pixels = noise(old_height, old_width, channels)
    expected = cv2.resize(pixels, (width, height)).reshape(height, width, channels)
    resized = steps.resize(pixels, width, height, "linear")
    assert np.abs(resized.astype(int) - expected).max() <= 1


def test_linear_is_opencvs_within_a_level_on_a_camera_frame() -> None:
    frame = noise(720, 1280)
    for size in [(640, 360), (416, 416), (1920, 1080), (1300, 700)]:
        resized = steps.resize(frame, *size, "linear")
        assert np.abs(resized.astype(int) - cv2.resize(frame, size)).max() <= 1, size


@given(SIDES, SIDES, SIDES, SIDES)
@settings(max_examples=40, deadline=None)
def test_linear_on_floats_is_the_formula(old_width: int, old_height: int, width: int, height: int) -> None:
    pixels = noise(old_height, old_width, 2, "float32")
    resized = steps.resize(pixels, width, height, "linear")
    assert resized.dtype == np.float32
    np.testing.assert_allclose(resized, linear_by_loops(pixels, width, height), atol=1e-3)


def test_four_channels_do_not_weigh_each_other() -> None:
    pixels = noise(9, 9, 4)
    resized = steps.resize(pixels, 5, 4, "bilinear")
    for channel in range(4):
        alone = steps.resize(pixels[..., channel : channel + 1], 5, 4, "bilinear")
        np.testing.assert_array_equal(resized[..., channel], alone[..., 0])


def test_the_same_size_gives_the_same_pixels() -> None:
    pixels = noise(4, 6)
    for name in steps.FILTERS:
        np.testing.assert_array_equal(steps.resize(pixels, 6, 4, name), pixels)


def test_views_are_resized_as_their_copies_are() -> None:
    pixels = noise(20, 30)
    for view in (pixels[::-1], pixels[:, ::-1], np.rot90(pixels), pixels[3:17, 5:20], pixels[..., ::-1]):
        expected = steps.resize(np.ascontiguousarray(view), 8, 9)
        np.testing.assert_array_equal(steps.resize(view, 8, 9), expected)


def test_an_unknown_filter_and_a_size_of_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="filter: 'cubic' is not known; choose of nearest, box, linear"):
        steps.resize(noise(2, 2), 4, 4, "cubic")
    for size in [(0, 4), (4, -1), (1 << 16, 1)]:
        with pytest.raises(InputError, match="sides from 1 to 32768"):
            steps.resize(noise(2, 2), *size)


def test_the_shorter_or_the_longer_side_gets_its_length() -> None:
    assert steps.scaled_size(640, 480, short=240) == (320, 240)
    assert steps.scaled_size(480, 640, short=240) == (240, 320)
    assert steps.scaled_size(640, 480, long=320) == (320, 240)
    assert steps.scaled_size(427, 640, short=256) == (256, 383)  # 383.7: rounded down, as torchvision does
    assert steps.scaled_size(1000, 1, long=100) == (100, 1)


def test_limits_only_enlarge_or_only_shrink() -> None:
    assert steps.scaled_size(1000, 500, short=736, limit="min") == (1472, 736)
    assert steps.scaled_size(1000, 900, short=736, limit="min") == (1000, 900)
    assert steps.scaled_size(1000, 500, long=960, limit="max") == (960, 480)
    assert steps.scaled_size(800, 500, long=960, limit="max") == (800, 500)
    with pytest.raises(InputError, match="limit: 'most' is not known; choose of min, max"):
        steps.scaled_size(8, 8, long=4, limit="most")


def test_sides_are_rounded_to_multiples() -> None:
    assert steps.to_multiples(1000, 1400, 32) == (992, 1408)
    assert steps.to_multiples(5, 16, 32) == (32, 32)
    assert steps.to_multiples(48, 80, 32) == (64, 64)  # halves to the even multiple
    assert steps.to_multiples(50, 51, 1) == (50, 51)
    with pytest.raises(InputError, match="multiple: 0 must be 1 or more"):
        steps.to_multiples(5, 5, 0)


def test_padding_is_numpys() -> None:
    for pixels in (noise(3, 4), noise(3, 4, 1, "float32")):
        expected = np.pad(pixels, ((2, 4), (1, 3), (0, 0)), constant_values=114)
        np.testing.assert_array_equal(steps.pad(pixels, 1, 2, 3, 4, 114), expected)
        assert steps.pad(pixels, 1, 2, 3, 4).dtype == pixels.dtype


def test_a_fill_must_fit_the_pixels() -> None:
    for fill in (-1, 256, 0.5):
        with pytest.raises(InputError, match="give 0 to 255"):
            steps.pad(noise(1, 1), 1, 1, 1, 1, fill)
    assert steps.pad(noise(1, 1, 1, "float32"), 1, 0, 0, 0, -0.5)[0, 0, 0] == -0.5


def test_margins_lie_around_or_right_and_below() -> None:
    assert steps.margins(4, 5, (7, 7), "center") == (1, 1, 2, 1)
    assert steps.margins(4, 5, (7, 7), "topleft") == (0, 0, 3, 2)
    with pytest.raises(InputError, match="an image of 8 x 5 does not fit into 7 x 7; resize it first"):
        steps.margins(8, 5, (7, 7), "center")
    with pytest.raises(InputError, match="align: 'left' is not known"):
        steps.margins(4, 5, (7, 7), "left")


@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from(steps.ALIGNMENTS))
@settings(max_examples=60, deadline=None)
def test_a_letterbox_keeps_the_aspect_ratio(
    old_width: int, old_height: int, width: int, height: int, align: str
) -> None:
    pixels = noise(old_height, old_width) // 2
    boxed, back = steps.letterbox(pixels, width, height, 255, align)
    assert boxed.shape == (height, width, 3)
    inside = np.argwhere((boxed < 255).all(2))
    (top, left), (bottom, right) = inside.min(0), inside.max(0) + 1
    corners = geometry.apply_to_points(back, np.array([[left, top], [right, bottom]]))
    np.testing.assert_allclose(corners, [[0, 0], [old_width, old_height]], atol=1e-9)
    factor = min(width / old_width, height / old_height)
    assert abs((right - left) - old_width * factor) <= max(0.5, 1 - old_width * factor) + 1e-9
    assert abs((bottom - top) - old_height * factor) <= max(0.5, 1 - old_height * factor) + 1e-9
    if align == "topleft":
        assert (left, top) == (0, 0)
    else:
        assert (left, top) == ((width - right + left) // 2, (height - bottom + top) // 2)
    resized = steps.resize(pixels, right - left, bottom - top)
    np.testing.assert_array_equal(boxed[top:bottom, left:right], resized)


def test_layouts_are_transposed_and_contiguous() -> None:
    pixels = noise(4, 5)
    for to, expected in {
        "HWC": pixels,
        "NHWC": pixels[None],
        "CHW": np.moveaxis(pixels, 2, 0),
        "NCHW": np.moveaxis(pixels, 2, 0)[None],
    }.items():
        laid_out = steps.lay_out(pixels, to)
        np.testing.assert_array_equal(laid_out, expected)
        assert laid_out.flags.c_contiguous
        assert laid_out.dtype == np.uint8
        assert steps.lay_out(pixels, to, "f32").dtype == np.float32


def test_bytes_are_rounded_and_clipped() -> None:
    pixels = np.array([-3, 0.4, 0.6, 254.6, 300, 1.5], np.float32).reshape(1, 2, 3)
    assert steps.lay_out(pixels, "HWC", "u8").ravel().tolist() == [0, 0, 1, 255, 255, 2]


def test_what_is_laid_out_is_not_laid_out_again() -> None:
    with pytest.raises(InputError, match="laid out already"):
        steps.lay_out(np.zeros((1, 3, 4, 5), np.uint8), "NHWC")
    with pytest.raises(InputError, match="to: 'NWHC' is not known; choose of NHWC, NCHW, HWC, CHW"):
        steps.lay_out(noise(2, 2), "NWHC")
    with pytest.raises(InputError, match="dtype: 'i8' is not known; choose of f32, u8"):
        steps.lay_out(noise(2, 2), "NHWC", "i8")


@given(SIDES, SIDES, st.sampled_from([1, 3, 4]), st.booleans(), st.sampled_from(["uint8", "float32"]))
@settings(max_examples=50, deadline=None)
def test_scaling_is_the_formula_of_each_value(
    width: int, height: int, channels: int, by_channel: bool, dtype: str
) -> None:
    pixels = noise(height, width, channels, dtype)
    count = channels if by_channel else 1
    factors, offsets = np.linspace(0.01, 0.02, count), np.linspace(-2, 1, count)
    scaled = steps.scale_values(pixels, factors, offsets)
    assert scaled.dtype == np.float32
    for (row, column, channel), value in np.ndenumerate(pixels):
        exact = value * factors[channel % count] + offsets[channel % count]
        assert abs(scaled[row, column, channel] - exact) < 1e-6


def test_scaling_leaves_the_pixels_alone_and_takes_views() -> None:
    pixels = noise(6, 8)
    before = pixels.copy()
    view = pixels[:, ::-1, ::-1]
    expected = view * np.array([1.0, 2.0, 3.0]) + 1
    np.testing.assert_allclose(steps.scale_values(view, np.array([1.0, 2.0, 3.0]), np.array([1.0])), expected)
    np.testing.assert_array_equal(pixels, before)


def test_values_by_channel_must_be_as_many_as_channels() -> None:
    with pytest.raises(InputError, match="2 values for an image of 3 channels; give 1 or 3"):
        steps.scale_values(noise(2, 2), np.array([1.0, 2.0]), np.array([0.0]))
