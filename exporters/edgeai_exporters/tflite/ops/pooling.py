"""Pooling, channels last inside."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...arrays import Array
from ..build import Builder
from ..graph import Tensor
from ..node import Node
from ..padding import SAME, VALID, same_pads
from . import Lowering
from .convolution import channels_first, channels_last, spatial_pads


def global_pool(code: str) -> Lowering:
    """Over all spatial axes."""
    return lambda b, n: b.reduce(code, n[0], range(2, n[0].rank))


def max_pool(b: Builder, n: Node) -> Tensor:
    """Padding is the least number, so that it is never the largest."""
    _refuse_indices(b, n)
    x, kernel, strides, pads = _prepare(b, n)
    dilations = [1] * (len(kernel) - len(n.get("dilations", []))) + list(
        n.get("dilations", [1] * len(kernel))
    )
    dilations = dilations[-len(kernel) :]
    if x.dtype.kind != "f":
        return _restore(
            b, n, b.cast(_max(b, b.cast(x, np.float32), kernel, strides, pads, dilations), x.dtype)
        )
    return _restore(b, n, _max(b, x, kernel, strides, pads, dilations))


def _max(
    b: Builder,
    x: Tensor,
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[tuple[int, int]],
    dilations: Sequence[int],
) -> Tensor:
    x = b.pad(x, [(0, 0), *pads, (0, 0)], float(np.finfo(np.float32).min))
    if any(d != 1 for d in dilations):
        return _shifted_max(b, x, kernel, strides, dilations)
    return _pool(b, "MAX_POOL_2D", x, kernel, strides)


def _shifted_max(
    b: Builder, x: Tensor, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Tensor:
    """A dilated window as the largest of strided views, one a tap."""
    outs = [
        (size - (k - 1) * d - 1) // s + 1
        for size, k, s, d in zip(x.shape[1:3], kernel, strides, dilations, strict=True)
    ]
    views = []
    for taps in itertools.product(*(range(k) for k in kernel)):
        begin = [0, *(tap * d for tap, d in zip(taps, dilations, strict=True)), 0]
        ends = [start + (out - 1) * s + 1 for start, out, s in zip(begin[1:3], outs, strides, strict=True)]
        end, steps = [x.shape[0], *ends, x.shape[3]], [1, *strides, 1]
        inputs = [x, *(b.const(part, np.int32) for part in (begin, end, steps))]
        views.append(b.op("STRIDED_SLICE", inputs, [x.shape[0], *outs, x.shape[3]]))
    return functools.reduce(functools.partial(b.binary, "MAXIMUM"), views)


def average_pool(b: Builder, n: Node) -> Tensor:
    """TFLite divides by the window; where ONNX divides by less, a factor by place makes up for it."""
    x, kernel, strides, pads = _prepare(b, n)
    dilations = n.get("dilations", [1])
    if any(d != 1 for d in dilations):
        b.refuse("LiteRT has no dilated average pooling")
    given = spatial_pads(b, n, n[0].shape[2:], n.attributes["kernel_shape"])
    given = [(0, 0)] * (2 - len(given)) + given
    include = bool(n.get("count_include_pad", 0))
    same = [same_pads(size, k, s, 1) for size, k, s in zip(x.shape[1:3], kernel, strides, strict=True)]
    if pads == given == same and not include:  # which is how TFLite divides at the edges
        return _restore(b, n, _pool(b, "AVERAGE_POOL_2D", x, kernel, strides, SAME))
    y = _pool(b, "AVERAGE_POOL_2D", b.pad(x, [(0, 0), *pads, (0, 0)]), kernel, strides)
    counts = _counts(x.shape[1:3], y.shape[1:3], kernel, strides, given, include)
    window = int(np.prod(kernel))
    if np.any(counts != window):
        y = b.mul(y, b.const((window / counts)[None, :, :, None], np.float32))
    return _restore(b, n, y)


def _counts(
    sizes: Sequence[int],
    outs: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[tuple[int, int]],
    include: bool,
) -> Array:
    """By how many elements each output is divided: those of the input, with `include` the padding's too, but
    never what ceil_mode reaches for beyond it.
    """
    axes = []
    for size, out, k, s, (before, after) in zip(sizes, outs, kernel, strides, pads, strict=True):
        start = np.arange(out) * s - before
        low, high = (-before, size + after) if include else (0, size)
        axes.append(np.minimum(start + k, high) - np.maximum(start, low))
    return np.asarray(np.outer(axes[0], axes[1]))


def lp_pool(b: Builder, n: Node) -> Tensor:
    """(sum |x|^p)^(1/p) by way of the average."""
    p = float(n.get("p", 2))
    x, kernel, strides, pads = _prepare(b, n)
    if any(d != 1 for d in n.get("dilations", [1])):
        b.refuse("LiteRT has no dilated pooling of this kind")
    size = b.unary("SQUARE", x) if p == 2 else b.binary("POW", b.unary("ABS", x), b.like(x, p))
    y = _pool(b, "AVERAGE_POOL_2D", b.pad(size, [(0, 0), *pads, (0, 0)]), kernel, strides)
    y = b.mul(y, float(np.prod(kernel)))
    y = b.unary("SQRT", y) if p == 2 else b.binary("POW", y, b.like(y, 1 / p))
    return _restore(b, n, y)


def _prepare(b: Builder, n: Node) -> tuple[Tensor, list[int], list[int], list[tuple[int, int]]]:
    """The input channels last with two spatial axes, and the padding that its windows need."""
    x, kernel = channels_last(b, n[0]), list(n.attributes["kernel_shape"])
    rank = len(kernel)
    if rank > 2:
        b.refuse(f"LiteRT has no pooling over {rank} axes")
    strides, dilations = list(n.get("strides", [1] * rank)), list(n.get("dilations", [1] * rank))
    pads = spatial_pads(b, n, n[0].shape[2:], kernel)
    for i, (size, out) in enumerate(zip(n[0].shape[2:], n.shape[2:], strict=True)):
        if out == 1 and dilations[i] == 1 and kernel[i] > size + sum(pads[i]):
            kernel[i] = strides[i] = size + sum(pads[i])  # a larger window sees no more than there is
    reach = [
        (before, max((out - 1) * s + (k - 1) * d + 1 - size - before, 0))  # ceil_mode reaches further
        for out, s, k, d, size, (before, _) in zip(
            n.shape[2:], strides, kernel, dilations, n[0].shape[2:], pads, strict=True
        )
    ]
    if rank == 1:
        x = b.reshape(x, (x.shape[0], 1, x.shape[1], x.shape[2]))
        kernel, strides, reach = [1, *kernel], [1, *strides], [(0, 0), *reach]
    return x, kernel, strides, reach


def _pool(
    b: Builder, code: str, x: Tensor, kernel: Sequence[int], strides: Sequence[int], padding: int = VALID
) -> Tensor:
    reach = [0, 0] if padding == SAME else [k - 1 for k in kernel]
    outs = [-(-(size - r) // s) for size, r, s in zip(x.shape[1:3], reach, strides, strict=True)]
    options: dict[str, Any] = {
        "filterHeight": kernel[0],
        "filterWidth": kernel[1],
        "strideH": strides[0],
        "strideW": strides[1],
    }
    return b.op(code, [x], [x.shape[0], *outs, x.shape[3]], padding=padding, **options)


def _restore(b: Builder, n: Node, y: Tensor) -> Tensor:
    if n[0].rank == 3:
        y = b.reshape(y, (y.shape[0], y.shape[2], y.shape[3]))
    return channels_first(b, y)


def _refuse_indices(b: Builder, n: Node) -> None:
    if len(n.outputs) > 1 and n.outputs[1]:
        b.refuse("LiteRT's pooling gives no indices")
