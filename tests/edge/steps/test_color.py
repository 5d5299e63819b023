"""Colours against Pillow, OpenCV and the formulas of BT.601 and BT.709 in f64."""

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
from edgeai.steps import color

Array = NDArray[Any]
COEFFICIENTS = {"bt601": (0.299, 0.587, 0.114), "bt709": (0.2126, 0.7152, 0.0722)}


def noise(*shape: int) -> Array:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def to_yuv(rgb: Array, matrix: str, swing: str) -> Array:
    """The standards' equations from RGB, rounded to bytes: the other direction than the code under test."""
    of_red, of_green, of_blue = COEFFICIENTS[matrix]
    red, green, blue = np.moveaxis(rgb / 255, -1, 0)
    luma = of_red * red + of_green * green + of_blue * blue
    u, v = (blue - luma) / (2 * (1 - of_blue)), (red - luma) / (2 * (1 - of_red))
    if swing == "full":
        parts = [255 * luma, 255 * u + 128, 255 * v + 128]
    else:
        parts = [219 * luma + 16, 224 * u + 128, 224 * v + 128]
    return np.rint(np.stack(parts, axis=-1)).clip(0, 255).astype(np.uint8)


def packed(yuv: Array, layout: str) -> Array:
    """Bytes of a frame [H, W, 3] whose chroma is the same over each 2x2 block."""
    luma, u, v = yuv[..., 0], yuv[::2, ::2, 1], yuv[::2, ::2, 2]
    if layout == "YUYV":
        pairs = np.repeat(np.stack([u, v], axis=-1), 2, axis=0)[: len(luma)]
        even = np.pad(luma, ((0, 0), (0, luma.shape[1] % 2)))
        frame = np.empty((*luma.shape[:1], pairs.shape[1], 4), np.uint8)
        frame[..., 0], frame[..., 2] = even[:, ::2], even[:, 1::2]
        frame[..., 1], frame[..., 3] = pairs[..., 0], pairs[..., 1]
        return frame.ravel()
    chroma = {
        "I420": [u.ravel(), v.ravel()],
        "NV12": [np.stack([u, v], axis=-1).ravel()],
        "NV21": [np.stack([v, u], axis=-1).ravel()],
    }[layout]
    return np.concatenate([luma.ravel(), *chroma])


def test_grey_is_pillows() -> None:
    rgb = noise(37, 41, 3)
    expected = np.asarray(Pillow.fromarray(rgb).convert("L"))
    np.testing.assert_array_equal(color.convert(rgb, "RGB", "GRAY")[..., 0], expected)
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    np.testing.assert_array_equal(color.convert(bgr, "BGR", "GRAY")[..., 0], expected)
    difference = expected.astype(int) - cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    assert np.abs(difference).max() <= 1


def test_grey_of_floats_is_the_formula() -> None:
    rgb = noise(5, 7, 3).astype(np.float32)
    grey = color.convert(rgb, "RGB", "GRAY")
    assert (grey.shape, grey.dtype) == ((5, 7, 1), np.float32)
    np.testing.assert_allclose(grey[..., 0], rgb @ np.array([0.299, 0.587, 0.114]), atol=5e-3)


