"""Answers of pipelines: what is the same in spite of rounding, and what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeai.errors import WorkerError
from edgeai.measure.answers import Answers, answers_of, difference, keep, kept
from edgeai.pipeline.result import Result
from edgeai.pipeline.values import Detections, Event, Label, Labels, Outputs, Text


def answers(*values: Any) -> Answers:
    return answers_of([Result(value, start_s=0.5 * turn, end_s=0.5) for turn, value in enumerate(values)])


def boxes(left: float = 10.0, score: float = 0.9, label: str = "cat", count: int = 2) -> Detections:
    rows = np.array([[left, 20, 30, 400]] * count, np.float32)
    return Detections(rows, np.full(count, score, np.float32), labels=(label,) * count)


@pytest.mark.parametrize(
    "value",
    [
        boxes(),
        Labels((Label(3, "dog", 0.75), Label(1, "cat", 0.25))),
        Text("two lines", 0.5),
        Event("wake", 1.0, None, 0.9),
        Outputs({"y": np.array([[0.1, np.nan]], np.float32)}),
        {"a": [1, 2.5, "x", None, True]},
        [],
        None,
        np.zeros((40, 40), np.float32),
    ],
)
def test_answers_agree_with_themselves_through_a_folder(value: Any, tmp_path: Path) -> None:
    keep(tmp_path, answers(value))
    assert difference(kept(tmp_path), answers(value)) is None


def test_fractions_agree_within_a_thousandth_of_the_largest_in_their_place() -> None:
    assert difference(answers(boxes(left=10.0)), answers(boxes(left=10.3))) is None  # of 400 pixels
    assert difference(answers(boxes(left=10.0)), answers(boxes(left=10.5))) == (
        "answer[0].value[0].box[0] is 10.5, first it was 10"
    )


def test_places_have_their_own_scale_however_many_items_there_are() -> None:
    # Scores are not judged by the size of boxes, nor by each other's index.
    assert difference(answers(boxes(score=0.9)), answers(boxes(score=0.9005))) is None
    told = difference(
        answers(boxes(score=0.9), boxes(score=0.01)), answers(boxes(score=0.9), boxes(score=0.02))
    )
    assert told == "answer[1].value[0].score is 0.02, first it was 0.01"


def test_a_step_of_rounding_is_no_difference() -> None:
    assert difference(answers(Text("x", 0.00004)), answers(Text("x", 0.00006))) is None


@pytest.mark.parametrize(
    ("want", "have", "told"),
    [
        (boxes(), boxes(label="dog"), 'answer[0].value[0].label is "dog", first it was "cat"'),
        (boxes(), boxes(count=3), "the length of answer[0].value is 3, first it was 2"),
        (Text("a"), Text("b"), 'answer[0].value.text is "b", first it was "a"'),
        (3, 4, "answer[0].value is 4, first it was 3"),
        (1, True, "answer[0].value is true, first it was 1"),
        (0.5, None, "answer[0].value is null, first it was 0.5"),
        ([0.5], 0.5, "answer[0].value is 0.5, first it was [0.5]"),
        ({"a": 1}, {"b": 1}, 'answer[0].value is {"b": 1}, first it was {"a": 1}'),
        ("x" * 100, "y", f'answer[0].value is "y", first it was "{"x" * 56}...'),
    ],
)
def test_what_is_not_the_same_is_told_with_its_place(want: Any, have: Any, told: str) -> None:
    assert difference(answers(want), answers(have)) == told


def test_another_number_of_answers_is_told() -> None:
    assert difference(answers(1, 2), answers(1)) == "the length of answer is 1, first it was 2"
    assert difference(answers(), answers()) is None


def test_times_of_answers_are_compared_too() -> None:
    one, other = ([Result("x", start_s=start_s, end_s=9.0)] for start_s in (1.0, 1.1))
    assert difference(answers_of(one), answers_of(other)) == "answer[0].start_s is 1.1, first it was 1"


def test_large_arrays_are_kept_as_arrays_and_compared_as_outputs_of_a_model_are(tmp_path: Path) -> None:
    mask = np.random.default_rng(0).random((1, 40, 40), dtype=np.float32)
    made = answers(Outputs({"mask": mask, "score": np.array([0.5], np.float32)}))
    assert made.plain[0]["value"] == {"mask": {"array": "float32[1, 40, 40]"}, "score": [0.5]}
    keep(tmp_path, made)
    near, far = mask + np.float32(0.0005), mask + np.float32(0.01)
    score = np.array([0.5], np.float32)
    assert difference(kept(tmp_path), answers(Outputs({"mask": near, "score": score}))) is None
    told = difference(kept(tmp_path), answers(Outputs({"mask": far, "score": score})))
    assert told is not None
    assert told.startswith("float32[1, 40, 40] differs by 0.01 ")


def test_arrays_of_one_kind_are_kept_together_however_many_there_are(tmp_path: Path) -> None:
    rows = [np.full(20, turn, np.float32) for turn in range(100)]
    keep(tmp_path, answers(*rows))
    assert kept(tmp_path).arrays["float32[20]"].shape == (100, 20)
    assert difference(kept(tmp_path), answers(*rows)) is None
    rows[50] = rows[50] + 1
    assert "differs by 1" in (difference(kept(tmp_path), answers(*rows)) or "")


def test_a_folder_that_is_full_or_gone_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    folder.mkdir()
    (folder / "answers.json").mkdir()
    with pytest.raises(WorkerError, match=r"cannot hold the answers of the pipeline: .*; free space there"):
        keep(folder, answers(1))
