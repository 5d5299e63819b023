"""Image files, bytes, Pillow images and arrays to RGB pixels, upright as a viewer shows them."""

from __future__ import annotations

import io
import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, one_line
from ..extras import require
from . import geometry
from .geometry import Array, Matrix
from .image import MAX_PIXELS

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

# What cameras, scanners and browsers write: Pillow's other readers are rarely attacked and mended, and that
# for EPS starts Ghostscript. The first five load no further plug-ins.
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "WEBP", "TIFF")

_ORIENTATION_TAG = 0x0112  # EXIF 2.3, 4.6.4
# What turns stored pixels upright: mirrored left to right first?, then how many quarter turns clockwise?
_UPRIGHT = {
    2: (True, 0),
    3: (False, 2),
    4: (True, 2),
    5: (True, 3),
    6: (False, 1),
    7: (True, 1),
    8: (False, 3),
}


@dataclass(frozen=True)
class Decoded:
    """pixels: u8 [height, width, 3] RGB, upright; read-only where they are the caller's or Pillow's.

    size: width and height of the upright source. to_source: f64 [2, 3] from these pixels to the source's,
    which differ where a JPEG was decoded smaller.
    """

    pixels: Array
    size: tuple[int, int]
    to_source: Matrix


def decode(source: Any, *, at_least: tuple[int, int] | None = None) -> Decoded:
    """The first picture in a source, upright by its EXIF orientation.

    source: a path; the bytes of a file; a Pillow image; or an array u8 [H, W] grey or [H, W, 1 | 3 | 4] grey,
        RGB or RGBA. Transparent parts become white, 16-bit grey keeps its upper 8 bits (rounded).
    at_least: width and height that a JPEG may be shrunk to by 2, 4 or 8 while it is decoded, which saves time
        and memory on photos far larger than the model's input; the result is no smaller, and other formats
        come whole.
    Raises InputError for what is damaged, cut short, no image, or larger than MAX_PIXELS.
    """
    if isinstance(source, np.ndarray):
        return _whole(_from_array(source))
    if _is_pillow(source):
        return _from_pillow(source, "the Pillow image", None)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _from_file(io.BytesIO(source), f"the image of {len(source):,} bytes", at_least)
    if not isinstance(source, (str, os.PathLike)):
        raise InputError(
            f"no image: {type(source).__name__}; give a path, a file's bytes, a Pillow image or a u8 array"
        )
    name = one_line(os.fspath(source))
    try:
        with Path(source).open("rb") as file:
            return _from_file(file, name, at_least)
    except InputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or one_line(error)
        raise InputError(f"{name} cannot be read: {reason}; check the path") from error


def _from_array(array: Array) -> Array:
    if array.dtype != np.uint8 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))):
        raise InputError(
            f"no image: {array.dtype} array of shape {list(array.shape)}; give uint8 [height, width] or "
            "[height, width, 1, 3 or 4 channels]"
        )
    if not array.size:
        raise InputError(f"an image of shape {list(array.shape)} has no pixels")
    if array.ndim == 3 and array.shape[2] == 4:
        return _on_white(array)
    return np.asarray(array if array.ndim == 3 and array.shape[2] == 3 else _grey(array))


def _grey(values: Array) -> Array:
    return np.repeat(values.reshape(*values.shape[:2], 1), 3, axis=2)


def _on_white(rgba: Array) -> Array:
    """round(color * alpha + 255 * (1 - alpha)), exactly."""
    alpha = rgba[..., 3:]
    if alpha.min() == 255:
        return np.ascontiguousarray(rgba[..., :3])
    blend: Any = rgba[..., :3].astype(np.uint16)
    blend *= alpha
    blend += 255 * (255 - alpha.astype(np.uint16)) + 127  # at most 255 * 255 + 127, which fits
    blend //= 255
    return np.asarray(blend, np.uint8)


def _is_pillow(source: Any) -> bool:
    pillow = sys.modules.get("PIL.Image")  # without it, nobody made one
    return pillow is not None and isinstance(source, pillow.Image)


