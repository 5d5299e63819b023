"""From an image and what was found in it to an image of each thing, and those that stand on their heads."""

from __future__ import annotations

import numpy as np

from ...errors import InputError
from ...steps import geometry, warp
from ...steps.geometry import Array
from ...steps.image import check_positive
from ..values import Detections, Image, Labels, Ref
from .image import derived, rotate


def crop(
    value: Image,
    *,
    each: Ref,
    max: int | None = None,  # noqa: A002 - the manifest's word
    expand: float = 0.0,
    margin: float = 0.0,
    upright: bool = True,
    tall_ratio: float | None = None,
    filter: str = "bicubic",  # noqa: A002
) -> list[Image]:
    """One image for each detection of `each`, in their order.

    Polygons (where there are some, and `upright`) are cut out in perspective, their first corner to the top
    left; boxes are cut out as they are, to whole pixels, at least one of the image.
    max: only the first so many. expand: the part of its own size by which each grows about its middle.
    margin: what is added on every side, as a part of its shorter side.
    tall_ratio: polygons whose height is this times their width, or more, are turned a quarter turn to the
    left; 1.5 for lines of text, of which the taller run from top to bottom.
    filter: nearest, bilinear or bicubic, for polygons.
    """
    if not isinstance(value, Image) or value.pixels.ndim != 3:
        raise InputError("crop cuts a decoded image; put it before any layout@1")
    if not isinstance(each, Detections):
        raise InputError(f"each: must name detections, not {type(each).__name__}")
    if max is not None:
        check_positive("max", max)
    if expand <= -1:
        raise InputError(f"expand: {expand:g} leaves nothing; give more than -1")
    to_image = geometry.invert(value.to_source)
    if upright and each.polygons is not None:
        quads = _grown(geometry.apply_to_points(to_image, each.polygons[:max].astype(np.float64)), expand)
        return [_upright(value, _with_margin(quad, margin), tall_ratio, filter) for quad in quads]
    corners = each.boxes[:max].astype(np.float64)
    boxes = geometry.apply_to_boxes(to_image, corners).reshape(-1, 2, 2)
    return [_box(value, _box_margin(box, margin)) for box in _grown(boxes, expand).reshape(-1, 4)]


def turn(value: list[Image], *, by: Ref, label: str, above: float = 0.9, vote: bool = False) -> list[Image]:
    """Turn by 180 degrees those images whose best label in `by` is `label`, with a score of at least `above`.

    vote: all are turned where the scores of `label` sum up to more than those of all others, else none, and
    `above` does not matter. It is for pages, whose lines all stand the same way.
    """
    if not isinstance(by, list) or len(by) != len(value) or not all(isinstance(each, Labels) for each in by):
        raise InputError(f"by: must name the labels of these {len(value)} images, one for each")
    if vote:
        for_label = sum(each.score for labels in by for each in labels.top if each.name == label)
        others = sum(each.score for labels in by for each in labels.top if each.name != label)
        return [rotate(image, clockwise=180) for image in value] if for_label > others else value
    return [
        rotate(image, clockwise=180) if _says(labels, label, above) else image
        for image, labels in zip(value, by, strict=True)
    ]


def _says(labels: Labels, label: str, above: float) -> bool:
    return bool(labels.top) and labels.top[0].name == label and labels.top[0].score >= above


def _upright(value: Image, quad: Array, tall_ratio: float | None, filter: str) -> Image:  # noqa: A002
    pixels, to_image = warp.crop_quad(value.pixels, quad, filter)
    cut = derived(value, pixels, to_image)
    height, width = pixels.shape[:2]
    return cut if tall_ratio is None or height < tall_ratio * width else rotate(cut, clockwise=-90)


def _box(value: Image, box: Array) -> Image:
    if not np.isfinite(box).all():
        raise InputError(f"a box must be finite, this one is {box.tolist()}")
    height, width = value.pixels.shape[:2]
    left, right = _whole(box[0], box[2], width)
    top, bottom = _whole(box[1], box[3], height)
    return derived(value, value.pixels[top:bottom, left:right], geometry.shift(left, top))


def _whole(low: float, high: float, size: int) -> tuple[int, int]:
    """Both ends of a box's side as whole pixels within 0 to size, one apart at least."""
    start = min(_clip(round(low), size), size - 1)
    return start, max(start + 1, _clip(round(high), size))


def _clip(position: int, size: int) -> int:
    return max(0, min(position, size))


def _with_margin(quad: Array, margin: float) -> Array:
    """quad: [4, 2]; its sides move out by a part of the shorter one."""
    right, down = quad[1] - quad[0] + quad[2] - quad[3], quad[3] - quad[0] + quad[2] - quad[1]
    width, height = np.hypot(*right) / 2, np.hypot(*down) / 2
    if not margin or not width or not height:
        return quad
    step = margin * min(width, height) / 2
    out = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * step
    return np.asarray(quad + out[:, :1] * right / width + out[:, 1:] * down / height)


def _box_margin(box: Array, margin: float) -> Array:
    step = margin * min(box[2] - box[0], box[3] - box[1])
    return np.asarray(box + step * np.array([-1, -1, 1, 1]))


def _grown(corners: Array, expand: float) -> Array:
    """corners: [N, K, 2], about whose mean each grows."""
    middle = corners.mean(axis=1, keepdims=True)
    return np.asarray(middle + (corners - middle) * (1 + expand))
