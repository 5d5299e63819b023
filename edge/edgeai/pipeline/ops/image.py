"""Steps on images as a manifest names them; each keeps the way back to the source's pixels right."""
# ruff: noqa: A002 - `filter`, `format` and `range` are what manifests and the libraries call them

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...errors import InputError
from ...steps import color as colors
from ...steps import geometry, image_file
from ...steps import image as steps
from ...steps.geometry import Array, Matrix
from ..values import Image


def decode(value: Any, *, at_least: list[int] | None = None) -> Image:
    """A path, a file's bytes, a Pillow image or a u8 array to an upright RGB image; an Image stays as it is.

    at_least: width and height down to which a JPEG may be shrunk (by 2, 4 or 8) while it is decoded.
    """
    if isinstance(value, Image):
        return value
    size = None if at_least is None else _pair("at_least", at_least)
    decoded = image_file.decode(value, at_least=size)
    return Image(decoded.pixels, decoded.to_source, decoded.size)


def yuv(
    value: Any,
    *,
    format: str,
    size: list[int] | None = None,
    matrix: str = "bt601",
    range: str = "limited",
) -> Image:
    """A camera's frame (u8 array, bytes, or an Image of one) to an RGB image.

    format: NV12, NV21, I420 or YUYV. size: width and height, where the array's shape does not tell them.
    matrix: bt601 or bt709. range: `limited` (luma from 16 to 235) or `full`.
    """
    frame = value.pixels if isinstance(value, Image) else value
    if isinstance(frame, (bytes, bytearray, memoryview)):
        frame = np.frombuffer(frame, np.uint8)
    if not isinstance(frame, np.ndarray):
        raise InputError(f"a {format} frame is a u8 array or bytes, not {type(frame).__name__}")
    pair = None if size is None else _pair("size", size)
    pixels = colors.yuv_to_rgb(frame, format, pair, matrix, range)
    height, width = pixels.shape[:2]
    return Image(pixels, geometry.identity(), (width, height))


def resize(
    value: Image,
    *,
    size: list[int] | None = None,
    short: int | None = None,
    long: int | None = None,
    height: int | None = None,
    max_width: int | None = None,
    limit: str | None = None,
    multiple: int | None = None,
    filter: str = "bilinear",
) -> Image:
    """Another size, by one of four parameters:

    size: [width, height]. short, long: that side becomes so long and the other follows; limit `min` only
    enlarges, `max` only shrinks. height: the width follows, rounded up, at most max_width.
    multiple: both sides are rounded to multiples of it. filter: nearest, box, linear (OpenCV's INTER_LINEAR),
    bilinear, hamming, bicubic, lanczos (Pillow's).
    """
    pixels = _pixels(value)
    if sum(way is not None for way in (size, short, long, height)) != 1:
        raise InputError("resize takes one of size, short, long and height")
    if (max_width is not None and height is None) or (limit is not None and short is None and long is None):
        raise InputError("resize takes max_width with height only, and limit with short or long only")
    old_height, old_width = pixels.shape[:2]
    if size is not None:
        wanted = _pair("size", size)
    elif height is not None:
        wanted = _by_height(old_width, old_height, height, max_width)
    else:
        wanted = steps.scaled_size(old_width, old_height, short=short, long=long, limit=limit)
    if multiple is not None:
        wanted = steps.to_multiples(*wanted, multiple)
    to_old = geometry.scaling(old_width / wanted[0], old_height / wanted[1])
    return derived(value, steps.resize(pixels, *wanted, filter), to_old)


def letterbox(
    value: Image, *, size: list[int], fill: float = 0.0, align: str = "center", filter: str = "bilinear"
) -> Image:
    """The whole image in its shape within [width, height], with margins of `fill`.

    align: `center`, or `topleft` with all margins right and below.
    """
    pixels, to_old = steps.letterbox(_pixels(value), *_pair("size", size), fill, align, filter)
    return derived(value, pixels, to_old)


