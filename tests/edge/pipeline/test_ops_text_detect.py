"""db_text: from the map that a model gave to lines of text in the source."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeai.errors import InputError
from edgeai.pipeline.ops.text_detect import db_text
from edgeai.pipeline.values import Image, Outputs
from edgeai.steps import geometry


def outputs(
    probabilities: NDArray[Any], to_source: geometry.Matrix, source_size: tuple[int, int], shrunk: int = 1
) -> Outputs:
    """A map and the laid out picture that it is of, which is `shrunk` times as large."""
    height, width = probabilities.shape
    pixels = np.zeros((1, 3, height * shrunk, width * shrunk), np.float32)
    return Outputs({"map": probabilities[None, None]}, Image(pixels, to_source, source_size))


def one_bar() -> NDArray[np.float32]:
    """Columns 10 to 49 and rows 20 to 29 of a map of 60 x 100."""
    probabilities = np.zeros((60, 100), np.float32)
    probabilities[20:30, 10:50] = 0.75
    return probabilities


def test_polygons_are_in_source_pixels_to_the_fraction() -> None:
    # A picture of 333 x 250 that was scaled to 100 x 60.
    found = db_text(outputs(one_bar(), geometry.scaling(3.33, 250 / 60), (333, 250)), unclip=0)
    corners = np.array([[10, 20], [50, 20], [50, 30], [10, 30]]) * [3.33, 250 / 60]
    assert found.polygons is not None
    np.testing.assert_allclose(found.polygons, [corners], rtol=1e-6)
    np.testing.assert_allclose(found.boxes, [[33.3, 83.3333, 166.5, 125]], rtol=1e-5)
    assert found.scores.tolist() == [0.75]
    assert (found.polygons.dtype, found.boxes.dtype, found.scores.dtype) == (np.float32,) * 3


def test_a_map_smaller_than_the_picture_counts_in_the_pictures_pixels() -> None:
    found = db_text(outputs(one_bar(), geometry.shift(-5, 1), (400, 240), shrunk=4), unclip=0)
    assert found.boxes.tolist() == [[35, 81, 195, 121]]


def test_a_letterbox_is_taken_off_and_what_lies_in_it_is_clipped() -> None:
    # 200 x 80 in the middle of 100 x 60: halved, and 10 rows above and below.
    to_source = geometry.compose(geometry.shift(0, -10), geometry.scaling(2, 2))
    probabilities = np.zeros((60, 100), np.float32)
    probabilities[8:20, 60:100] = 1
    found = db_text(outputs(probabilities, to_source, (200, 80)))
    grown = 12 * 40 * 1.6 / (2 * (12 + 40))
    np.testing.assert_allclose(found.boxes, [[120 - 2 * grown, 0, 200, 20 + 2 * grown]], rtol=1e-6)


def test_corners_go_around_from_the_texts_top_left_in_a_turned_picture() -> None:
    # The model saw the source turned clockwise by 90 degrees: 60 wide and 100 high became 100 x 60.
    to_source = geometry.from_turned(60, 100, False, 1)
    found = db_text(outputs(one_bar(), to_source, (60, 100)), unclip=0)
    assert found.polygons is not None
    assert found.polygons.tolist() == [[[20, 90], [20, 50], [30, 50], [30, 90]]]
    assert found.boxes.tolist() == [[20, 50, 30, 90]]


def test_lines_come_in_the_order_of_reading() -> None:
    probabilities = np.zeros((90, 100), np.float32)
    for value, top, left in ((0.7, 60, 5), (0.8, 12, 55), (0.9, 10, 5), (0.6, 35, 5)):
        probabilities[top : top + 8, left : left + 40] = value
    found = db_text(outputs(probabilities, geometry.identity(), (100, 90)))
    np.testing.assert_allclose(found.scores, [0.9, 0.8, 0.6, 0.7], rtol=1e-6)
    apart = db_text(outputs(probabilities, geometry.identity(), (100, 90)), same_row=1)
    np.testing.assert_allclose(apart.scores, [0.9, 0.8, 0.6, 0.7], rtol=1e-6)
    probabilities = np.ascontiguousarray(
        probabilities[:, ::-1]
    )  # now the lower one of the row is at the left
    found = db_text(outputs(probabilities, geometry.identity(), (100, 90)))
    np.testing.assert_allclose(found.scores, [0.8, 0.9, 0.6, 0.7], rtol=1e-6)
    apart = db_text(outputs(probabilities, geometry.identity(), (100, 90)), same_row=1)
    np.testing.assert_allclose(apart.scores, [0.9, 0.8, 0.6, 0.7], rtol=1e-6)


def test_channels_may_come_last_and_values_be_halves() -> None:
    value = outputs(one_bar(), geometry.identity(), (100, 60))
    expected = db_text(value)
    for array in (value.tensors["map"].transpose(0, 2, 3, 1), value.tensors["map"].astype(np.float16)):
        found = db_text(Outputs({"map": array}, value.feed))
        assert found.boxes.tolist() == expected.boxes.tolist()


def test_an_empty_page_has_no_text() -> None:
    found = db_text(outputs(np.zeros((60, 100), np.float32), geometry.identity(), (100, 60)))
    assert len(found) == 0
    assert found.boxes.shape == (0, 4)
    assert found.polygons is not None
    assert found.polygons.shape == (0, 4, 2)


def test_parameters_reach_the_step() -> None:
    value = outputs(one_bar(), geometry.identity(), (100, 60))
    assert len(db_text(value, box_threshold=0.8)) == 0
    assert len(db_text(value, threshold=0.8)) == 0
    assert len(db_text(value, min_size=11)) == 0
    probabilities = one_bar()
    probabilities[:, 20] = 0
    assert len(db_text(outputs(probabilities, geometry.identity(), (100, 60)))) == 1
    assert len(db_text(outputs(probabilities, geometry.identity(), (100, 60)), dilate=False)) == 2
    assert len(db_text(outputs(probabilities, geometry.identity(), (100, 60)), dilate=False, max_=1)) == 1


@pytest.mark.parametrize("parameters", [{"max_": 0}, {"unclip": -1.0}, {"min_size": 0.0}])
def test_parameters_out_of_range_are_named(parameters: dict[str, Any]) -> None:
    name = next(iter(parameters)).rstrip("_")
    with pytest.raises(InputError, match=f"{name} is|{name} {next(iter(parameters.values()))}"):
        db_text(outputs(one_bar(), geometry.identity(), (100, 60)), **parameters)


def test_what_is_no_map_of_one_picture_is_refused() -> None:
    value = outputs(one_bar(), geometry.identity(), (100, 60))
    for shape in ((1, 2, 60, 100), (1, 60), (1, 1, 0, 100)):
        with pytest.raises(InputError, match=r"a map is \[1, 1, H, W\] or \[1, H, W, 1\]"):
            db_text(Outputs({"map": np.zeros(shape, np.float32)}, value.feed))
    with pytest.raises(InputError, match=r"output 'map' is \[2, 1, 60, 100\]; this step takes one image"):
        db_text(Outputs({"map": np.zeros((2, 1, 60, 100), np.float32)}, value.feed))
    with pytest.raises(InputError, match="need the picture that the model was given; it was given NoneType"):
        db_text(Outputs(value.tensors))