def _from_file(file: Any, name: str, at_least: tuple[int, int] | None) -> Decoded:
    pillow = require("PIL.Image", "image", "decoding images")
    try:
        with warnings.catch_warnings():  # our own limit is lower, and an error
            warnings.simplefilter("ignore", pillow.DecompressionBombWarning)
            image = pillow.open(file, formats=_FORMATS)
    except pillow.DecompressionBombError as error:
        raise InputError(f"{name} has too many pixels: {one_line(error)}; shrink it first") from error
    except pillow.UnidentifiedImageError as error:
        raise InputError(f"{name} is no image or damaged; these are read: {', '.join(_FORMATS)}") from error
    except Exception as error:
        raise _damaged(name, error) from error
    with image:
        return _from_pillow(image, name, at_least)


def _from_pillow(image: PillowImage, name: str, at_least: tuple[int, int] | None) -> Decoded:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InputError(f"{name} is {width} x {height}, over {MAX_PIXELS:,} pixels; shrink it first")
    if not width * height:
        raise InputError(f"{name} is {width} x {height}: it has no pixels")
    try:
        shrunk = _draft(image, at_least)
        pixels = _to_rgb(image, name)
        mirrored, turns = _orientation(image)
    except InputError:
        raise
    except Exception as error:
        raise _damaged(name, error) from error
    if shrunk == 1:  # before Pillow 11, a TIFF's size is told only once it is loaded
        height, width = pixels.shape[:2]
    return _upright(pixels, (width, height), shrunk, mirrored, turns)


def _damaged(name: str, error: Exception) -> InputError:
    """Pillow's readers let through whatever they stumble over: OSError, SyntaxError, struct.error, ..."""
    return InputError(f"{name} is damaged: {one_line(error) or type(error).__name__}; open it in a viewer")


def _draft(image: PillowImage, at_least: tuple[int, int] | None) -> int:
    """Have a JPEG decoded smaller; returns how many source pixels one pixel spans each way."""
    if at_least is None or image.format not in ("JPEG", "MPO"):
        return 1
    width = image.size[0]
    turned = _orientation(image)[1] % 2 == 1
    done = image.draft(None, at_least[::-1] if turned else at_least)  # None keeps the mode
    return 1 if done is None else round(width / done[1][2])


def _orientation(image: PillowImage) -> tuple[bool, int]:
    return _UPRIGHT.get(image.getexif().get(_ORIENTATION_TAG, 1), (False, 0))


def _to_rgb(image: PillowImage, name: str) -> Array:
    mode = image.mode
    if mode.startswith("I"):  # I;16, I;16B, ... and I, which older Pillows make of 16-bit files
        return _grey(_upper_bits(np.asarray(image)))
    if mode == "F":
        raise InputError(f"{name} holds floating-point pixels, whose range nobody knows; save it with 8 bits")
    if mode in ("RGBA", "LA", "PA", "RGBa") or "transparency" in image.info:
        return _on_white(np.asarray(image.convert("RGBA")))
    return np.asarray(image if mode == "RGB" else image.convert("RGB"))


def _upper_bits(values: Array) -> Array:
    """round(value / 257): 65535 becomes 255."""
    return ((np.clip(values, 0, 65535).astype(np.uint32) + 128) // 257).astype(np.uint8)


def _whole(pixels: Array) -> Decoded:
    height, width = pixels.shape[:2]
    return Decoded(pixels, (width, height), geometry.identity())


def _upright(pixels: Array, stored: tuple[int, int], shrunk: int, mirrored: bool, turns: int) -> Decoded:
    """stored: width and height in the file, of which `pixels` are the part 1 / shrunk."""
    height, width = pixels.shape[:2]
    to_stored = geometry.compose(
        geometry.from_turned(width, height, mirrored, turns), geometry.scaling(shrunk, shrunk)
    )
    to_upright = geometry.invert(geometry.from_turned(*stored, mirrored, turns))
    size = stored if turns % 2 == 0 else (stored[1], stored[0])
    if mirrored:
        pixels = pixels[:, ::-1]
    return Decoded(np.rot90(pixels, -turns), size, geometry.compose(to_stored, to_upright))