def test_channels_are_swapped_and_grey_is_repeated() -> None:
    rgb = noise(3, 4, 3)
    np.testing.assert_array_equal(color.convert(rgb, "RGB", "BGR"), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    np.testing.assert_array_equal(color.convert(rgb, "BGR", "RGB"), rgb[..., ::-1])
    np.testing.assert_array_equal(color.convert(rgb[..., :1], "GRAY", "BGR"), rgb[..., [0, 0, 0]])
    assert color.convert(rgb, "RGB", "RGB") is rgb


def test_other_colours_are_refused() -> None:
    with pytest.raises(InputError, match="color: HSV is not known; choose of RGB, BGR, GRAY"):
        color.convert(noise(2, 2, 3), "RGB", "HSV")
    with pytest.raises(InputError, match="YUV is not known"):
        color.convert(noise(3, 2, 1), "YUV", "RGB")


@pytest.mark.parametrize("layout", ["NV12", "NV21", "I420"])
def test_frames_at_half_chroma_are_opencvs_within_two_levels(layout: str) -> None:
    frame = noise(96, 50)
    expected = cv2.cvtColor(frame, getattr(cv2, f"COLOR_YUV2RGB_{layout}"))
    assert np.abs(color.yuv_to_rgb(frame, layout).astype(int) - expected).max() <= 2


def test_yuyv_is_opencvs_within_two_levels() -> None:
    frame = noise(31, 50, 2)
    expected = cv2.cvtColor(frame, cv2.COLOR_YUV2RGB_YUYV)
    assert np.abs(color.yuv_to_rgb(frame, "YUYV").astype(int) - expected).max() <= 2


@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from(color.YUV_FORMATS),
    st.sampled_from(color.YUV_MATRICES),
    st.sampled_from(color.YUV_RANGES),
)
@settings(max_examples=80, deadline=None)
def test_what_became_yuv_comes_back(width: int, height: int, layout: str, matrix: str, swing: str) -> None:
    blocks = noise(-(-height // 2), -(-width // 2), 3)
    rgb = blocks.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    data = packed(to_yuv(rgb, matrix, swing), layout)
    back = color.yuv_to_rgb(data, layout, (width, height), matrix, swing)
    assert (back.shape, back.dtype) == (rgb.shape, np.uint8)
    # A byte of luma and of chroma is half a level off at most: 0.5 * 1.164 + 0.5 * 2.11 levels, and rounding.
    assert np.abs(back.astype(int) - rgb).max() <= 2


def test_every_byte_is_within_a_level_of_the_formula() -> None:
    luma, u, v = (part.ravel() for part in np.meshgrid(*[np.arange(0, 256, 5)] * 3))
    frame = np.stack([luma, u, luma, v], axis=-1).astype(np.uint8)
    for matrix, (of_red, of_green, of_blue) in COEFFICIENTS.items():
        for swing, (lowest, steps, chroma_steps) in {
            "limited": (16, 219, 224),
            "full": (0, 255, 255),
        }.items():
            y, cb, cr = (luma - lowest) / steps, (u - 128) / chroma_steps, (v - 128) / chroma_steps
            y = y.clip(0)  # below black is black, as in OpenCV
            red, blue = y + 2 * (1 - of_red) * cr, y + 2 * (1 - of_blue) * cb
            green = (
                y - of_red * (y + 2 * (1 - of_red) * cr) - of_blue * (y + 2 * (1 - of_blue) * cb)
            ) / of_green
            exact = (255 * np.stack([red, green, blue], axis=-1)).clip(0, 255)
            size = (2, len(luma))
            rgb = color.yuv_to_rgb(frame, "YUYV", size, matrix, swing).reshape(-1, 2, 3)
            assert np.abs(rgb[:, 0] - exact).max() <= 1
            np.testing.assert_array_equal(rgb[:, 0], rgb[:, 1])


def test_a_frame_whose_size_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="a NV12 frame of 4 x 4 has 24 bytes, this one 23"):
        color.yuv_to_rgb(noise(23), "NV12", (4, 4))
    with pytest.raises(
        InputError, match=r"size: unknown for a I420 frame of shape \[24\]; give \[width, height\]"
    ):
        color.yuv_to_rgb(noise(24), "I420")
    with pytest.raises(InputError, match="size: unknown"):
        color.yuv_to_rgb(noise(4, 4), "YUYV")
    with pytest.raises(InputError, match="0 bytes"):
        color.yuv_to_rgb(noise(0, 4), "NV12")


def test_unknown_words_are_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="format: 'NV16' is not known; choose of NV12, NV21, I420, YUYV"):
        color.yuv_to_rgb(noise(6, 4), "NV16")
    with pytest.raises(InputError, match="matrix: 'bt2020' is not known; choose of bt601, bt709"):
        color.yuv_to_rgb(noise(6, 4), "NV12", matrix="bt2020")
    with pytest.raises(InputError, match="range: 'wide' is not known; choose of limited, full"):
        color.yuv_to_rgb(noise(6, 4), "NV12", swing="wide")
    with pytest.raises(InputError, match="must be uint8, not float32"):
        color.yuv_to_rgb(noise(6, 4).astype(np.float32), "NV12")
