"""`pool@1` and `l2_normalize@1` as a manifest calls them."""

from __future__ import annotations

import numpy as np
import pytest

from edgeai.errors import InputError
from edgeai.pipeline.ops.embed import l2_normalize, pool
from edgeai.pipeline.values import Outputs

HIDDEN = np.array([[[1, 2], [3, 6], [100, 100]], [[5, 5], [7, 9], [9, 1]]], np.float32)
MASK = np.array([[1, 1, 0], [1, 1, 1]])


def outputs(**feed: np.ndarray) -> Outputs:
    return Outputs({"last_hidden_state": HIDDEN}, feed)


def test_the_mask_that_went_in_tells_tokens_from_padding() -> None:
    given = outputs(input_ids=np.zeros((2, 3)), attention_mask=MASK)
    assert pool(given).tolist() == [[2, 4], [7, 5]]
    assert pool(given, how="max").tolist() == [[3, 6], [9, 9]]
    assert pool(given, how="cls").tolist() == [[1, 2], [5, 5]]


def test_the_mask_goes_by_the_name_that_the_model_has_for_it() -> None:
    assert pool(outputs(tokens=MASK), mask="tokens").tolist() == [[2, 4], [7, 5]]


def test_without_a_mask_all_are_tokens() -> None:
    given = Outputs({"y": HIDDEN[1:]}, HIDDEN)
    assert pool(given, mask=None).tolist() == [[7, 5]]


def test_of_several_outputs_one_is_named() -> None:
    given = Outputs({"a": HIDDEN, "b": HIDDEN * 2}, {"attention_mask": MASK})
    assert pool(given, tensor="b").tolist() == [[4, 8], [14, 10]]
    with pytest.raises(InputError, match="tensor is missing; the model's outputs are a, b"):
        pool(given)


def test_a_mask_that_did_not_go_in_is_named() -> None:
    with pytest.raises(InputError, match="mask is 'attention_mask', which did not go into the model"):
        pool(outputs(input_ids=MASK))
    with pytest.raises(InputError, match=r"\(ndarray did\)"):
        pool(Outputs({"y": HIDDEN}, HIDDEN))


def test_what_pooling_gave_is_normalized() -> None:
    vectors = l2_normalize(pool(outputs(attention_mask=MASK)))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(vectors[0], np.array([1, 2]) / np.sqrt(5), rtol=1e-6)


def test_a_models_own_vectors_are_normalized() -> None:
    given = Outputs({"embedding": np.array([[3, 4]], np.float32), "other": HIDDEN})
    np.testing.assert_allclose(l2_normalize(given, tensor="embedding"), [[0.6, 0.8]], rtol=1e-7)


def test_what_is_no_array_is_refused() -> None:
    with pytest.raises(InputError, match="l2_normalize takes an array of vectors, it got a dict"):
        l2_normalize({})
