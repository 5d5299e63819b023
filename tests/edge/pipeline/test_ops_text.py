"""`tokenize@1` as a manifest calls it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tokenizers

from edgeai.errors import InputError
from edgeai.pipeline.ops.text import tokenize
from edgeai.pipeline.values import Text
from edgeai.steps import text as steps


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tokenizers.BertWordPieceTokenizer()
    library.train_from_iterator(["the quick brown fox"], vocab_size=60, show_progress=False)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    library.save(str(path))
    return path


def test_one_text_gives_the_three_inputs_of_a_model(tokenizer: Path) -> None:
    feed = tokenize("the quick fox", tokenizer=tokenizer)
    tokens = steps.tokenize(["the quick fox"], tokenizer)
    assert list(feed) == ["input_ids", "attention_mask", "token_type_ids"]
    for array, wanted in zip(feed.values(), (tokens.ids, tokens.mask, tokens.types), strict=True):
        assert array.dtype == np.int64
        assert array.tolist() == wanted.tolist()


def test_several_texts_make_a_batch(tokenizer: Path) -> None:
    feed = tokenize(["the quick brown fox", Text("fox", 0.9)], tokenizer=tokenizer)
    assert feed["attention_mask"].shape == feed["input_ids"].shape
    assert feed["attention_mask"].sum(axis=1).tolist() == [
        steps.tokenize([text], tokenizer).ids.shape[1] for text in ("the quick brown fox", "fox")
    ]


def test_a_batch_of_one_is_the_text_itself(tokenizer: Path) -> None:
    alone, batch = tokenize(Text("fox"), tokenizer=tokenizer), tokenize(["fox"], tokenizer=tokenizer)
    assert {name: array.tolist() for name, array in alone.items()} == {
        name: array.tolist() for name, array in batch.items()
    }


def test_names_and_dtype_are_those_of_the_model(tokenizer: Path) -> None:
    feed = tokenize("fox", tokenizer=tokenizer, ids="tokens", mask="lengths", types=None, dtype="i32")
    assert {name: array.dtype for name, array in feed.items()} == {
        "tokens": np.dtype(np.int32),
        "lengths": np.dtype(np.int32),
    }


def test_settings_reach_the_tokenizer(tokenizer: Path) -> None:
    feed = tokenize("fox", tokenizer=tokenizer, max_length=9, padding="fixed")
    assert feed["input_ids"].shape == (1, 9)
    with pytest.raises(InputError, match="at most 1 are taken"):
        tokenize("the quick brown fox", tokenizer=tokenizer, max_length=1, truncation=False)


def test_wrong_parameters_are_refused(tokenizer: Path) -> None:
    with pytest.raises(InputError, match="dtype is 'f32'; give one of: i64, i32"):
        tokenize("fox", tokenizer=tokenizer, dtype="f32")
    with pytest.raises(InputError, match="ids, mask and types are x, x; give each a name of its own"):
        tokenize("fox", tokenizer=tokenizer, ids="x", mask="x", types=None)
