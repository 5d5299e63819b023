"""softmax, sigmoid, top_k and score on what a model gave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.special

from edgeai.errors import InputError
from edgeai.pipeline.ops.classify import score, sigmoid, softmax, top_k
from edgeai.pipeline.values import Label, Labels, Outputs


def outputs(*rows: list[float], **more: Any) -> Outputs:
    return Outputs({"y": np.array(rows, np.float32), **more}, feed="what went in")


def names_file(folder: Path, *names: str) -> Path:
    path = folder / "labels.txt"
    path.write_text("\n".join(names), encoding="utf-8")
    return path


def test_softmax_and_sigmoid_replace_one_output_and_keep_the_rest() -> None:
    value = outputs([1, 2, 3], z=np.ones(2))
    soft, sigm = softmax(value, tensor="y"), sigmoid(value, tensor="y", clip=2.5)
    np.testing.assert_allclose(soft.tensors["y"], [scipy.special.softmax([1.0, 2, 3])], rtol=1e-6)
    np.testing.assert_allclose(sigm.tensors["y"], [scipy.special.expit([1.0, 2, 2.5])], rtol=1e-6)
    for found in (soft, sigm):
        assert found.feed == "what went in"
        assert found.tensors["z"] is value.tensors["z"]
    assert value.tensors["y"].tolist() == [[1, 2, 3]]


def test_the_only_output_needs_no_name_and_of_several_one_must_be_named() -> None:
    assert softmax(outputs([0, 0])).tensors["y"].tolist() == [[0.5, 0.5]]
    several = outputs([0, 0], z=np.ones(2))
    with pytest.raises(InputError, match="tensor is missing; the model's outputs are y, z"):
        softmax(several)
    with pytest.raises(InputError, match="tensor is 'x'; the model's outputs are y, z"):
        top_k(several, tensor="x")


def test_top_k_names_the_best_classes(tmp_path: Path) -> None:
    labels = names_file(tmp_path, "cat", "dog", "fox")
    assert top_k(outputs([0.25, 0.625, 0.125]), k=2, labels=labels) == Labels(
        (Label(1, "dog", 0.625), Label(0, "cat", 0.25))
    )


def test_labels_may_be_json_and_without_them_the_index_is_the_name(tmp_path: Path) -> None:
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps(["cat", "dog"]), encoding="utf-8")
    assert top_k(outputs([0.25, 0.75]), k=1, labels=labels) == Labels((Label(1, "dog", 0.75),))
    assert top_k(outputs([0.25, 0.75]), k=1) == Labels((Label(1, "1", 0.75),))


def test_k_may_be_more_than_there_are_classes() -> None:
    found = top_k(outputs([0.25, 0.75]))
    assert isinstance(found, Labels)
    assert [label.index for label in found.top] == [1, 0]


def test_a_batch_gives_a_list_and_a_vector_is_one_item() -> None:
    found = top_k(outputs([0, 1], [1, 0], [0, 2]), k=1)
    assert isinstance(found, list)
    assert [labels.top[0].index for labels in found] == [1, 0, 1]
    assert top_k(Outputs({"y": np.array([0, 1, 0])}), k=1) == Labels((Label(1, "1", 1.0),))
    assert top_k(Outputs({"y": np.empty((0, 3))})) == []


def test_classes_below_their_threshold_are_left_out(tmp_path: Path) -> None:
    labels = names_file(tmp_path, "text", "code", "image")

    def names(*scores: float) -> list[str]:
        found = top_k(
            outputs([*scores]), labels=labels, threshold=0.5, thresholds={"code": 0.9, "text": 0.25}
        )
        assert isinstance(found, Labels)
        return [label.name for label in found.top]

    assert names(0.0, 0.875, 0.125) == []
    assert names(0.0, 0.9375, 0.0) == ["code"]
    assert names(0.25, 0.125, 0.5) == ["image", "text"]  # on the threshold stays


def test_logits_below_zero_are_not_left_out_unless_asked() -> None:
    assert top_k(outputs([-3, -1]), k=1) == Labels((Label(1, "1", -1.0),))


def test_labels_and_thresholds_must_fit_the_output(tmp_path: Path) -> None:
    labels = names_file(tmp_path, "cat", "dog")
    with pytest.raises(InputError, match=r"labels\.txt has 2 names, and the output 3 classes"):
        top_k(outputs([1, 2, 3]), labels=labels)
    with pytest.raises(InputError, match="thresholds has bird, which labels does not name"):
        top_k(outputs([1, 2]), labels=labels, thresholds={"bird": 0.5, "cat": 0.5})
    with pytest.raises(InputError, match="k is 0; give 1 or more"):
        top_k(outputs([1, 2]), k=0)


def test_score_is_one_number() -> None:
    assert score(outputs([0.25])) == 0.25
    assert score(Outputs({"y": np.array(0.5)})) == 0.5
    assert score(Outputs({"y": np.array([[[0.5]]])})) == 0.5
    assert score(outputs([0.25, 0.75]), index=1) == 0.75
    assert score(outputs([0.25, 0.75]), index=-2) == 0.25
    assert score(outputs([0.25, 0.75], [0.5, 0.0]), index=0) == [0.25, 0.5]
    assert isinstance(score(outputs([0.25])), float)


def test_score_says_which_number_is_missing() -> None:
    with pytest.raises(InputError, match="index is missing: the output has 2 numbers"):
        score(outputs([0.25, 0.75]))
    with pytest.raises(InputError, match="index is 2, and the output has 2 numbers"):
        score(outputs([0.25, 0.75]), index=2)
