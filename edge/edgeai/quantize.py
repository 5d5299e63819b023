"""Real values to the integers that a quantized model stores, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .bundle import NUMPY_DTYPES, TensorSpec
from .errors import InputError

if TYPE_CHECKING:
    from .backends import Array


class Quantizer:
    """Converts the arrays of one tensor; keeps nothing between calls, so that threads may share it."""

    def __init__(self, spec: TensorSpec) -> None:
        assert spec.quantization is not None
        self._name = spec.name
        self._scale = np.float32(spec.quantization.scale)
        self._zero_point = np.float32(spec.quantization.zero_point)
        self._dtype = np.dtype(NUMPY_DTYPES[spec.dtype])
        limits = np.iinfo(self._dtype)
        self._low, self._high = np.float32(limits.min), np.float32(limits.max)

    def to_raw(self, real: Array) -> Array:
        """round(real / scale) + zero_point, clipped to the integer's range.

        real: float32 of any shape. Rounds half to even, as numpy does; TFLite's QUANTIZE rounds half away
        from zero, which differs by one step on exact ties only. Raises InputError for NaN.
        """
        # Into an array: without `out`, numpy makes a scalar of what has no dimensions.
        steps = np.divide(real, self._scale, out=np.empty(real.shape, np.float32))
        np.rint(steps, out=steps)
        steps += self._zero_point
        np.maximum(steps, self._low, out=steps)
        np.minimum(steps, self._high, out=steps)
        if steps.size and np.isnan(steps.sum()):
            raise InputError(f"input {self._name!r} holds NaN, which no {self._dtype} can stand for")
        return steps.astype(self._dtype)

    def to_real(self, raw: Array) -> Array:
        """(raw - zero_point) * scale as float32."""
        real = raw.astype(np.float32)
        real -= self._zero_point
        real *= self._scale
        return real


def quantizers(specs: tuple[TensorSpec, ...]) -> dict[str, Any]:
    """A Quantizer by name for each tensor that is quantized."""
    return {spec.name: Quantizer(spec) for spec in specs if spec.quantization is not None}
