"""Lines of text come as they are read, however the page lies."""

from __future__ import annotations

import numpy as np
import pytest

from edgeai.errors import InputError
from edgeai.pipeline.ops.crop import crop
from edgeai.pipeline.ops.image import decode, rotate
from edgeai.pipeline.ops.order import orient, reading_order
from edgeai.pipeline.values import Detections, Image, Text
from edgeai.steps import geometry

# Three lines of a page 200 x 100: two in the first row, one below.
LINES = np.array(
    [
        [[10, 10], [90, 10], [90, 20], [10, 20]],
        [[110, 13], [180, 13], [180, 23], [110, 23]],
        [[10, 50], [90, 50], [90, 60], [10, 60]],
    ],
    np.float64,
)


def page(turned: int) -> tuple[Image, np.ndarray]:
    """The page turned clockwise as a picture of its own, and its lines in it."""
    image = rotate(decode(np.zeros((100, 200, 3), np.uint8)), clockwise=turned)
    lines = geometry.apply_to_points(geometry.invert(image.to_source), LINES)
    return decode(np.ascontiguousarray(image.pixels)), lines


def found(polygons: np.ndarray, names: list[str]) -> Detections:
    corners = np.concatenate([polygons.min(axis=1), polygons.max(axis=1)], axis=1)
    texts = {"text": tuple(Text(name) for name in names)}
    count = len(polygons)
    return Detections(corners, np.linspace(0.5, 1, count), polygons=polygons, attached=texts)


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
@pytest.mark.parametrize("start", range(4))
def test_polygons_begin_where_the_text_does_and_lines_come_in_order(turned: int, start: int) -> None:
    image, lines = page(turned)
    shuffled = found(np.roll(lines, start, axis=1)[[2, 0, 1]], ["third", "first", "second"])
    crops = crop(image, each=found(lines[[2, 0, 1]], ["", "", ""]))
    oriented = orient(shuffled, by=crops)
    ordered = reading_order(oriented)
    np.testing.assert_allclose(ordered.polygons, lines, atol=1e-9)
    assert [text.text for text in ordered.attached["text"]] == ["first", "second", "third"]


def test_nothing_found_stays_nothing() -> None:
    nothing = found(np.zeros((0, 4, 2)), [])
    assert len(reading_order(orient(nothing, by=[]))) == 0


def test_what_does_not_fit_is_refused() -> None:
    boxes = Detections(np.zeros((1, 4)), np.ones(1))
    with pytest.raises(InputError, match="orient takes detections with polygons"):
        orient(boxes, by=[])
    with pytest.raises(InputError, match="reading_order takes detections with polygons"):
        reading_order(boxes)
    with pytest.raises(InputError, match="must name the images of these 3 detections, one for each"):
        orient(found(LINES, ["", "", ""]), by=[])
