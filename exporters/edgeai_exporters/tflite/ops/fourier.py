"""Fourier transforms as products with constant matrices; of a sound, as a strided convolution."""

from __future__ import annotations

import numpy as np

from ...arrays import Array
from ..build import Builder
from ..graph import Tensor
from ..node import Node
from ..padding import VALID
from .matmul import fully_connected


def dft(b: Builder, n: Node) -> Tensor:
    """Over one axis; the last axis is real and imaginary part, or the real part alone."""
    x = n[0]
    axis = _axis(n) % x.rank
    length = n.array(1, "dft_length")
    size = x.shape[axis] if length is None else int(length.reshape(()))
    x = _of_length(b, x, axis, size)
    parts = x.shape[-1]
    is_onesided, is_inverse = bool(n.get("onesided", 0)), bool(n.get("inverse", 0))
    matrix = _real_matrix(size, parts, is_onesided=is_onesided, is_inverse=is_inverse)
    outs = n.shape[-1]
    moved = b.move(x, axis, -2)
    flat = b.reshape(moved, (*moved.shape[:-2], size * parts))
    y = fully_connected(b, flat, b.const(matrix, np.float32), None)
    y = b.reshape(y, (*moved.shape[:-2], matrix.shape[0] // outs, outs))
    return b.move(y, -2, axis)


def _axis(n: Node) -> int:
    if n.opset < 20:
        return int(n.get("axis", 1))
    axis = n.array(2, "axis")
    return -2 if axis is None else int(axis.reshape(()))


def _of_length(b: Builder, x: Tensor, axis: int, size: int) -> Tensor:
    """Cut, or filled up with zeros."""
    if x.shape[axis] >= size:
        return b.take(x, axis, 0, size)
    pads = [(0, 0)] * x.rank
    pads[axis] = (0, size - x.shape[axis])
    return b.pad(x, pads)


def _real_matrix(size: int, parts: int, *, is_onesided: bool, is_inverse: bool) -> Array:
    """From pairs (or reals) to pairs (or reals), row by row: angles a give [[cos, -sin], [sin, cos]].

    A onesided inverse takes half of a spectrum, whose other half is its mirror image, to reals.
    """
    sign = 1 if is_inverse else -1
    if is_inverse and is_onesided:
        return _from_half(size)
    outs = size // 2 + 1 if is_onesided else size
    angle = sign * 2 * np.pi * np.outer(np.arange(outs), np.arange(size)) / size
    scale = 1 / size if is_inverse else 1.0
    rows = np.stack(
        [np.stack([np.cos(angle), -np.sin(angle)], -1), np.stack([np.sin(angle), np.cos(angle)], -1)], 1
    )
    return np.asarray(rows[..., :parts].reshape(outs * 2, size * parts) * scale)


def _from_half(bins: int) -> Array:
    """Reals of a spectrum of bins 0 .. size / 2; the bins between count twice."""
    size = 2 * (bins - 1)
    angle = 2 * np.pi * np.outer(np.arange(size), np.arange(bins)) / size
    twice = np.full(bins, 2.0)
    twice[[0, -1]] = 1
    rows = np.stack([np.cos(angle) * twice, -np.sin(angle) * twice], -1)
    return np.asarray(rows.reshape(size, bins * 2) / size)


def stft(b: Builder, n: Node) -> Tensor:
    """Windows of a real sound, each transformed: one convolution whose kernels are waves."""
    x, step, window, length = n[0], n.array(1, "frame_step"), n.array(2, "window"), n.array(3, "frame_length")
    assert step is not None
    if x.rank == 3 and x.shape[2] != 1:
        b.refuse("the sound must be real")
    size = int(length.reshape(())) if length is not None else 0 if window is None else window.size
    shape = np.ones(size) if window is None else np.asarray(window, np.float64).reshape(-1)
    bins = n.shape[2]
    angle = -2 * np.pi * np.outer(np.arange(bins), np.arange(size)) / size
    waves = np.stack([np.cos(angle), np.sin(angle)], 1) * shape  # bins, parts, size
    batch, frames = n.shape[:2]
    sound = b.reshape(b.cast(x, np.float32), (batch, 1, x.shape[1], 1))
    kernel = b.const(waves.reshape(2 * bins, 1, size, 1), np.float32)
    bias = b.const(np.zeros(2 * bins), np.float32)
    stride = int(step.reshape(()))
    y = b.op(
        "CONV_2D",
        [sound, kernel, bias],
        (batch, 1, frames, 2 * bins),
        padding=VALID,
        strideH=1,
        strideW=stride,
    )
    return b.cast(b.reshape(y, n.shape), x.dtype)
