"""Noise instead of data: it finds out ranges of a sort, and says nothing of quality."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeai.bundle import NUMPY_DTYPES, TensorSpec

from ..arrays import Array, Feed
from . import Data
from .checks import checked_feed
from .options import DataOptions

_COUNT = 32
"""Samples where no number is asked for: more noise of one kind tells nothing new."""
_OPEN_SIZE = 32
"""Of a dimension that is open and is no batch."""


def open_random(spec: str, inputs: Sequence[TensorSpec], options: DataOptions) -> Data:
    """Feeds of noise: floats uniform in [0, 1), as pictures are; whole numbers 0 or 1, since a larger one may
    be no token; open sizes 32, the first 1. The same for the same seed, sample by sample."""
    count = options.limit or _COUNT

    def feed(row: int) -> Feed:
        random = np.random.default_rng([options.seed, row])
        return checked_feed({each.name: _noise(each, random) for each in inputs}, inputs, "noise")

    return Data(
        count=count,
        feed=feed,
        told=f"NOISE (seed {options.seed}), which proves nothing",
        kind="random",
        names=[f"noise {row}" for row in range(count)],
    )


def _noise(spec: TensorSpec, random: np.random.Generator) -> Array:
    shape = tuple(
        size if isinstance(size, int) else 1 if axis == 0 else _OPEN_SIZE
        for axis, size in enumerate(spec.shape)
    )
    dtype = np.dtype("float32" if spec.quantization else NUMPY_DTYPES[spec.dtype])
    if dtype.kind == "f":
        return random.random(shape).astype(dtype)
    if dtype.kind == "O":
        return np.full(shape, "", object)
    noise: Array = random.integers(0, 2, shape).astype(dtype)
    return noise
