"""The step that draws boxes of text tight around the ink: to_ink."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...errors import InputError
from ...steps import geometry, ink
from ..values import Detections, Image, Ref


def to_ink(
    value: Image,
    *,
    each: Ref,
    along: float = 1.2,
    across: float = 0.8,
    level: float = 0.35,
    gap_along: float = 1.0,
    gap_across: float = 0.1,
    align: float = 5.0,
) -> Detections:
    """`to_ink@1`: the detections of `each` with their polygons moved so that their sides touch the ink.

    A text detector is trained on shrunken lines and says only roughly where they end; the picture knows. All
    parameters but `level` are parts of a polygon's shorter side.
    along, across: how far beyond a polygon ink is looked for. gap_along, gap_across: ink behind a wider gap
    belongs to something else. level: how far from the paper's grey to the ink's counts as ink.
    align: degrees; polygons no further than that from the angle that most share lie as all of those do.
    A polygon stays as it is where ink and paper cannot be told apart.
    """
    if not isinstance(value, Image) or value.pixels.ndim != 3:
        raise InputError("to_ink looks at a decoded image; put it before any layout@1")
    if not isinstance(each, Detections) or each.polygons is None:
        raise InputError("each: must name detections with polygons, such as db_text@1 gives")
    if not (0 < level < 1 and min(along, across, gap_along, gap_across) >= 0):
        raise InputError("level lies between 0 and 1, and along, across and the gaps are not below 0")
    to_image = geometry.invert(value.to_source)
    quads = geometry.apply_to_points(to_image, each.polygons.astype(np.float64))
    search = ink.Search(along, across, gap_along, gap_across, level)
    fitted = ink.fit_to_ink(value.pixels, quads, search, align)
    polygons = geometry.apply_to_points(value.to_source, fitted).astype(np.float32)
    polygons = np.clip(polygons, 0, np.array(value.source_size, np.float32))
    boxes = np.concatenate([polygons.min(axis=1), polygons.max(axis=1)], axis=1)
    return replace(each, polygons=polygons, boxes=boxes)
