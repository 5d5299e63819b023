"""Anchors against MediaPipe's published ones and plain loops; decoding against plain arithmetic."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeai.steps import anchors

# MobileNet SSD at 300 x 300 as TensorFlow's and MediaPipe's examples have it.
CLASSIC: dict[str, Any] = {
    "strides": (16, 32, 64, 128, 256, 512),
    "aspect_ratios": (1.0, 2.0, 0.5, 3.0, 0.3333),
    "min_scale": 0.2,
    "max_scale": 0.95,
    "reduce_lowest": True,
}


def plain_anchors(
    width: int,
    height: int,
    strides: tuple[int, ...],
    aspect_ratios: tuple[float, ...],
    min_scale: float,
    max_scale: float,
    interpolated_ratio: float = 1.0,
    reduce_lowest: bool = False,
) -> list[tuple[float, ...]]:
    """One anchor after the other, for strides that are all different."""
    count = len(strides)
    steps = [min_scale + (max_scale - min_scale) * layer / (count - 1) for layer in range(count)] + [1.0]
    found = []
    for layer, stride in enumerate(strides):
        columns, rows = -(-width // stride), -(-height // stride)
        for row in range(rows):
            for column in range(columns):
                kinds = [(ratio, steps[layer]) for ratio in aspect_ratios]
                if interpolated_ratio:
                    kinds.append((interpolated_ratio, math.sqrt(steps[layer] * steps[layer + 1])))
                if layer == 0 and reduce_lowest:
                    kinds = [(1.0, 0.1), (2.0, steps[0]), (0.5, steps[0])]
                found += [
                    ((column + 0.5) / columns, (row + 0.5) / rows, scale * ratio**0.5, scale / ratio**0.5)
                    for ratio, scale in kinds
                ]
    return found


def test_classic_anchors_are_the_published_ones() -> None:
    found = anchors.make_anchors(300, 300, **CLASSIC)
    assert found.dtype == np.float32
    assert found.shape == (1917, 4)
    # The first lines of anchor_golden_file_1.txt of MediaPipe (mediapipe/calculators/tflite/testdata).
    published = [
        [0.0263158, 0.0263158, 0.1, 0.1],
        [0.0263158, 0.0263158, 0.282843, 0.141421],
        [0.0263158, 0.0263158, 0.141421, 0.282843],
        [0.0789474, 0.0263158, 0.1, 0.1],
    ]
    np.testing.assert_allclose(found[:4], published, rtol=1e-5)
    np.testing.assert_allclose(found, plain_anchors(300, 300, **CLASSIC), rtol=1e-6)


@pytest.mark.parametrize("interpolated", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("size", [(300, 200), (97, 31), (1, 1)])
def test_anchors_of_any_size_are_those_of_plain_loops(size: tuple[int, int], interpolated: float) -> None:
    options: dict[str, Any] = {
        "strides": (8, 16, 32),
        "aspect_ratios": (1.0, 0.5),
        "min_scale": 0.1,
        "max_scale": 0.9,
        "interpolated_ratio": interpolated,
    }
    np.testing.assert_allclose(
        anchors.make_anchors(*size, **options), plain_anchors(*size, **options), rtol=1e-6
    )


def test_layers_of_one_stride_share_a_grid_as_the_face_detector_has_it() -> None:
    found = anchors.make_anchors(128, 128, (8, 16, 16, 16), unit_size=True)
    assert found.shape == (896, 4)  # 16 * 16 cells of 2, and 8 * 8 cells of 6
    assert found[510:512].tolist() == [[0.96875, 0.96875, 1, 1]] * 2
    assert found[512:518].tolist() == [[0.0625, 0.0625, 1, 1]] * 6
    assert found[518].tolist() == [0.1875, 0.0625, 1, 1]
    assert found[-1].tolist() == [0.9375, 0.9375, 1, 1]


def test_the_hand_detectors_anchors_are_the_published_ones() -> None:
    found = anchors.make_anchors(256, 256, (8, 16, 32, 32, 32), unit_size=True)
    assert found.shape == (2944, 4)
    # How anchor_golden_file_0.txt of MediaPipe begins.
    assert found[:3].tolist() == [[0.015625, 0.015625, 1, 1]] * 2 + [[0.046875, 0.015625, 1, 1]]


def test_one_layer_has_the_middle_scale_and_one_anchor_a_cell_without_interpolation() -> None:
    found = anchors.make_anchors(192, 192, (4,), interpolated_ratio=0, min_scale=0.2, max_scale=0.4)
    assert found.shape == (48 * 48, 4)
    np.testing.assert_allclose(found[0], [0.5 / 48, 0.5 / 48, 0.3, 0.3], rtol=1e-6)


@pytest.mark.parametrize("exponential", [False, True])
@pytest.mark.parametrize("keypoints", [0, 3])
def test_decoding_is_plain_arithmetic(exponential: bool, keypoints: int) -> None:
    chance = np.random.default_rng(1)
    raw = chance.normal(0, 3, (20, 4 + 2 * keypoints)).astype(np.float32)
    grid = chance.uniform(0.1, 0.9, (20, 4)).astype(np.float32)
    scales = [10.0, 11.0, 5.0, 6.0]
    found, points = anchors.decode(raw, grid, scales, exponential=exponential)
    assert found.dtype == points.dtype == np.float32
    for row, (x, y, width, height) in enumerate(grid.astype(np.float64).tolist()):
        values = raw[row].astype(np.float64).tolist()
        center_x, center_y = values[0] / 10 * width + x, values[1] / 11 * height + y
        wide, high = values[2] / 5, values[3] / 6
        wide, high = (math.exp(wide), math.exp(high)) if exponential else (wide, high)
        half = wide * width / 2, high * height / 2
        expected = center_x - half[0], center_y - half[1], center_x + half[0], center_y + half[1]
        np.testing.assert_allclose(found[row], expected, rtol=1e-5, atol=1e-6)
        pairs = np.reshape(values[4:], (-1, 2)) / [10, 11] * [width, height] + [x, y]
        np.testing.assert_allclose(points[row], pairs, rtol=1e-5, atol=1e-6)


def test_no_anchors_that_matter_give_no_boxes() -> None:
    nothing: NDArray[Any] = np.empty((0, 8), np.float32)
    found, points = anchors.decode(nothing, np.empty((0, 4), np.float32), [1, 1, 1, 1], exponential=True)
    assert found.shape == (0, 4)
    assert points.shape == (0, 2, 2)
