"""The step that finds lines of text in the map that a model gave: db_text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError
from ...steps import geometry, text_boxes
from ..values import Detections, Outputs
from .outputs import fed_image, pick_one

if TYPE_CHECKING:
    from ..values import Array


def db_text(
    value: Outputs,
    *,
    tensor: str | None = None,
    threshold: float = 0.3,
    box_threshold: float = 0.5,
    unclip: float = 1.6,
    min_size: float = 3.0,
    dilate: bool = True,
    max_: int = 1000,
    same_row: float = 10.0,
) -> Detections:
    """`db_text@1`: lines of text out of a map of probabilities, [1, 1, H, W] or [1, H, W, 1].

    Polygons clockwise from the text's top left corner, and the upright boxes around them, in source pixels
    (not rounded) and clipped to the source; in the order of reading, which is not that of the scores.
    threshold, box_threshold, unclip, min_size, max: see `edgeai.steps.text_boxes.find_text`; dilate is its
    `join`. same_row: source pixels by which the tops of two boxes of one row may differ.
    """
    if max_ < 1 or unclip < 0 or min_size <= 0:
        raise InputError(
            f"max is {max_}, unclip {unclip} and min_size {min_size}; "
            "give a max of 1 or more, an unclip of 0 or more and a min_size above 0"
        )
    image, width, height = fed_image(value)
    probabilities = _map(pick_one(value, tensor))
    quads, scores = text_boxes.find_text(
        probabilities,
        threshold=threshold,
        box_threshold=box_threshold,
        unclip_ratio=unclip,
        min_size=min_size,
        join=dilate,
        max_boxes=max_,
    )
    rows, columns = probabilities.shape
    to_source = geometry.compose(geometry.scaling(width / columns, height / rows), image.to_source)
    quads = np.clip(geometry.apply_to_points(to_source, quads), 0, image.source_size)
    order = text_boxes.reading_order(quads, same_row)
    quads = quads[order].astype(np.float32)
    return Detections(
        boxes=np.concatenate([quads.min(axis=1), quads.max(axis=1)], axis=1),
        scores=scores[order].astype(np.float32),
        polygons=quads,
    )


def _map(array: Array) -> Array:
    """[1, H, W] or [H, W, 1] as f32 [H, W]."""
    if array.ndim != 3 or 1 not in {array.shape[0], array.shape[2]} or not array.size:
        raise InputError(f"the output is {[1, *array.shape]}; a map is [1, 1, H, W] or [1, H, W, 1]")
    array = array[0] if array.shape[0] == 1 else array[..., 0]
    return np.ascontiguousarray(array, np.float32)
