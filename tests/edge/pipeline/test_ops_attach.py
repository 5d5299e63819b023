"""attach: what later models said of each thing found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeai.errors import InputError
from edgeai.pipeline.ops.attach import attach
from edgeai.pipeline.values import Detections, Label, Labels, Text


def three(**more: Any) -> Detections:
    return Detections(
        boxes=np.arange(12, dtype=np.float32).reshape(3, 4),
        scores=np.array([0.75, 0.5, 0.25], np.float32),
        classes=np.array([7, 8, 9]),
        labels=("x", "y", "z"),
        keypoints=np.arange(12, dtype=np.float32).reshape(3, 2, 2),
        polygons=np.arange(24, dtype=np.float32).reshape(3, 4, 2),
        **more,
    )


LINES = [Text("one", 0.9), Text("", None), Text("three", 0.4)]
KINDS = [Labels((Label(0, "0", 0.95),)), Labels((Label(1, "180", 0.6),)), Labels(())]


def test_results_are_attached_row_by_row() -> None:
    found = attach(three(attached={"old": (1, 2, 3)}), with_={"text": LINES, "kind": KINDS})
    assert found.attached == {"old": (1, 2, 3), "text": tuple(LINES), "kind": tuple(KINDS)}
    assert found.boxes.tolist() == three().boxes.tolist()


def test_rows_with_nothing_in_them_may_be_dropped_with_all_that_belongs_to_them() -> None:
    found = attach(three(attached={"old": (1, 2, 3)}), with_={"text": LINES}, drop_empty=True)
    assert len(found) == 2
    assert found.boxes.tolist() == [[0, 1, 2, 3], [8, 9, 10, 11]]
    assert found.scores.tolist() == [0.75, 0.25]
    assert found.labels == ("x", "z")
    assert found.attached == {"old": (1, 3), "text": (LINES[0], LINES[2])}
    for array in (found.classes, found.keypoints, found.polygons):
        assert array is not None
        assert len(array) == 2
    assert len(attach(three(), with_={"kind": KINDS}, drop_empty=True)) == 2
    assert len(attach(three(), with_={"kind": KINDS, "text": LINES}, drop_empty=True)) == 1
    assert len(attach(three(), with_={"text": [Text(" \t", 0.9), None, Text("a")]}, drop_empty=True)) == 1


@pytest.mark.parametrize(
    ("least", "kept"), [(0.0, ["one", "three"]), (0.4, ["one", "three"]), (0.5, ["one"]), (0.95, [])]
)
def test_rows_that_score_less_may_be_dropped(least: float, kept: list[str]) -> None:
    found = attach(three(), with_={"text": LINES}, min_score=least)
    assert [text.text for text in found.attached["text"]] == kept


def test_labels_and_plain_numbers_have_scores_too() -> None:
    assert len(attach(three(), with_={"kind": KINDS}, min_score=0.6)) == 2
    assert len(attach(three(), with_={"kind": [0.5, 0.75, 1.0]}, min_score=0.75)) == 2
    assert len(attach(three(), with_={"kind": [Label(0, "a", 0.5)] * 3}, min_score=0.6)) == 0
    assert len(attach(three(), with_={"kind": KINDS, "text": LINES}, min_score=0.5)) == 1


def test_what_was_not_looked_at_gets_none() -> None:
    assert attach(three(), with_={"text": LINES[:1]}).attached["text"] == (LINES[0], None, None)
    assert attach(three(), with_={"text": []}).attached["text"] == (None, None, None)


def test_a_single_result_belongs_to_the_first() -> None:
    assert attach(three(), with_={"text": LINES[0]}).attached["text"] == (LINES[0], None, None)


def test_more_results_than_things_are_refused() -> None:
    with pytest.raises(InputError, match=r"with\.text has 4 results, and 3 things were found"):
        attach(three(), with_={"text": [*LINES, Text("four")]})


def test_nothing_found_and_nothing_to_attach() -> None:
    none = Detections(np.empty((0, 4), np.float32), np.empty(0, np.float32))
    found = attach(none, with_={"text": []}, drop_empty=True, min_score=0.5)
    assert len(found) == 0
    assert found.attached == {"text": ()}
    assert len(attach(three(), with_={}, drop_empty=True)) == 3
