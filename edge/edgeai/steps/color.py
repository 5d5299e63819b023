"""Colours: the order of channels, grey, and the YUV frames that cameras give."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .geometry import Array

COLORS = ("RGB", "BGR", "GRAY")
YUV_FORMATS = ("NV12", "NV21", "I420", "YUYV")
YUV_MATRICES = ("bt601", "bt709")
YUV_RANGES = ("limited", "full")

# Luma of red, green and blue by ITU-R BT.601-7, 2.5.1, in parts of 2**16 as Pillow and libjpeg round them.
_LUMA = (19595, 38470, 7471)
# Kr and Kb, from which all else follows: ITU-R BT.601-7, 2.5.1 and BT.709-6, 3.2.
_LUMA_OF_RED_AND_BLUE = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}
# Lowest luma, steps of luma from black to white, steps of chroma over its range: BT.601-7, 2.5.3; JFIF 1.02.
_STEPS = {"limited": (16, 219, 224), "full": (0, 255, 255)}
# 1/32 of a level: luma and chroma of the most extreme matrix then add up within i16.
_FRACTION_BITS = 5


def convert(pixels: Array, have: str, want: str) -> Array:
    """Pixels [H, W, 3 | 1] of one of COLORS in another; u8 or f32 as they came.

    Grey is BT.601 luma, rounded for u8; grey to colours repeats it. Raises InputError for other colours.
    """
    for name in (have, want):
        if name not in COLORS:
            raise InputError(f"color: {name} is not known; choose of {', '.join(COLORS)}")
    if have == want:
        return pixels
    if want == "GRAY":
        return _luma(pixels if have == "RGB" else pixels[..., ::-1])
    return np.repeat(pixels, 3, axis=2) if have == "GRAY" else pixels[..., ::-1]


def _luma(rgb: Array) -> Array:
    if rgb.dtype != np.uint8:
        return np.asarray(rgb @ (np.array(_LUMA) / 65536).astype(rgb.dtype))[..., None]
    luma = np.full(rgb.shape[:2], 1 << 15, np.uint32)
    for channel, weight in enumerate(_LUMA):
        luma += np.multiply(rgb[..., channel], weight, dtype=np.uint32)
    luma >>= 16
    return luma.astype(np.uint8)[..., None]


def yuv_to_rgb(
    frame: Array,
    layout: str,
    size: tuple[int, int] | None = None,
    matrix: str = "bt601",
    swing: str = "limited",
) -> Array:
    """A camera's frame as u8 [H, W, 3] RGB.

    frame: u8 of any shape, its bytes in memory order without gaps.
    layout: one of YUV_FORMATS. NV12, NV21 and I420 hold H * W luma and then chroma at half the width and
        height (rounded up), YUYV two pixels in four bytes.
    size: width and height; None takes them from a frame of shape [H * 3 / 2, W], or [H, W, 2] for YUYV.
    matrix: bt601 | bt709. swing: `limited` has luma from 16 to 235, `full` 0 to 255 (JPEG).
    Chroma is repeated over its pixels and luma below black is black, as in OpenCV. Within one level of the
    exact formula. Raises InputError where the number of bytes does not fit the size.
    """
    if frame.dtype != np.uint8:
        raise InputError(f"a {layout} frame must be uint8, not {frame.dtype}")
    width, height = size or _size_of(frame, layout)
    planes = _planes(np.ascontiguousarray(frame).reshape(-1), layout, width, height)
    tables = _tables(matrix, swing)
    rgb = np.empty((height, width, 3), np.uint8)
    luma = np.take(tables.luma, planes.luma)
    channels = (
        np.take(tables.red, planes.v),
        np.take(tables.green_u, planes.u) + np.take(tables.green_v, planes.v),
        np.take(tables.blue, planes.u),
    )
    for channel, chroma in enumerate(channels):
        levels = _over_pixels(chroma, height, width)
        levels += luma
        levels >>= _FRACTION_BITS
        np.clip(levels, 0, 255, out=rgb[..., channel], casting="unsafe")
    return rgb


class _Planes(NamedTuple):
    """luma: u8 [H, W]. u, v: u8 [H or half of it, half of W], rounded up."""

    luma: Array
    u: Array
    v: Array


class _Tables(NamedTuple):
    """What each byte adds to a channel: i16 [256] in units of 1 / 2**_FRACTION_BITS levels."""

    luma: NDArray[np.int16]
    red: NDArray[np.int16]
    green_u: NDArray[np.int16]
    green_v: NDArray[np.int16]
    blue: NDArray[np.int16]


def _size_of(frame: Array, layout: str) -> tuple[int, int]:
    if layout == "YUYV" and frame.ndim == 3 and frame.shape[2] == 2:
        return frame.shape[1], frame.shape[0]
    if layout != "YUYV" and frame.ndim == 2 and frame.shape[0] % 3 == 0:
        return frame.shape[1], frame.shape[0] // 3 * 2
    raise InputError(f"size: unknown for a {layout} frame of shape {list(frame.shape)}; give [width, height]")


def _planes(data: Array, layout: str, width: int, height: int) -> _Planes:
    if layout not in YUV_FORMATS:
        raise InputError(f"format: {layout!r} is not known; choose of {', '.join(YUV_FORMATS)}")
    half_width, half_height = -(-width // 2), -(-height // 2)
    luma_bytes = width * height
    want = height * half_width * 4 if layout == "YUYV" else luma_bytes + 2 * half_width * half_height
    if want != len(data) or not want:
        raise InputError(
            f"size: a {layout} frame of {width} x {height} has {want:,} bytes, this one {len(data):,}"
        )
    if layout == "YUYV":
        pairs = data.reshape(height, half_width, 4)
        return _Planes(pairs[..., ::2].reshape(height, -1)[:, :width], pairs[..., 1], pairs[..., 3])
    luma, chroma = data[:luma_bytes].reshape(height, width), data[luma_bytes:]
    if layout == "I420":
        u, v = chroma.reshape(2, half_height, half_width)
    else:
        both = chroma.reshape(half_height, half_width, 2)
        u, v = (both[..., 0], both[..., 1]) if layout == "NV12" else (both[..., 1], both[..., 0])
    return _Planes(luma, u, v)


def _tables(matrix: str, swing: str) -> _Tables:
    if matrix not in YUV_MATRICES:
        raise InputError(f"matrix: {matrix!r} is not known; choose of {', '.join(YUV_MATRICES)}")
    if swing not in YUV_RANGES:
        raise InputError(f"range: {swing!r} is not known; choose of {', '.join(YUV_RANGES)}")
    of_red, of_blue = _LUMA_OF_RED_AND_BLUE[matrix]
    of_green = 1 - of_red - of_blue
    lowest, luma_steps, chroma_steps = _STEPS[swing]
    byte = np.arange(256)
    luma = np.maximum(byte - lowest, 0) * (255 / luma_steps)
    chroma = (byte - 128) * (255 / chroma_steps)
    red, blue = 2 * (1 - of_red) * chroma, 2 * (1 - of_blue) * chroma

    def fixed(values: Any) -> NDArray[np.int16]:
        return np.asarray(np.rint(values * (1 << _FRACTION_BITS)), np.int16)

    half = 0.5  # what the shift right rounds off
    return _Tables(
        fixed(luma + half),
        fixed(red),
        fixed(-blue * of_blue / of_green),
        fixed(-red * of_red / of_green),
        fixed(blue),
    )


def _over_pixels(chroma: NDArray[np.int16], height: int, width: int) -> NDArray[np.int16]:
    """[H or half, half of W] to [H, W]."""
    spread = np.repeat(chroma, 2, axis=1)[:, :width]
    if len(spread) != height:
        spread = np.repeat(spread, 2, axis=0)[:height]
    return np.asarray(spread)
