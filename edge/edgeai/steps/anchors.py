"""Anchors of single-shot detectors (SSD), and the boxes that a model gives relative to them.

Liu et al., "SSD: Single Shot MultiBox Detector" (2016), in the two conventions that TensorFlow's models and
MediaPipe's have in common. Everything is in shares of the model's input: 0 to 1 across and down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float32]


def make_anchors(
    width: int,
    height: int,
    strides: tuple[int, ...],
    *,
    aspect_ratios: tuple[float, ...] = (1.0,),
    min_scale: float = 0.2,
    max_scale: float = 0.95,
    interpolated_ratio: float = 1.0,
    reduce_lowest: bool = False,
    unit_size: bool = False,
) -> Floats:
    """Anchors f32 [A, 4]: centre x, centre y, width, height.

    width, height: of the model's input in pixels. strides: pixels from one cell to the next, a layer each;
    layers of equal stride that follow each other share a grid. Within a layer anchors go by row, then by
    column, then as the layer has them:
    - one of each of `aspect_ratios` (width over height) at the layer's scale, which goes in equal steps from
      `min_scale` to `max_scale` of the input;
    - one more of `interpolated_ratio` (0 for none) at the geometric mean of this scale and the next layer's,
      1 behind the last;
    - but with `reduce_lowest` in the first layer just three: ratio 1 at the scale 0.1, 2 and 0.5 at its own.
    unit_size: every anchor has the width and height 1, only its centre counts (fixed_anchor_size
    in MediaPipe).
    """
    layers: list[Floats] = []
    shapes: list[tuple[float, float]] = []
    for layer, stride in enumerate(strides):
        shapes += _shapes(
            layer, len(strides), aspect_ratios, min_scale, max_scale, interpolated_ratio, reduce_lowest
        )
        if strides[layer + 1 : layer + 2] != (stride,):
            layers.append(_grid(math.ceil(width / stride), math.ceil(height / stride), shapes))
            shapes = []
    anchors = np.concatenate(layers)
    if unit_size:
        anchors[:, 2:] = 1
    return anchors


def decode(
    raw: Array, anchors: Floats, scales: Sequence[float], *, exponential: bool
) -> tuple[Floats, Floats]:
    """Boxes f32 [A, 4] (left, top, right, bottom) and keypoints f32 [A, K, 2] from what the model gave.

    raw: [A, 4 + 2 K]: offset of the centre from the anchor's in x and y, width, height, then K points (x, y).
    All of it is divided by `scales` (x, y, width, height) and counts in the anchor's width and height;
    exponential: a size is e to the power of that.
    """
    factors = np.asarray(scales, np.float32)
    pairs = raw.astype(np.float32, copy=False).reshape(len(raw), raw.shape[1] // 2, 2)
    centers, sizes = anchors[:, None, :2], anchors[:, None, 2:]
    points = pairs / factors[:2] * sizes + centers
    size = pairs[:, 1:2] / factors[2:]
    if exponential:
        with np.errstate(over="ignore"):  # what is beyond all sizes is infinite
            size = np.exp(size)
    half = size * sizes / 2
    boxes = np.concatenate([points[:, :1] - half, points[:, :1] + half], axis=2)
    return boxes.reshape(len(raw), 4), points[:, 2:]


def _shapes(
    layer: int,
    layers: int,
    aspect_ratios: tuple[float, ...],
    min_scale: float,
    max_scale: float,
    interpolated_ratio: float,
    reduce_lowest: bool,
) -> list[tuple[float, float]]:
    """Width and height of one layer's anchors."""

    def scale(of: int) -> float:
        return (
            (min_scale + max_scale) / 2
            if layers == 1
            else min_scale + (max_scale - min_scale) * of / (layers - 1)
        )

    if layer == 0 and reduce_lowest:
        pairs = [(0.1, 1.0), (scale(0), 2.0), (scale(0), 0.5)]
    else:
        pairs = [(scale(layer), ratio) for ratio in aspect_ratios]
        if interpolated_ratio > 0:
            following = scale(layer + 1) if layer + 1 < layers else 1.0
            pairs.append((math.sqrt(scale(layer) * following), interpolated_ratio))
    return [(size * math.sqrt(ratio), size / math.sqrt(ratio)) for size, ratio in pairs]


def _grid(columns: int, rows: int, shapes: list[tuple[float, float]]) -> Floats:
    """Anchors of these shapes in the middle of every cell."""
    anchors = np.empty((rows, columns, len(shapes), 4), np.float32)
    anchors[..., 0] = ((np.arange(columns) + 0.5) / columns)[None, :, None]
    anchors[..., 1] = ((np.arange(rows) + 0.5) / rows)[:, None, None]
    anchors[..., 2:] = shapes
    return anchors.reshape(-1, 4)
