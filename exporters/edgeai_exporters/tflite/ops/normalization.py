"""Normalizations, in arithmetic: TFLite has no operators of its own that fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..build import Builder
from ..graph import Tensor
from ..node import Node


def batch_normalization(b: Builder, n: Node) -> Tensor:
    """A factor and an offset by channel, which fold into the convolution in front."""
    if n.get("training_mode", 0) or any(n.outputs[1:]):
        b.refuse("it is in training mode")
    x, epsilon = n[0], n.get("epsilon", 1e-5)
    by_channel = (1, -1, *(1,) * (x.rank - 2)) if x.rank > 1 else (-1,)
    parts = [n[i] for i in range(1, 5)]
    if all(part.data is not None for part in parts):
        scale, offset, mean, variance = (np.asarray(part.data, np.float64) for part in parts)
        factor = scale / np.sqrt(variance + epsilon)
        rest = offset - mean * factor
        y = b.mul(x, b.const(factor.reshape(by_channel), x.dtype))
        return b.add(y, b.const(rest.reshape(by_channel), x.dtype))
    s, o, m, v = (b.reshape(part, [part.size if size < 0 else 1 for size in by_channel]) for part in parts)
    factor_now = b.mul(s, b.unary("RSQRT", b.add(v, epsilon)))
    return b.add(b.mul(b.sub(x, m), factor_now), o)


def layer_normalization(b: Builder, n: Node) -> list[Tensor | None]:
    """Over the axes from `axis` on."""
    x, scale, offset = n[0], n[1], n.input(2)
    axes = range(n.get("axis", -1) % x.rank, x.rank)
    wide = b.cast(x, np.float32)
    normal, mean, deviation = normalized(b, wide, list(axes), n.get("epsilon", 1e-5))
    y = b.mul(normal, b.cast(scale, np.float32))
    y = y if offset is None else b.add(y, b.cast(offset, np.float32))
    return [b.cast(y, x.dtype), mean, deviation]


def normalized(b: Builder, x: Tensor, axes: Sequence[int], epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """(x - mean) / deviation, the mean, and 1 / deviation."""
    mean = b.reduce("MEAN", x, axes)
    centred = b.sub(x, mean)
    variance = b.reduce("MEAN", b.unary("SQUARE", centred), axes)
    inverse = b.unary("RSQRT", b.add(variance, epsilon))
    return b.mul(centred, inverse), mean, inverse


def instance_normalization(b: Builder, n: Node) -> Tensor:
    """By sample and channel."""
    x = n[0]
    normal, _, _ = normalized(b, x, list(range(2, x.rank)), n.get("epsilon", 1e-5))
    shape = (1, x.shape[1], *(1,) * (x.rank - 2))
    return b.add(b.mul(normal, b.reshape(n[1], shape)), b.reshape(n[2], shape))


def group_normalization(b: Builder, n: Node) -> Tensor:
    """By sample and group of channels; the scale is by group in opset 18, by channel from 21 on."""
    x, groups = n[0], n.attributes["num_groups"]
    channels = x.shape[1]
    apart = b.reshape(x, (x.shape[0], groups, channels // groups, int(np.prod(x.shape[2:]))))
    normal, _, _ = normalized(b, apart, [2, 3], n.get("epsilon", 1e-5))
    by_group = n[1].size == groups and n.opset < 21
    shape = (1, groups, 1, 1) if by_group else (1, groups, channels // groups, 1)
    y = b.add(b.mul(normal, b.reshape(n[1], shape)), b.reshape(n[2], shape))
    return b.reshape(y, x.shape)


def lp_normalization(b: Builder, n: Node) -> Tensor:
    """Divided by the norm of an axis; what is all zero stays zero."""
    x, axis = n[0], n.get("axis", -1)
    size = b.unary("ABS", x) if n.get("p", 2) == 1 else b.unary("SQUARE", x)
    norm = b.reduce("SUM", size, [axis % x.rank])
    norm = norm if n.get("p", 2) == 1 else b.unary("SQRT", norm)
    least = b.like(norm, float(np.finfo(np.float32).tiny))
    return b.div(x, b.binary("MAXIMUM", norm, least))


def local_response(b: Builder, n: Node) -> Tensor:
    """TFLite's alpha is for a sum, ONNX's for a mean over the window."""
    x, size = n[0], n.attributes["size"]
    if size % 2 == 0:
        b.refuse("LiteRT's windows are of odd size")
    alpha = n.get("alpha", 1e-4) / size
    options: dict[str, Any] = {
        "radius": size // 2,
        "bias": n.get("bias", 1.0),
        "alpha": alpha,
        "beta": n.get("beta", 0.75),
    }
    last = b.move(x, 1, -1)
    return b.move(b.unary("LOCAL_RESPONSE_NORMALIZATION", last, **options), -1, 1)
