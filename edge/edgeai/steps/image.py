"""Pixels to other pixels: size, margins, layout and arithmetic.

Everywhere pixels are u8 or f32 [height, width, channels], are left as they came, and may come back as a view.
"""
# ruff: noqa: A002 - `filter` is what manifests, Pillow and OpenCV call it

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..extras import require
from . import geometry
from .geometry import Array, Matrix

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

FILTERS = ("nearest", "box", "linear", "bilinear", "hamming", "bicubic", "lanczos")
"""How `resize` weighs pixels. All but `linear` are Pillow's, and all of these but `nearest` antialias: what
shrinks becomes a mean over all its pixels. `linear` weighs the nearest 2x2 however much it shrinks, as
OpenCV's INTER_LINEAR does: what models want that were trained with it. Where it shrinks it rounds down."""

LAYOUTS = ("NHWC", "NCHW", "HWC", "CHW")
ALIGNMENTS = ("center", "topleft")

_DTYPES: dict[str, np.dtype[Any]] = {"f32": np.dtype(np.float32), "u8": np.dtype(np.uint8)}
MAX_PIXELS = 1 << 26
"""67 million: more than the 50 of a phone, and 200 MB as RGB. A file of kilobytes can claim far more."""

_SIDE_LIMIT = 1 << 15  # larger is a slip in the manifest: 32,768 pixels squared are 3 GB


def resize(pixels: Array, width: int, height: int, filter: str = "bilinear") -> Array:
    """Pixels [height, width, channels], same dtype.

    Pixel centres are at halves: x in the result is at x * old width / new width. Raises InputError for an
    unknown filter and for sides outside 1 to 32,768.
    """
    choose("filter", filter, FILTERS)
    check_size("size", width, height)
    old_height, old_width = pixels.shape[:2]
    if (old_width, old_height) == (width, height):
        return pixels
    pillow = require("PIL.Image", "image", "resizing images")
    if filter != "linear":
        resampling = pillow.Resampling[filter.upper()]
    elif width >= old_width and height >= old_height:
        resampling = pillow.Resampling.BILINEAR  # means the same where nothing shrinks, and is fast
    else:
        return _linear(pixels, width, height, pillow)
    return through_pillow(pixels, lambda image: image.resize((width, height), resampling))


def _linear(pixels: Array, width: int, height: int, pillow: Any) -> Array:
    # An affine map looks at 2x2 pixels whatever its scale.
    old_height, old_width = pixels.shape[:2]
    to_old = (old_width / width, 0, 0, 0, old_height / height, 0)
    return through_pillow(
        pixels,
        lambda image: image.transform(
            (width, height), pillow.Transform.AFFINE, to_old, pillow.Resampling.BILINEAR
        ),
    )


def through_pillow(pixels: Array, operation: Callable[[PillowImage], PillowImage]) -> Array:
    """What an operation of Pillow's makes of pixels of any number of channels.

    u8 with 1 or 3 channels goes through at once, anything else channel by channel (four too: Pillow would
    weigh three by the last as alpha). Returns the same dtype and number of channels, read-only.
    """
    pillow = require("PIL.Image", "image", "changing images")
    channels = pixels.shape[2]
    if pixels.dtype == np.uint8 and channels == 3:
        return np.asarray(operation(pillow.fromarray(pixels)))
    planes = [np.asarray(operation(pillow.fromarray(pixels[..., i]))) for i in range(channels)]
    return planes[0][..., None] if channels == 1 else np.stack(planes, axis=2)


