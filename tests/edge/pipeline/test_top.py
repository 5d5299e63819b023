"""The best of an answer."""

from __future__ import annotations

import numpy as np

from edgeai.pipeline.top import top
from edgeai.pipeline.values import Detections, Label, Labels, Outputs, Text

LABELS = Labels(tuple(Label(index, str(index), 1 - index / 10) for index in range(5)))


def test_labels_and_things_found_are_cut_to_the_first() -> None:
    found = Detections(
        np.zeros((3, 4), np.float32), np.array([0.9, 0.8, 0.7], np.float32), labels=("a", "b", "c")
    )
    assert top(LABELS, 2).top == LABELS.top[:2]
    assert top(found, 2).labels == ("a", "b")
    assert top(found, 3) is found
    assert [len(each.top) for each in top([LABELS, LABELS], 1)] == [1, 1]


def test_of_a_row_of_numbers_the_largest_come_with_their_places() -> None:
    row = np.array([[0.5, 3.0, -1.0, 3.0]], np.float32)
    best = [{"index": 1, "value": 3.0}, {"index": 3, "value": 3.0}]
    assert top({"y": row}, 2) == {"y": best}
    assert top(Outputs({"y": row[0]}), 2) == {"y": best}
    assert top(np.array([1, 200], np.uint8), 1) == [{"index": 1, "value": 200}]


def test_everything_else_stays_as_it_is() -> None:
    matrix, text = np.zeros((2, 3), np.float32), Text("a")
    assert top(matrix, 1) is matrix
    assert top(text, 1) is text
    assert top(None, 1) is None
