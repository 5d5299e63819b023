"""Steps that put lines of text as they are read, however the page lies: orient, reading_order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...errors import InputError
from ...steps.text_boxes import reading_order as order_of
from ..values import Detections, Image, Ref
from .detect import take


def orient(value: Detections, *, by: Ref) -> Detections:
    """`orient@1`: polygons that begin at the text's own top left, as the upright crops in `by` show it.

    by: an image for each detection, such as turn@1 gives: its way back to the source says which way is right.
    """
    if value.polygons is None:
        raise InputError("orient takes detections with polygons, such as db_text@1 gives")
    if not isinstance(by, list) or len(by) != len(value) or not all(isinstance(each, Image) for each in by):
        raise InputError(f"by: must name the images of these {len(value)} detections, one for each")
    if not by:
        return value
    right = np.array([image.to_source[:, 0] for image in by])
    sides = np.roll(value.polygons, -1, axis=1) - value.polygons
    lengths = np.maximum(np.hypot(sides[..., 0], sides[..., 1]), 1e-12)
    along = (sides * right[:, None]).sum(axis=2) / lengths
    rows = (np.argmax(along, axis=1)[:, None] + np.arange(4)) % 4
    return replace(value, polygons=np.take_along_axis(value.polygons, rows[..., None], axis=1))


def reading_order(value: Detections, *, same_row: float = 10.0) -> Detections:
    """`reading_order@1`: row by row, left to right, as the text stands; polygons begin at its top left.

    same_row: pixels by which the tops of two lines of one row may differ. All polygons give the direction
    together, so a page is taken to stand one way.
    """
    if value.polygons is None:
        raise InputError("reading_order takes detections with polygons, such as orient@1 gives")
    right = (value.polygons[:, 1] - value.polygons[:, 0]).sum(axis=0).astype(np.float64)
    length = np.hypot(*right)
    if not length:
        return value
    x = right / length
    upright = value.polygons @ np.array([[x[0], -x[1]], [x[1], x[0]]])
    return take(value, order_of(upright, same_row))
