"""Photos that ship inside scikit-image, whole and in parts, as u8 [height, width, 3]. None is fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]


def photo(name: str) -> Pixels:
    """One of PHOTOS."""
    return np.ascontiguousarray(PHOTOS[name]())


def _astronaut() -> Pixels:
    return _of("astronaut")


def _of(name: str) -> Pixels:
    import skimage.data

    pixels: Pixels = getattr(skimage.data, name)()
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., np.newaxis], 3, axis=2)


def _several() -> Pixels:
    """Four faces beside each other, two of them mirrored."""
    head = _astronaut()[40:220, 136:316]
    return np.concatenate([np.concatenate([head, head[:, ::-1]], axis=1)] * 2)


PHOTOS: dict[str, Callable[[], Pixels]] = {
    "astronaut": _astronaut,
    "astronaut, upper half": lambda: _astronaut()[:256],
    "astronaut, a narrow strip": lambda: _astronaut()[:, 130:301],
    "astronaut, close by": lambda: _astronaut()[0:220, 120:320],
    # An odd margin: of 220 x 240 the package makes one of int(9.99...) = 9 pixels, and takes 10 off again.
    "astronaut, cut off": lambda: _astronaut()[60:303, 200:420],
    "astronaut, odd and small": lambda: _astronaut()[:301:3, 1:500:3],
    "astronaut, four times": _several,
    # A photographer and a cat, who both have faces, and photos without any.
    "camera": lambda: _of("camera"),
    "chelsea": lambda: _of("chelsea"),
    "coffee": lambda: _of("coffee"),
    "coins": lambda: _of("coins"),
    "rocket": lambda: _of("rocket"),
    "moon": lambda: _of("moon"),
    "text": lambda: _of("text"),
}
