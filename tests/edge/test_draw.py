"""Answers painted on images: where the paint is, and what stays as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeai.draw import draw
from edgeai.pipeline.values import Detections, Event, Label, Labels, Text

Array = NDArray[Any]
ORANGE, BLUE = (230, 159, 0), (86, 180, 233)


def grey(height: int = 200, width: int = 300) -> Array:
    return np.full((height, width, 3), 128, np.uint8)


def painted(value: Any, pixels: Array | None = None) -> Array:
    """bool [height, width]: which pixels are no longer grey."""
    before = grey() if pixels is None else pixels
    return (np.asarray(draw(before, value)) != before).any(axis=2)


def found(*rows: list[float], **more: Any) -> Detections:
    return Detections(np.array(rows, np.float32).reshape(-1, 4), np.ones(len(rows), np.float32), **more)


def test_a_box_is_an_outline_on_its_edges() -> None:
    image = np.asarray(draw(grey(), found([50, 60, 150, 120])))
    assert (
        tuple(image[60, 100])
        == tuple(image[120, 100])
        == tuple(image[90, 50])
        == tuple(image[90, 150])
        == ORANGE
    )
    assert (image[65:115, 55:145] == 128).all()
    assert (image[130:] == 128).all()
    assert (image[:, 160:] == 128).all()


def test_the_image_is_copied() -> None:
    pixels = grey()
    draw(pixels, found([50, 60, 150, 120]))
    assert (pixels == 128).all()


def test_classes_have_colours() -> None:
    image = np.asarray(draw(grey(), found([5, 60, 55, 120], [100, 60, 150, 120], classes=np.array([0, 1]))))
    assert tuple(image[90, 5]) == ORANGE
    assert tuple(image[90, 100]) == BLUE
    draw(grey(), found([5, 60, 55, 120], classes=np.array([1000])))


def test_polygons_go_before_boxes() -> None:
    corners = np.array([[[50, 90], [100, 60], [150, 90], [100, 120]]], np.float32)
    marks = painted(found([50, 60, 150, 120], polygons=corners))
    assert marks[75, 75]
    assert not marks[119, 55]  # a corner of the box


def test_keypoints_are_dots() -> None:
    points = np.array([[[80, 90], [120, 100]]], np.float32)
    marks = painted(found([50, 60, 150, 130], keypoints=points))
    assert marks[90, 80]
    assert marks[100, 120]
    assert not marks[90, 100]


def test_tags_stand_above_their_box_or_inside_where_the_image_ends() -> None:
    above = painted(found([50, 60, 150, 120], labels=("face",)))
    assert above[48:58, 55:75].any()
    assert not above[65:75, 55:75].any()
    inside = painted(found([50, 0, 150, 120], labels=("face",)))
    assert inside[4:10, 55:75].any()


def test_longer_tags_paint_more() -> None:
    box = [50, 60, 150, 120]
    areas = [
        painted(value).sum()
        for value in (
            found(box),
            found(box, labels=("face",)),
            found(box, labels=("face",), attached={"text": (Text("Ada"),)}),
            found(
                box,
                labels=("face",),
                attached={"text": (Text("Ada"),), "who": (Labels((Label(0, "x", 1),)),)},
            ),
        )
    ]
    assert areas == sorted(set(areas))


def test_tags_stay_within_the_image() -> None:
    marks = painted(found([280, 60, 299, 120], labels=("a rather long name for this",)))
    assert marks[45:58].any()
    assert marks[45:58, 180:].any(axis=0).sum() > 100


def test_labels_and_texts_are_captions() -> None:
    labels = Labels((Label(0, "cat", 0.9), Label(1, "dog", 0.1)))
    one, two = painted(Text("cat")), painted(labels)
    assert one[:15, :20].any()
    assert not one[100:].any()
    assert two.sum() > one.sum()
    assert painted([labels, Text("cat")]).sum() > two.sum()


def test_lines_grow_with_the_image() -> None:
    large = grey(2000, 3000)
    column = painted(found([500, 600, 1500, 1200]), large)[595:615, 1400]
    assert column.sum() == pytest.approx(3000 / 300, abs=1)


def test_letters_that_the_font_lacks_do_not_stop_it() -> None:
    for text in ("日本語", "Привет", "🙂", "a\nb\0c", "x" * 5000, ""):
        marks = painted(found([50, 60, 150, 120], labels=(text,), attached={"text": (Text(text),)}))
        assert marks.any()


def test_what_lies_outside_or_is_not_finite_does_not_stop_it() -> None:
    for row in ([-1e9, -5, 1e9, 1e9], [np.nan, np.inf, 3, -np.inf], [90, 90, 10, 10]):
        assert painted(found(row)).any()
    draw(grey(1, 1), found([0, 0, 1, 1]))


def test_grey_images_become_colour() -> None:
    image = draw(grey()[..., :1], found([50, 60, 150, 120]))
    assert (image.mode, image.size) == ("RGB", (300, 200))
    assert image.getpixel((50, 90)) == ORANGE


def test_other_answers_paint_nothing() -> None:
    for value in (None, [], found(), Event("x", 0, 1, 1), np.zeros(3), {"a": 1}, Labels(())):
        assert not painted(value).any()
