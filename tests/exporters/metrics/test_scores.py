"""The metrics of the table, each against figures worked out by hand or another library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeai.errors import ExportError
from edgeai_exporters.arrays import Outputs
from edgeai_exporters.metrics import METRICS
from edgeai_exporters.metrics.loading import default_metric, load_metric, score
from edgeai_exporters.metrics.vectors import cosine_of


def _classes(*rows: list[float]) -> list[Outputs]:
    return [{"y": np.array([row], np.float32)} for row in rows]


def test_top1_is_one_where_the_likeliest_class_is_the_label() -> None:
    outputs = _classes([0.1, 0.9], [0.8, 0.2], [0.3, 0.7])
    assert load_metric("top1")(outputs, [1, 1, 1], outputs).tolist() == [1, 0, 1]


def test_top1_of_a_segmented_picture_is_the_share_of_places() -> None:
    outputs = [{"y": np.array([[[0.1, 0.9], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7]]], np.float32)}]
    assert load_metric("top1")(outputs, [np.array([1, 0, 1, 1])], outputs).tolist() == [0.75]


@pytest.mark.parametrize(
    ("label", "says"),
    [(2, "has 2 classes, 0 to 1"), (-1, "has 2 classes"), ("cat", "wants the number of a class")],
)
def test_top1_refuses_labels_of_another_model(label: object, says: str) -> None:
    outputs = _classes([0.1, 0.9])
    with pytest.raises(ExportError, match=says):
        load_metric("top1")(outputs, [label], outputs)


def test_top1_without_labels_says_what_to_do() -> None:
    with pytest.raises(ExportError, match="--metric cosine"):
        load_metric("top1")(_classes([0.1, 0.9]), None, _classes([0.1, 0.9]))


def test_agreement_is_with_the_sources_class() -> None:
    outputs, reference = _classes([0.1, 0.9], [0.8, 0.2]), _classes([0.2, 0.8], [0.4, 0.6])
    assert load_metric("top1_agreement")(outputs, None, reference).tolist() == [1, 0]


def test_the_cosine_of_a_sample_is_the_mean_over_its_outputs() -> None:
    outputs = [{"a": np.array([[1.0, 0.0]]), "b": np.array([[1.0, 1.0]])}]
    reference = [{"a": np.array([[1.0, 1.0]]), "b": np.array([[2.0, 2.0]])}]
    assert load_metric("cosine")(outputs, None, reference) == pytest.approx([(np.sqrt(0.5) + 1) / 2])


def test_the_cosine_of_what_is_not_finite_is_zero_and_of_two_zeros_one() -> None:
    ones, zeros = np.ones(3, np.float32), np.zeros(3, np.float32)
    assert cosine_of(np.array([1, np.nan, 1], np.float32), ones) == 0
    assert cosine_of(np.array([np.inf, 1, 1], np.float32), ones) == 0
    assert cosine_of(zeros, zeros) == 1
    assert cosine_of(zeros, ones) == 0
    assert cosine_of(ones * np.float32(3e38), ones) == pytest.approx(1)  # squares of f32 would overflow


def test_whole_numbers_count_by_equality() -> None:
    assert cosine_of(np.array([1, 2, 3, 4]), np.array([1, 2, 3, 5])) == 0.75


def test_nearest_finds_the_neighbours_that_the_source_finds() -> None:
    reference = [{"y": np.array([[x, 1.0]], np.float32)} for x in (0.0, 0.1, 0.3, 2.0)]
    # The second moves beside the last, which changes its nearest; the first's too, now the third.
    variant = [{"y": np.array([[x, 1.0]], np.float32)} for x in (0.0, 1.9, 0.3, 2.0)]
    # Source: 0 -> 1, 1 -> 0, 2 -> 1, 3 -> 2. Variant: 0 -> 2, 1 -> 3, 2 -> 0, 3 -> 1.
    assert load_metric("nearest")(reference, None, reference).tolist() == [1, 1, 1, 1]
    assert load_metric("nearest")(variant, None, reference).tolist() == [0, 0, 0, 0]


def test_of_two_equal_neighbours_either_is_right() -> None:
    reference = [{"y": np.array([row], np.float32)} for row in ([1, 0], [1, 0], [1, 0], [0, 1])]
    assert load_metric("nearest")(reference[::-1][::-1], None, reference).tolist() == [1, 1, 1, 1]


def test_nearest_takes_the_mean_of_tokens_and_refuses_too_few() -> None:
    random = np.random.default_rng(0)
    outputs = [{"y": random.normal(size=(1, length, 4)).astype(np.float32)} for length in (2, 5, 3, 4)]
    pooled = [{"y": each["y"].mean(axis=1)} for each in outputs]
    metric = load_metric("nearest")
    assert metric(pooled, None, outputs).tolist() == [1, 1, 1, 1]
    with pytest.raises(ExportError, match="needs 3 samples"):
        metric(outputs[:2], None, outputs[:2])


def test_error_is_relative_to_the_size_of_each_output() -> None:
    reference = [{"a": np.full((1, 4), 100.0), "b": np.full((1, 2), 1.0)}]
    outputs = [{"a": np.full((1, 4), 101.0), "b": np.full((1, 2), 1.1)}]
    assert load_metric("error")(outputs, None, reference) == pytest.approx([-(0.01 + 0.1) / 2])


def _steps(*classes: int) -> Outputs:
    return {"y": np.eye(4, dtype=np.float32)[list(classes)][None]}


def test_characters_counts_edits_over_the_mean_length(tmp_path: Path) -> None:
    vocabulary = tmp_path / "keys.txt"
    vocabulary.write_text("a\nb\nc\n")
    # Repeats are one, blanks (0) divide: "aab", "c".
    outputs = [_steps(1, 1, 0, 1, 2), _steps(0, 3, 3, 0)]
    metric = load_metric(f"characters:{vocabulary}")
    assert metric(outputs, ["aab", "c"], outputs).tolist() == [1, 1]
    # "ab": one deletion; "ba": replaced and added; mean length 2.
    assert metric(outputs, ["ab", "ba"], outputs).tolist() == [1 - 1 / 2, 1 - 2 / 2]
    assert load_metric("characters")(outputs, [[1, 1, 2], [3]], outputs).tolist() == [1, 1]
    assert load_metric("characters")(outputs, None, [outputs[1], outputs[1]]).tolist() == [1 - 3, 1]


def test_characters_refuses_a_vocabulary_of_another_model(tmp_path: Path) -> None:
    vocabulary = tmp_path / "keys.txt"
    vocabulary.write_text("a\n")
    with pytest.raises(ExportError, match="has 1 tokens, and the model 4 classes"):
        load_metric(f"characters:{vocabulary}")([_steps(1)], ["a"], [_steps(1)])


def test_a_users_own_metric_is_a_score_or_a_function_of_one_sample(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "def each(outputs, label):\n    return float(outputs['y'][0, label])\n"
        "def all(outputs, labels, reference):\n    return [len(outputs)] * len(outputs)\n"
        "def broken(outputs, label):\n    raise KeyError('logits')\n"
    )
    outputs = _classes([0.25, 0.75], [0.5, 0.5])
    assert load_metric(f"{file}:each")(outputs, [1, 0], outputs).tolist() == [0.75, 0.5]
    assert load_metric(f"{file}:all")(outputs, None, outputs).tolist() == [2, 2]
    with pytest.raises(ExportError, match=r"mine.py:broken failed: .*logits.* \(KeyError\)"):
        load_metric(f"{file}:broken")(outputs, [1, 0], outputs)
    with pytest.raises(ExportError, match="has no function 'none'"):
        load_metric(f"{file}:none")
    with pytest.raises(ExportError, match="no such file"):
        load_metric(f"{tmp_path / 'other.py'}:each")


def test_an_unknown_metric_lists_the_known_ones() -> None:
    with pytest.raises(ExportError, match=f"one of: {', '.join(METRICS)}"):
        load_metric("f1")


def test_scores_that_are_not_one_finite_number_a_sample_are_refused() -> None:
    outputs = _classes([0.1, 0.9], [0.8, 0.2])
    with pytest.raises(ExportError, match="one number a sample"):
        score("mine", lambda outputs, labels, reference: np.zeros(3), outputs, None, outputs)
    with pytest.raises(ExportError, match="gave nan for sample 1"):
        score("mine", lambda outputs, labels, reference: np.array([1, np.nan]), outputs, None, outputs)


def test_the_default_is_top1_for_labelled_classes_and_cosine_for_all_else() -> None:
    classes, picture = _classes([0.1, 0.9])[0], {"y": np.zeros((1, 3, 8, 8), np.float32)}
    assert default_metric(True, classes) == "top1"
    assert default_metric(False, classes) == "cosine"
    assert default_metric(True, picture) == "cosine"
