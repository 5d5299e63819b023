"""Convolutions: channels last inside, channels first around; rewrites/layout.py takes most transposes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...arrays import Array
from ..build import Builder
from ..graph import Tensor
from ..node import Node
from ..padding import SAME, VALID, same_pads


def channels_last(b: Builder, x: Tensor) -> Tensor:
    """N, C, ... to N, ..., C."""
    return b.move(x, 1, -1)


def channels_first(b: Builder, x: Tensor) -> Tensor:
    """N, ..., C to N, C, ..."""
    return b.move(x, -1, 1)


def spatial_pads(b: Builder, n: Node, sizes: Sequence[int], kernel: Sequence[int]) -> list[tuple[int, int]]:
    """Padding before and after of each spatial axis, of `pads` or `auto_pad`."""
    rank = len(kernel)
    auto, strides = n.get("auto_pad", "NOTSET"), n.get("strides", [1] * rank)
    dilations = n.get("dilations", [1] * rank)
    if auto == "VALID":
        return [(0, 0)] * rank
    if auto in {"SAME_UPPER", "SAME_LOWER"}:
        return [
            same_pads(*axis, lower=auto == "SAME_LOWER")
            for axis in zip(sizes, kernel, strides, dilations, strict=True)
        ]
    pads = n.get("pads", [0] * (2 * rank))
    return list(zip(pads[:rank], pads[rank:], strict=True))


def convolution(b: Builder, n: Node) -> Tensor:
    """One, two or three spatial axes; one is run as two."""
    x, weights, bias = n[0], n[1], n.input(2)
    rank = weights.rank - 2
    strides, dilations = n.get("strides", [1] * rank), n.get("dilations", [1] * rank)
    pads = spatial_pads(b, n, x.shape[2:], weights.shape[2:])
    if rank == 1:
        x = b.reshape(channels_last(b, x), (x.shape[0], 1, x.shape[2], x.shape[1]))
        weights = b.reshape(weights, (*weights.shape[:2], 1, weights.shape[2]))
        strides, dilations, pads = [1, *strides], [1, *dilations], [(0, 0), *pads]
    elif rank in {2, 3}:
        x = channels_last(b, x)
    else:
        b.refuse(f"LiteRT has no convolution over {rank} axes")
    x = b.pad(x, [(0, 0), *pads, (0, 0)])
    y = _convolve(b, n, x, weights, strides, dilations)
    y = _with_bias(b, y, bias, weights.shape[0])
    if rank == 1:
        y = b.reshape(y, (y.shape[0], y.shape[2], y.shape[3]))
    return channels_first(b, y)


def _with_bias(b: Builder, y: Tensor, bias: Tensor | None, channels: int) -> Tensor:
    """Into the operator where it is a constant, else added."""
    op = b.graph.maker(y)
    if bias is None:
        return y
    if bias.data is None or op is None or op.code in {"CAST", "CONV_3D"}:
        return b.add(y, bias)
    b.graph.set_input(op, 2, b.const(bias.data.reshape(channels), np.float32))
    return y


def _convolve(
    b: Builder,
    n: Node,
    x: Tensor,
    weights: Tensor,
    strides: Sequence[int],
    dilations: Sequence[int],
) -> Tensor:
    """x is channels last and padded; weights are O, I / group, ... as in ONNX."""
    group, out = n.get("group", 1), weights.shape[0]
    spatial = [
        (size - (k - 1) * d - 1) // s + 1
        for size, k, s, d in zip(x.shape[1:-1], weights.shape[2:], strides, dilations, strict=True)
    ]
    shape = [x.shape[0], *spatial, out]
    bias, weights = b.const(np.zeros(out, np.float32)), b.cast(weights, np.float32)
    if weights.rank == 5:
        return _convolve_3d(b, x, weights, strides, dilations, shape, group)
    options: dict[str, Any] = {
        "padding": VALID,
        "strideH": strides[0],
        "strideW": strides[1],
        "dilationHFactor": dilations[0],
        "dilationWFactor": dilations[1],
    }
    if group > 1 and group == x.shape[-1]:
        kernel = b.reshape(b.transpose(weights, (1, 2, 3, 0)), (1, *weights.shape[2:], out))
        multiplier = out // group
        return b.op("DEPTHWISE_CONV_2D", [x, kernel, bias], shape, depthMultiplier=multiplier, **options)
    return b.op("CONV_2D", [x, b.transpose(weights, (0, 2, 3, 1)), bias], shape, **options)


def _convolve_3d(
    b: Builder,
    x: Tensor,
    weights: Tensor,
    strides: Sequence[int],
    dilations: Sequence[int],
    shape: Sequence[int],
    group: int,
) -> Tensor:
    if group != 1 or any(d != 1 for d in dilations):
        b.refuse("LiteRT's convolution over three axes has neither groups nor dilations")
    options: dict[str, Any] = dict(zip(("strideD", "strideH", "strideW"), strides, strict=True))
    return b.op("CONV_3D", [x, b.transpose(weights, (2, 3, 4, 1, 0))], shape, padding=VALID, **options)


def transposed_convolution(b: Builder, n: Node) -> Tensor:
    """All that overlaps, then the padding cropped away. Dilated or grouped weights get zeros between."""
    weights = n.array(1, "weights")
    assert weights is not None
    x, rank = channels_last(b, n[0]), weights.ndim - 2
    strides, wanted = list(n.get("strides", [1] * rank)), list(n.shape[2:])
    weights = _dilated(_ungrouped(weights, n.get("group", 1)), n.get("dilations", [1] * rank))
    before = _cropped_before(n, x.shape[1:-1], weights.shape[2:], strides)
    if rank == 1:
        x = b.reshape(x, (x.shape[0], 1, x.shape[1], x.shape[2]))
        weights, strides, before, wanted = weights[:, :, None], [1, *strides], [0, *before], [1, *wanted]
    elif rank != 2:
        b.refuse(f"LiteRT has no transposed convolution over {rank} axes in this form")
    y = _scatter(b, x, weights, strides, before, wanted, n.input(2))
    if rank == 1:
        y = b.reshape(y, (y.shape[0], y.shape[2], y.shape[3]))
    return channels_first(b, y)


def _ungrouped(weights: Array, group: int) -> Array:
    """Weights I, O / group, ... of a grouped one as I, O, ... with zeros between groups."""
    ins, outs = weights.shape[0] // group, weights.shape[1]
    dense = np.zeros((weights.shape[0], outs * group, *weights.shape[2:]), weights.dtype)
    for g in range(group):
        dense[g * ins : (g + 1) * ins, g * outs : (g + 1) * outs] = weights[g * ins : (g + 1) * ins]
    return dense


def _dilated(weights: Array, dilations: Sequence[int]) -> Array:
    """With zeros between the taps."""
    spread = [(k - 1) * d + 1 for k, d in zip(weights.shape[2:], dilations, strict=True)]
    wide = np.zeros((*weights.shape[:2], *spread), weights.dtype)
    taps = (slice(None), slice(None), *(slice(None, None, d) for d in dilations))
    wide[taps] = weights
    return wide


def _cropped_before(
    n: Node, sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int]
) -> list[int]:
    """How much of what overlaps is cropped at the start of each axis, by ONNX's rules for ConvTranspose."""
    rank, auto = len(kernel), n.get("auto_pad", "NOTSET")
    if auto == "VALID":
        return [0] * rank
    if auto == "NOTSET" and "output_shape" not in n.attributes:
        return list(n.get("pads", [0] * (2 * rank)))[:rank]
    extra = n.get("output_padding", [0] * rank)
    totals = [
        max((size - 1) * s + e + k - out, 0)
        for size, s, e, k, out in zip(sizes, strides, extra, kernel, n.shape[2:], strict=True)
    ]
    return [total // 2 if auto == "SAME_UPPER" else total - total // 2 for total in totals]


def _scatter(
    b: Builder,
    x: Tensor,
    weights: Array,
    strides: Sequence[int],
    before: Sequence[int],
    wanted: Sequence[int],
    bias: Tensor | None,
) -> Tensor:
    """What overlaps from `before` on, as much as is wanted; beyond its end there is only the bias."""
    full = [(i - 1) * s + k for i, s, k in zip(x.shape[1:3], strides, weights.shape[2:], strict=True)]
    totals = [f - w for f, w in zip(full, wanted, strict=True)]
    is_same = all(w == i * s for w, i, s in zip(wanted, x.shape[1:3], strides, strict=True)) and all(
        total >= 0 and start == total // 2 for total, start in zip(totals, before, strict=True)
    )
    beyond = [max(start + w - f, 0) for start, w, f in zip(before, wanted, full, strict=True)]
    is_late = any(beyond) or (bias is not None and bias.data is None)
    channels = weights.shape[1]
    early = np.zeros(channels) if bias is None or is_late or bias.data is None else bias.data
    shape = [x.shape[0], *(wanted if is_same else full), channels]
    kernel = b.const(np.ascontiguousarray(weights.transpose(1, 2, 3, 0)), np.float32)
    inputs = [b.const(shape, np.int32), kernel, x, b.const(early, np.float32)]
    options: dict[str, Any] = {
        "padding": SAME if is_same else VALID,
        "strideH": strides[0],
        "strideW": strides[1],
    }
    y = b.op("TRANSPOSE_CONV", inputs, shape, data=(2,), **options)
    if not is_same:
        inside = [w - e for w, e in zip(wanted, beyond, strict=True)]
        y = b.slice(y, [0, *before, 0], [x.shape[0], *inside, channels])
        y = b.pad(y, [(0, 0), *((0, e) for e in beyond), (0, 0)])
    return b.add(y, bias) if is_late and bias is not None else y
