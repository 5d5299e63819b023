"""One image for each detection, and those that stand on their heads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeai.errors import InputError
from edgeai.pipeline.ops import image as ops
from edgeai.pipeline.ops.crop import crop, turn
from edgeai.pipeline.values import Detections, Image, Label, Labels
from edgeai.steps import geometry

Array = NDArray[Any]


def noise(height: int = 60, width: int = 80) -> Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return Image(pixels, geometry.identity(), (width, height))


def boxes(*rows: list[float]) -> Detections:
    found = np.array(rows, np.float32).reshape(-1, 4)
    return Detections(found, np.ones(len(found), np.float32))


def quads(*rows: list[list[float]]) -> Detections:
    polygons = np.array(rows, np.float32).reshape(-1, 4, 2)
    around = np.concatenate([polygons.min(1), polygons.max(1)], axis=1)
    return Detections(around, np.ones(len(polygons), np.float32), polygons=polygons)


def says(*labels: tuple[str, float]) -> Labels:
    return Labels(tuple(Label(index, name, score) for index, (name, score) in enumerate(labels)))


def test_boxes_are_cut_to_whole_pixels() -> None:
    image = noise()
    first, second = crop(image, each=boxes([10, 20, 30, 25], [0.4, 0.6, 5.5, 7.4]))
    np.testing.assert_array_equal(first.pixels, image.pixels[20:25, 10:30])
    np.testing.assert_array_equal(second.pixels, image.pixels[1:7, 0:6])
    assert first.to_source.tolist() == [[1, 0, 10], [0, 1, 20]]
    assert first.source_size == (80, 60)


@given(
    st.lists(st.lists(st.floats(-200, 200, width=32), min_size=4, max_size=4), max_size=4), st.floats(-0.9, 3)
)
@settings(max_examples=60, deadline=None)
def test_every_box_gives_some_pixels_of_the_image(rows: list[list[float]], expand: float) -> None:
    image = noise(7, 9)
    cuts = crop(image, each=boxes(*rows), expand=expand)
    assert len(cuts) == len(rows)
    for cut in cuts:
        height, width = cut.pixels.shape[:2]
        left, top = cut.to_source[:, 2].astype(int)
        assert min(height, width) >= 1
        np.testing.assert_array_equal(cut.pixels, image.pixels[top : top + height, left : left + width])


def test_nothing_found_gives_no_images() -> None:
    assert crop(noise(), each=boxes()) == []
    assert crop(noise(), each=quads()) == []


def test_only_the_first_so_many_are_cut() -> None:
    each = boxes([0, 0, 5, 5], [1, 1, 4, 4], [2, 2, 3, 3])
    assert [cut.pixels.shape[0] for cut in crop(noise(), each=each, max=2)] == [5, 3]
    with pytest.raises(InputError, match="max: 0 must be 1 or more"):
        crop(noise(), each=each, max=0)


def test_boxes_and_polygons_grow_about_their_middle() -> None:
    image = noise()
    (grown,) = crop(image, each=boxes([20, 20, 40, 30]), expand=0.2)
    np.testing.assert_array_equal(grown.pixels, image.pixels[19:31, 18:42])
    (grown,) = crop(image, each=quads([[20, 20], [40, 20], [40, 30], [20, 30]]), expand=0.2)
    np.testing.assert_array_equal(grown.pixels, image.pixels[19:31, 18:42])
    with pytest.raises(InputError, match="expand: -1 leaves nothing"):
        crop(image, each=boxes([20, 20, 40, 30]), expand=-1)


def test_polygons_are_cut_upright_or_else_their_boxes_are() -> None:
    image = noise()
    # A text that runs upwards: its top left corner is the box's bottom left.
    each = quads([[20, 40], [20, 10], [30, 10], [30, 40]])
    (cut,) = crop(image, each=each, filter="nearest")
    np.testing.assert_array_equal(cut.pixels, np.rot90(image.pixels[10:40, 20:30], -1))
    corners = geometry.apply_to_points(cut.to_source, np.array([[0, 0], [30, 0], [30, 10], [0, 10]]))
    np.testing.assert_allclose(corners, each.polygons[0], atol=1e-9)  # type: ignore[index]
    (plain,) = crop(image, each=each, upright=False)
    np.testing.assert_array_equal(plain.pixels, image.pixels[10:40, 20:30])


def test_tall_polygons_are_turned_to_the_left() -> None:
    image = noise()
    tall = quads([[20, 10], [30, 10], [30, 25], [20, 25]])
    (kept,) = crop(image, each=tall, tall_ratio=1.6)
    np.testing.assert_array_equal(kept.pixels, image.pixels[10:25, 20:30])
    (turned,) = crop(image, each=tall, tall_ratio=1.5)
    np.testing.assert_array_equal(turned.pixels, np.rot90(image.pixels[10:25, 20:30]))
    # The first pixel was the top right one.
    assert geometry.apply_to_points(turned.to_source, np.array([0.5, 0.5])).tolist() == [29.5, 10.5]


def test_detections_are_in_source_pixels_whatever_became_of_the_image() -> None:
    source = noise()
    smaller = ops.flip(ops.resize(source, size=[40, 30]))
    for each in (boxes([20, 10, 60, 40]), quads([[20, 10], [60, 10], [60, 40], [20, 40]])):
        (cut,) = crop(smaller, each=each, filter="nearest")
        corners = geometry.apply_to_points(cut.to_source, np.array([[0, 0], cut.pixels.shape[1::-1]]))
        np.testing.assert_allclose(np.sort(corners, axis=0), [[20, 10], [60, 40]])
    (cut,) = crop(smaller, each=boxes([20, 10, 60, 40]))
    np.testing.assert_array_equal(cut.pixels, smaller.pixels[5:20, 10:30])


def test_crop_wants_an_image_and_detections() -> None:
    with pytest.raises(InputError, match="each: must name detections, not list"):
        crop(noise(), each=[])
    with pytest.raises(InputError, match="put it before any layout@1"):
        crop(ops.layout(noise()), each=boxes())
    with pytest.raises(InputError, match="a box must be finite"):
        crop(noise(), each=boxes([0, 0, np.nan, 5]))


def test_images_that_stand_on_their_heads_are_turned() -> None:
    images = [noise(4, 6), noise(5, 7), noise(6, 8)]
    by = [says(("180", 0.95), ("0", 0.05)), says(("180", 0.8)), says(("0", 0.99), ("180", 0.01))]
    first, second, third = turn(images, by=by, label="180", above=0.9)
    np.testing.assert_array_equal(first.pixels, images[0].pixels[::-1, ::-1])
    assert first.to_source.tolist() == [[-1, 0, 6], [0, -1, 4]]
    assert second is images[1]
    assert third is images[2]


def test_a_vote_turns_all_or_none() -> None:
    images = [noise(4, 6), noise(5, 7), noise(6, 8)]
    for scores, turned in (((0.9, 0.9, 0.3), True), ((0.6, 0.3, 0.4), False)):
        by = [says(("0", 1 - score), ("180", score)) for score in scores]
        results = turn(images, by=by, label="180", vote=True)
        for image, result in zip(images, results, strict=True):
            expected = image.pixels[::-1, ::-1] if turned else image.pixels
            np.testing.assert_array_equal(result.pixels, expected)
    best_only = [says(("180", 0.9)), says(("180", 0.8)), says(("0", 0.99))]
    np.testing.assert_array_equal(
        turn(images, by=best_only, label="180", vote=True)[2].pixels, images[2].pixels[::-1, ::-1]
    )
    assert turn([], by=[], label="180", vote=True) == []


def test_turn_wants_the_labels_of_each_image() -> None:
    for by in ([], [None], says(("0", 1.0)), [says(("0", 1.0))] * 2):
        with pytest.raises(InputError, match="by: must name the labels of these 1 images"):
            turn([noise()], by=by, label="180")
    (same,) = turn([noise()], by=[Labels(())], label="180")
    assert same.to_source.tolist() == [[1, 0, 0], [0, 1, 0]]


def test_a_margin_is_a_part_of_the_shorter_side_on_every_side() -> None:
    image = ops.decode(np.zeros((100, 200, 3), np.uint8))
    quads = np.array([[[50, 40], [150, 40], [150, 60], [50, 60]]], np.float32)
    boxes = quads[:, [0, 2]].reshape(-1, 4)
    with_polygons = Detections(boxes, np.ones(1, np.float32), polygons=quads)
    for found in (with_polygons, Detections(boxes, np.ones(1, np.float32))):
        [cut] = crop(image, each=found, margin=0.5)
        assert cut.pixels.shape == (40, 120, 3)
        assert cut.to_source.tolist() == [[1, 0, 40], [0, 1, 30]]