def pad(
    value: Image,
    *,
    size: list[int] | None = None,
    multiple: int | None = None,
    square: bool = False,
    fill: float = 0.0,
    align: str = "topleft",
) -> Image:
    """Margins of `fill` up to size ([width, height]), up to multiples of a number, or up to a square.

    align: `topleft` puts them right and below, `center` around.
    """
    pixels = _pixels(value)
    if (size is not None) + (multiple is not None) + square != 1:
        raise InputError("pad takes one of size, multiple and square")
    height, width = pixels.shape[:2]
    into = (max(width, height),) * 2
    if size is not None:
        into = _pair("size", size)
    elif multiple is not None:
        steps.check_positive("multiple", multiple)
        into = -(-width // multiple) * multiple, -(-height // multiple) * multiple
    steps.check_size("size", *into)
    left, top, right, bottom = steps.margins(width, height, into, align)
    padded = steps.pad(pixels, left, top, right, bottom, fill)
    return derived(value, padded, geometry.shift(-left, -top))


def center_crop(value: Image, *, size: list[int]) -> Image:
    """The middle [width, height] of an image; where halves arise it lies further left and up."""
    height, width = _pixels(value).shape[:2]
    wanted = _pair("size", size)
    left, top = (width - wanted[0]) // 2, (height - wanted[1]) // 2
    return region(value, box=[left, top, left + wanted[0], top + wanted[1]])


def limit_aspect(value: Image, *, ratio: float, keep: str = "left") -> Image:
    """Not wider than `ratio` times the height: what is beyond is cut off.

    keep: the end that stays, left, center or right. Of a long line of text a part tells which way up it is.
    """
    pixels = _pixels(value)
    if not ratio > 0 or keep not in {"left", "center", "right"}:
        raise InputError(f"ratio is {ratio:g} and keep {keep!r}; give more than 0, and left, center or right")
    height, width = pixels.shape[:2]
    kept = min(width, max(1, round(ratio * height)))
    left = {"left": 0, "center": (width - kept) // 2, "right": width - kept}[keep]
    return derived(value, pixels[:, left : left + kept], geometry.shift(left, 0))


def region(value: Image, *, box: list[int]) -> Image:
    """The pixels from box [left, top, right, bottom]; it must lie within the image."""
    pixels = _pixels(value)
    height, width = pixels.shape[:2]
    if len(box) != 4:
        raise InputError(f"box: {box} must be [left, top, right, bottom]")
    left, top, right, bottom = box
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise InputError(
            f"box: {box} does not lie within an image of {width} x {height}; resize or pad it first"
        )
    return derived(value, pixels[top:bottom, left:right], geometry.shift(left, top))


def rotate(value: Image, *, clockwise: int) -> Image:
    """Turned by a multiple of 90 degrees."""
    pixels = _pixels(value)
    if clockwise % 90:
        raise InputError(f"clockwise: {clockwise} must be a multiple of 90 degrees")
    turns = clockwise // 90
    height, width = pixels.shape[:2]
    return derived(value, np.rot90(pixels, -turns), geometry.from_turned(width, height, False, turns))


def flip(value: Image, *, axis: str = "horizontal") -> Image:
    """Mirrored: `horizontal` swaps left and right, `vertical` top and bottom."""
    pixels = _pixels(value)
    steps.choose("axis", axis, ("horizontal", "vertical"))
    height, width = pixels.shape[:2]
    mirrored, turns = (pixels[:, ::-1], 0) if axis == "horizontal" else (pixels[::-1], 2)
    return derived(value, mirrored, geometry.from_turned(width, height, True, turns))


def color(value: Image, *, to: str) -> Image:
    """RGB, BGR or GRAY (one channel, BT.601 luma)."""
    return replace(value, pixels=colors.convert(_pixels(value), value.color, to), color=to)


def scale(value: Image, *, multiply: float = 1.0, offset: float = 0.0) -> Image:
    """pixels * multiply + offset, as f32."""
    return _scaled(value, np.array([multiply]), np.array([offset]))


def normalize(
    value: Image, *, scale: float = 1 / 255, mean: list[float] | None = None, std: list[float] | None = None
) -> Image:
    """(pixels * scale - mean) / std, as f32; mean and std have one value, or one a channel in their order."""
    means, deviations = np.array(mean or [0.0]), np.array(std or [1.0])
    if not np.all(deviations):
        raise InputError(f"std: {std} must not hold 0")
    return _scaled(value, scale / deviations, -means / deviations)


def layout(value: Image, *, to: str = "NCHW", dtype: str | None = None) -> Image:
    """As a model takes it: to NHWC, NCHW, HWC or CHW; dtype f32 or u8 (rounded, clipped). Comes last."""
    return replace(value, pixels=steps.lay_out(_image(value).pixels, to, dtype))


def derived(value: Image, pixels: Array, to_old: Matrix) -> Image:
    """An image made of another; to_old takes its pixels to those of `value`."""
    return replace(value, pixels=pixels, to_source=geometry.compose(to_old, value.to_source))


def _scaled(value: Image, factors: Array, offsets: Array) -> Image:
    return replace(value, pixels=steps.scale_values(_pixels(value), factors, offsets))


def _by_height(old_width: int, old_height: int, height: int, max_width: int | None) -> tuple[int, int]:
    steps.check_positive("height", height)
    width = -(-old_width * height // old_height)
    if max_width is None:
        return width, height
    steps.check_positive("max_width", max_width)
    return min(width, max_width), height


def _image(value: Any) -> Image:
    if not isinstance(value, Image):
        raise InputError(f"an image is wanted, not {type(value).__name__}; put decode@1 first")
    return value


def _pixels(value: Any) -> Array:
    pixels = _image(value).pixels
    if pixels.ndim != 3:
        raise InputError(f"an image of shape {list(pixels.shape)} is laid out already; put layout@1 last")
    return pixels


def _pair(name: str, numbers: list[int]) -> tuple[int, int]:
    if len(numbers) != 2:
        raise InputError(f"{name}: {numbers} must be [width, height]")
    steps.check_size(name, *numbers)
    return numbers[0], numbers[1]
