"""Steps that find boxes in what a model gave: ssd, yolo, and nms behind them."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError, one_line
from ...steps import anchors, classify, geometry
from ...steps import boxes as box_steps
from ...steps import yolo as yolo_steps
from ...steps.names import read_names
from ..values import Asset, Detections, Outputs
from .outputs import fed_image, pick_one

if TYPE_CHECKING:
    from ..values import Array

_anchors = functools.lru_cache(maxsize=8)(anchors.make_anchors)


@dataclass(frozen=True)
class Candidates(Detections):
    """What a decoder found, before suppression: many boxes a thing, and not clipped yet.

    source_size: width and height of the picture to which `nms@1` clips them.
    """

    source_size: tuple[int, int] = (0, 0)


def ssd(
    value: Outputs,
    *,
    boxes: str | list[str],
    scores: str | list[str],
    strides: list[int],
    aspect_ratios: list[float] | None = None,
    min_scale: float = 0.2,
    max_scale: float = 0.95,
    interpolated_ratio: float = 1.0,
    reduce_lowest: bool = False,
    unit_size: bool = False,
    scales: list[float] | None = None,
    order: str = "yxhw",
    exponential: bool = True,
    activation: str = "sigmoid",
    score_clip: float | None = None,
    background: int | None = None,
    threshold: float = 0.5,
    labels: Asset | None = None,
) -> Candidates:
    """`ssd@1`: boxes of a single-shot detector, from what it gives for each anchor.

    boxes: the output [1, A, 4 + 2 K], the last 2 K for K keypoints; scores: the output [1, A, C]. A list
    names several, such as one a layer, that are laid end to end.
    strides, aspect_ratios ([1]), min_scale, max_scale, interpolated_ratio, reduce_lowest, unit_size: which
    anchors, see `edgeai.steps.anchors.make_anchors`.
    scales: what x, y, width and height are divided by ([10, 10, 5, 5], as in TensorFlow's models).
    order: `yxhw` or `xywh`, also of the keypoints. exponential: sizes are logarithms.
    activation: of the scores, `sigmoid`, `softmax` or `none`; score_clip: limits them before a sigmoid.
    background: the class that means nothing is there. threshold: what scores less is left out.
    labels: names of the classes, with the background's.
    """
    _choose("order", order, ("yxhw", "xywh"))
    _choose("activation", activation, ("sigmoid", "softmax", "none"))
    scales = [10.0, 10.0, 5.0, 5.0] if scales is None else scales
    if len(scales) != 4 or min(strides, default=0) < 1 or 0 in scales:
        raise InputError(f"strides is {strides} and scales {scales}; give strides of 1 or more, and 4 scales")
    _, width, height = fed_image(value)
    raw, logits = _joined(value, boxes, "boxes"), _joined(value, scores, "scores")
    grid = _anchors(
        width,
        height,
        tuple(strides),
        aspect_ratios=(1.0,) if aspect_ratios is None else tuple(aspect_ratios),
        min_scale=min_scale,
        max_scale=max_scale,
        interpolated_ratio=interpolated_ratio,
        reduce_lowest=reduce_lowest,
        unit_size=unit_size,
    )
    if not len(grid) == len(raw) == len(logits) or raw.shape[1] < 4 or raw.shape[1] % 2:
        raise InputError(
            f"a model of {width} x {height} with strides {strides} has {len(grid):,} anchors; boxes are "
            f"{list(raw.shape)} and scores {list(logits.shape)}"
        )
    likely, best, classes = _best_class(logits, activation, score_clip, background, threshold)
    raw = raw[likely]
    if order == "yxhw":
        raw = raw.reshape(-1, raw.shape[1] // 2, 2)[..., ::-1].reshape(raw.shape)
    shares, points = anchors.decode(raw, grid[likely], scales, exponential=exponential)
    return _candidates(
        value,
        shares * np.array([width, height, width, height], np.float32),
        best,
        None if logits.shape[1] == 1 else classes,
        labels,
        points * np.array([width, height], np.float32) if points.shape[1] else None,
    )


def yolo(
    value: Outputs,
    *,
    tensor: str | None = None,
    style: str = "v8",
    threshold: float = 0.25,
    normalized: bool = False,
    labels: Asset | None = None,
) -> Candidates:
    """`yolo@1`: boxes of a YOLO model.

    style: `v5`, rows of box, objectness and classes, [1, N, 5 + C]; `v8`, columns of box and classes,
    [1, 4 + C, N]; `v10`, rows of box, score and class, [1, N, 6], which need no `nms@1` but for its clipping.
    threshold: what scores less is left out (0.25 as Ultralytics has it).
    normalized: boxes are shares of the input, 0 to 1, and not pixels of it. labels: names of the classes.
    """
    styles = {
        "v5": (yolo_steps.decode_v5, 1, 6),
        "v8": (yolo_steps.decode_v8, 0, 5),
        "v10": (yolo_steps.decode_v10, 1, 6),
    }
    _choose("style", style, tuple(styles))
    decode, axis, least = styles[style]
    array = pick_one(value, tensor)
    if array.ndim != 2 or array.shape[axis] < least or (style == "v10" and array.shape[1] != least):
        raise InputError(f"style is {style!r}, and the output {[1, *array.shape]}")
    boxes, scores, classes = decode(array, threshold)
    if normalized:
        _, width, height = fed_image(value)
        boxes *= np.array([width, height, width, height], np.float32)
    one_kind = style != "v10" and array.shape[axis] == least
    return _candidates(value, boxes, scores, None if one_kind else classes, labels)


def nms(
    value: Candidates,
    *,
    iou: float = 0.5,
    method: str = "hard",
    per_class: bool = True,
    max_: int | None = None,
    clip: bool = True,
) -> Detections:
    """`nms@1`: of boxes that overlap by more than `iou` the best one stays.

    method: `hard`, the others go; `weighted`, boxes, keypoints and polygons become their mean, weighted by
    score. per_class: boxes of different classes do not touch each other. max: how many stay at most.
    clip: boxes and polygons end at the source's borders (keypoints may lie outside), and boxes of which
    nothing is inside go. Clipping comes last: before, it would shift what overlaps.
    """
    _choose("method", method, ("hard", "weighted"))
    if not 0 <= iou <= 1 or (max_ is not None and max_ < 1):
        raise InputError(f"iou is {iou} and max {max_}; give an iou of 0 to 1 and a max of 1 or more")
    classes = value.classes if per_class else None
    if method == "hard":
        found = take(value, box_steps.nms(value.boxes, value.scores, classes, overlap=iou, limit=max_))
    else:
        found = _weighted(value, classes, iou, max_)
    return _clipped(found, value) if clip else found


def take(found: Detections, rows: Array) -> Detections:
    """Some of what was found, in this order; rows: i64."""
    picks = rows.tolist()
    return Detections(
        boxes=found.boxes[rows],
        scores=found.scores[rows],
        classes=None if found.classes is None else found.classes[rows],
        labels=None if found.labels is None else tuple(found.labels[row] for row in picks),
        keypoints=None if found.keypoints is None else found.keypoints[rows],
        polygons=None if found.polygons is None else found.polygons[rows],
        attached={name: tuple(values[row] for row in picks) for name, values in found.attached.items()},
    )


def _choose(parameter: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(one_line(f"{parameter} is {value!r}; choose of {', '.join(allowed)}"))


def _joined(value: Outputs, names: str | list[str], parameter: str) -> Array:
    """Outputs [1, A, C] laid end to end: [sum of A, C]."""
    names = [names] if isinstance(names, str) else names
    parts = [pick_one(value, name, parameter) for name in names]
    if not parts or any(part.ndim != 2 or part.shape[1] != parts[0].shape[1] for part in parts):
        shapes = ", ".join(str([1, *part.shape]) for part in parts) or "none"
        raise InputError(
            f"{parameter} names outputs of {shapes}; they must be [1, anchors, values], values alike"
        )
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _best_class(
    logits: Array, activation: str, clip: float | None, background: int | None, threshold: float
) -> tuple[Array, Array, Array]:
    """Which anchors have a score of the threshold or more, and their best classes with those scores."""
    scores = classify.softmax(logits) if activation == "softmax" else logits
    classes = np.arange(scores.shape[1])
    if background is not None:
        if not 0 <= background < len(classes) or len(classes) == 1:
            raise InputError(f"background is {background}, and the scores are of {len(classes)} classes")
        classes = np.delete(classes, background)
        scores = scores[:, classes]
    best = scores.max(axis=1)  # before the sigmoid, which keeps the order: one exponential an anchor
    if activation == "sigmoid":
        best = classify.sigmoid(best, clip)
    likely = np.flatnonzero(best >= threshold)
    return likely, best[likely], classes[scores[likely].argmax(axis=1)]


def _candidates(
    value: Outputs,
    boxes: Array,
    scores: Array,
    classes: Array | None,
    labels: Asset | None,
    keypoints: Array | None = None,
) -> Candidates:
    """From pixels of the model's input to the source's, best first; boxes without a finite area go."""
    image, _, _ = fed_image(value)
    order = np.argsort(-scores, kind="stable")
    order = order[np.isfinite(boxes[order]).all(axis=1) & _has_area(boxes[order])]
    kinds = None if classes is None else classes[order]
    return Candidates(
        boxes=geometry.apply_to_boxes(image.to_source, boxes[order]),
        scores=scores[order].astype(np.float32, copy=False),
        classes=kinds,
        labels=None if labels is None else _names(labels, np.zeros_like(order) if kinds is None else kinds),
        keypoints=None if keypoints is None else geometry.apply_to_points(image.to_source, keypoints[order]),
        source_size=image.source_size,
    )


def _has_area(boxes: Array) -> Array:
    return np.asarray((boxes[:, 2:] > boxes[:, :2]).all(axis=1))


def _names(labels: Asset, classes: Array) -> tuple[str, ...]:
    names = read_names(labels)
    if len(classes) and not 0 <= classes.min() <= classes.max() < len(names):
        raise InputError(
            f"{labels.name} has {len(names):,} names, and the model found class {classes.max():,}"
        )
    return tuple(names[index] for index in classes.tolist())


def _weighted(value: Detections, classes: Array | None, iou: float, limit: int | None) -> Detections:
    parts = [part for part in (value.boxes, value.keypoints, value.polygons) if part is not None]
    widths = [math.prod(part.shape[1:]) for part in parts]
    flat = np.concatenate(
        [part.reshape(-1, width) for part, width in zip(parts, widths, strict=True)], axis=1
    )
    rows, means = box_steps.weighted_nms(value.boxes, value.scores, flat, classes, overlap=iou, limit=limit)
    merged = iter(np.split(means, np.cumsum(widths)[:-1], axis=1))
    found = take(value, rows)
    return replace(
        found,
        boxes=next(merged),
        keypoints=None if found.keypoints is None else next(merged).reshape(found.keypoints.shape),
        polygons=None if found.polygons is None else next(merged).reshape(found.polygons.shape),
    )


def _clipped(found: Detections, value: Detections) -> Detections:
    if not isinstance(value, Candidates):
        raise InputError(
            "clip needs the size of the source, which only ssd@1 and yolo@1 pass on; give clip: false"
        )
    corner = np.array(value.source_size, np.float32)
    boxes = np.clip(found.boxes, 0, np.tile(corner, 2))
    polygons = None if found.polygons is None else np.clip(found.polygons, 0, corner)
    return take(replace(found, boxes=boxes, polygons=polygons), np.flatnonzero(_has_area(boxes)))
