"""Resizing: the coordinate rules that TFLite has, and constant weights for linear ones that it lacks."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays import Array
from ..build import Builder
from ..graph import Tensor
from ..node import Node
from .shape import gather_axis


def resize(b: Builder, n: Node) -> Tensor:
    """Nearest and linear; others are refused."""
    x, mode = n[0], n.get("mode", "nearest")
    if tuple(n.shape) == x.shape:
        return x
    if mode not in {"nearest", "linear"} or n.get("antialias", 0):
        b.refuse(f"LiteRT does not resize by {mode!r}{' with antialias' if n.get('antialias', 0) else ''}")
    rule = (
        n.get("coordinate_transformation_mode", "half_pixel")
        if n.op == "Resize" and n.opset > 10
        else "asymmetric"
    )
    if rule == "tf_crop_and_resize":
        b.refuse("LiteRT does not crop and resize at once")
    scales = _scales(n)
    if mode == "nearest":
        return _nearest(b, n, x, rule, scales)
    return _linear(b, n, x, rule, scales)


def _scales(n: Node) -> list[float]:
    """By axis, as given; where sizes are given, their ratio."""
    index = 1 if n.op == "Upsample" or n.opset < 11 else 2
    given = n.array(index, "scales") if "scales" not in n.attributes else np.asarray(n.attributes["scales"])
    axes = n.get("axes", list(range(n[0].rank)))
    ratio = [out / size for out, size in zip(n.shape, n[0].shape, strict=True)]
    if given is not None and given.size:
        for axis, scale in zip(axes, given.reshape(-1), strict=True):
            ratio[axis % len(ratio)] = float(scale)
    return ratio


def _places(n: Node, axis: int, rule: str, scale: float) -> Array:
    """Where each output lies in the input, by ONNX's formulas for coordinate_transformation_mode."""
    size, out = n[0].shape[axis], n.shape[axis]
    at = np.arange(out, dtype=np.float64)
    middles = (at + 0.5) / scale
    reach = size * scale - 1
    rules = {
        "asymmetric": at / scale,
        "align_corners": at * (size - 1) / reach if reach > 0 and out > 1 else 0 * at,
        "half_pixel": middles - 0.5,
        "pytorch_half_pixel": middles - 0.5 if out > 1 else 0 * at,
        "tf_half_pixel_for_nn": middles,
        "half_pixel_symmetric": size / 2 * (1 - out / (scale * size)) + middles - 0.5,
    }
    if rule not in rules:
        n.builder.refuse(f"the coordinates {rule!r} are not written")
    return rules[rule]


def _nearest(b: Builder, n: Node, x: Tensor, rule: str, scales: list[float]) -> Tensor:
    """Whole factors of images by RESIZE_NEAREST_NEIGHBOR, whatever else by constant places."""
    rounding = n.get("nearest_mode", "round_prefer_floor") if n.op == "Resize" and n.opset > 10 else "floor"
    chosen = {
        axis: _rounded(_places(n, axis, rule, scales[axis]), rounding, x.shape[axis])
        for axis in range(x.rank)
        if n.shape[axis] != x.shape[axis] or scales[axis] != 1
    }
    if x.rank == 4 and set(chosen) <= {2, 3} and all(_is_repeat(p, x.shape[a]) for a, p in chosen.items()):
        last = b.move(x, 1, -1)
        size = b.const(n.shape[2:], np.int32)
        shape = (x.shape[0], *n.shape[2:], x.shape[1])
        options: dict[str, Any] = {"alignCorners": False, "halfPixelCenters": False}
        return b.move(b.op("RESIZE_NEAREST_NEIGHBOR", [last, size], shape, **options), -1, 1)
    for axis, places in chosen.items():
        x = gather_axis(b, x, b.const(places, np.int32), axis)
    return x


def _is_repeat(places: Array, size: int) -> bool:
    """Each element a whole number of times: what TFLite's floor of i * in / out gives too."""
    times, rest = divmod(len(places), size)
    return rest == 0 and bool(np.array_equal(places, np.arange(size).repeat(times)))


def _rounded(places: Array, rounding: str, size: int) -> Array:
    near = {
        "round_prefer_floor": np.ceil(places - 0.5),
        "round_prefer_ceil": np.floor(places + 0.5),
        "floor": np.floor(places),
        "ceil": np.ceil(places),
    }[rounding]
    return np.asarray(np.clip(near, 0, size - 1), np.int32)


def _linear(b: Builder, n: Node, x: Tensor, rule: str, scales: list[float]) -> Tensor:
    """Images by RESIZE_BILINEAR where its rules are meant, else a constant matrix an axis."""
    chosen = [axis for axis in range(x.rank) if n.shape[axis] != x.shape[axis] or scales[axis] != 1]
    is_plain = all(abs(scales[a] - n.shape[a] / x.shape[a]) < 1e-6 for a in chosen)
    is_half = rule == "half_pixel" or (rule == "pytorch_half_pixel" and all(n.shape[a] > 1 for a in chosen))
    if (
        x.rank == 4
        and set(chosen) <= {2, 3}
        and is_plain
        and (is_half or rule in {"align_corners", "asymmetric"})
    ):
        last = b.move(x, 1, -1)
        size = b.const(n.shape[2:], np.int32)
        shape = (x.shape[0], *n.shape[2:], x.shape[1])
        options: dict[str, Any] = {"alignCorners": rule == "align_corners", "halfPixelCenters": is_half}
        return b.move(b.op("RESIZE_BILINEAR", [last, size], shape, **options), -1, 1)
    for axis in chosen:
        x = _mixed(b, x, axis, _weights(_places(n, axis, rule, scales[axis]), x.shape[axis]))
    return x


def _weights(places: Array, size: int) -> Array:
    """Rows of weights, O by I: two neighbours of each place, the ends held."""
    held = np.clip(places, 0, size - 1)
    low = np.floor(held).astype(int)
    high = np.minimum(low + 1, size - 1)
    weights = np.zeros((len(places), size))
    rows = np.arange(len(places))
    np.add.at(weights, (rows, low), 1 - (held - low))
    np.add.at(weights, (rows, high), held - low)
    return weights


def _mixed(b: Builder, x: Tensor, axis: int, weights: Array) -> Tensor:
    from .matmul import fully_connected

    last = b.move(x, axis, -1)
    return b.move(fully_connected(b, last, b.const(weights, np.float32), None), -1, axis)