def scaled_size(
    width: int, height: int, *, short: int | None = None, long: int | None = None, limit: str | None = None
) -> tuple[int, int]:
    """Width and height when the shorter or the longer side becomes so long, and the other follows.

    Exactly one of short and long. limit: `min` only enlarges (the side becomes at least so long), `max` only
    shrinks. The other side is rounded down, at least 1, as torchvision's Resize and PaddleOCR do.
    """
    choose("limit", limit, (None, "min", "max"))
    name, side = ("short", min(width, height)) if short is not None else ("long", max(width, height))
    target = short if short is not None else long
    assert target is not None
    check_positive(name, target)
    if (limit == "min" and side >= target) or (limit == "max" and side <= target):
        return width, height
    return max(1, width * target // side), max(1, height * target // side)


def to_multiples(width: int, height: int, multiple: int) -> tuple[int, int]:
    """Each side rounded to a multiple, at least one of it; halves go to the even one, as in PaddleOCR."""
    check_positive("multiple", multiple)
    return max(1, round(width / multiple)) * multiple, max(1, round(height / multiple)) * multiple


def pad(pixels: Array, left: int, top: int, right: int, bottom: int, fill: float = 0.0) -> Array:
    """Margins of so many pixels around; u8 wants a fill from 0 to 255 without a fraction."""
    if pixels.dtype == np.uint8 and fill not in range(256):
        raise InputError(f"fill: {fill:g} is no value of a u8 image; give 0 to 255")
    if not (left or top or right or bottom):
        return pixels
    height, width, channels = pixels.shape
    padded = np.full((top + height + bottom, left + width + right, channels), fill, pixels.dtype)
    padded[top : top + height, left : left + width] = pixels
    return padded


def margins(width: int, height: int, into: tuple[int, int], align: str) -> tuple[int, int, int, int]:
    """left, top, right, bottom that make a picture of this size as large as `into`.

    align: `topleft` puts all of it right and below, `center` around, an odd pixel right and below.
    """
    choose("align", align, ALIGNMENTS)
    right, bottom = into[0] - width, into[1] - height
    if right < 0 or bottom < 0:
        raise InputError(
            f"size: an image of {width} x {height} does not fit into {into[0]} x {into[1]}; resize it first"
        )
    left, top = (right // 2, bottom // 2) if align == "center" else (0, 0)
    return left, top, right - left, bottom - top


def letterbox(
    pixels: Array,
    width: int,
    height: int,
    fill: float = 0.0,
    align: str = "center",
    filter: str = "bilinear",
) -> tuple[Array, Matrix]:
    """The whole picture in its shape, as large as it fits, with margins.

    Returns the pixels [height, width, channels] and the way back to the old ones. The picture's sides are
    rounded to whole pixels (halves to even); the way back is exact for what they became.
    """
    check_size("size", width, height)
    old_height, old_width = pixels.shape[:2]
    factor = min(width / old_width, height / old_height)
    inner = min(width, max(1, round(old_width * factor))), min(height, max(1, round(old_height * factor)))
    left, top, right, bottom = margins(*inner, (width, height), align)
    padded = pad(resize(pixels, *inner, filter), left, top, right, bottom, fill)
    back = geometry.scaling(old_width / inner[0], old_height / inner[1])
    return padded, geometry.compose(geometry.shift(-left, -top), back)


def lay_out(pixels: Array, to: str, dtype: str | None = None) -> Array:
    """Pixels [H, W, C] as a model takes them: contiguous, N is 1.

    to: one of LAYOUTS. dtype: `f32` keeps values, `u8` rounds and clips them; None leaves the dtype.
    """
    choose("to", to, LAYOUTS)
    choose("dtype", dtype, (None, "f32", "u8"))
    if pixels.ndim != 3:
        raise InputError(
            f"to: an image of shape {list(pixels.shape)} is laid out already; give one layout step"
        )
    turned = pixels.transpose(2, 0, 1) if to.endswith("CHW") else pixels
    if dtype == "u8" and turned.dtype != np.uint8:
        turned = np.rint(turned).clip(0, 255)
    laid_out = np.ascontiguousarray(turned, _DTYPES[dtype] if dtype else turned.dtype)
    return laid_out[None] if to.startswith("N") else laid_out


def scale_values(pixels: Array, factors: Array, offsets: Array) -> Array:
    """pixels * factors + offsets as f32; factors and offsets: f64 [1] or [channels].

    Two passes and no array but the result. Raises InputError where their length fits neither.
    """
    height, width, channels = pixels.shape
    for numbers in (factors, offsets):
        if len(numbers) not in (1, channels):
            raise InputError(
                f"{len(numbers)} values for an image of {channels} channels; give 1 or {channels}"
            )
    scaled = np.empty((height, width * channels), np.float32)
    # Rows with the factors repeated along them: numpy is four times slower where it repeats every 3 values.
    rows = pixels.reshape(height, width * channels)
    np.multiply(rows, _along_a_row(factors, width), out=scaled)
    scaled += _along_a_row(offsets, width)
    return scaled.reshape(height, width, channels)


def _along_a_row(numbers: Array, width: int) -> Array:
    single = numbers.astype(np.float32)
    return single if len(single) == 1 else np.tile(single, width)


def choose(name: str, value: str | None, allowed: tuple[str | None, ...]) -> None:
    """Raise InputError for a parameter's value that is not allowed."""
    if value not in allowed:
        known = ", ".join(str(word) for word in allowed if word is not None)
        raise InputError(f"{name}: {value!r} is not known; choose of {known}")


def check_positive(name: str, value: int) -> None:
    """Raise InputError for a parameter that must be 1 or more and is not."""
    if value < 1:
        raise InputError(f"{name}: {value} must be 1 or more")


def check_size(name: str, width: int, height: int) -> None:
    """Raise InputError for a size that no image has."""
    if not (1 <= width <= _SIDE_LIMIT and 1 <= height <= _SIDE_LIMIT):
        raise InputError(f"{name}: {width} x {height} must have sides from 1 to {_SIDE_LIMIT}")
    if width * height > MAX_PIXELS:
        raise InputError(
            f"{name}: {width} x {height} would be {width * height:,} pixels; the most are {MAX_PIXELS:,}"
        )
