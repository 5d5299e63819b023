"""Texts become tokens through a tokenizer: one at a time, or several filled up to the longest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgeai.bundle import TensorSpec
from edgeai.errors import ExportError
from edgeai_exporters.data.opening import open_data

tokenizers = pytest.importorskip("tokenizers")

OPEN = tuple(TensorSpec(name, "i64", ("N", "T")) for name in ("input_ids", "attention_mask"))
FIXED = (TensorSpec("input_ids", "i32", (1, 6)),)
WORDS = {"[PAD]": 0, "[UNK]": 1, "turn": 2, "on": 3, "off": 4, "the": 5, "light": 6}


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    library = tokenizers.Tokenizer(tokenizers.models.WordLevel(WORDS, unk_token="[UNK]"))  # noqa: S106 - no password
    library.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    library.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "intents.csv"
    path.write_text('text,label\nturn on the light,on\noff,off\n"turn, off",off\n')
    return path


def test_a_tokenizer_stands_for_the_steps(tokenizer: Path, table: Path) -> None:
    data = open_data(table, OPEN, steps=tokenizer)
    assert (data.count, data.kind) == (3, "text")
    assert data.feed(0)["input_ids"].tolist() == [[2, 3, 5, 6]]
    assert data.feed(1)["attention_mask"].tolist() == [[1]]
    assert data.labels() == ["on", "off", "off"]
    assert data.stage is not None
    assert data.stage["pre"][0]["op"] == "tokenize@1"
    assert data.files == {"tokenizer.json": tokenizer}


def test_several_texts_are_filled_up_to_the_longest(tokenizer: Path, table: Path) -> None:
    data = open_data(table, OPEN, steps=tokenizer)
    assert data.batch is not None
    batch = data.batch([1, 0])
    assert batch["input_ids"].tolist() == [[4, 0, 0, 0], [2, 3, 5, 6]]
    assert batch["attention_mask"].tolist() == [[1, 0, 0, 0], [1, 1, 1, 1]]


def test_a_fixed_length_is_filled_up(tokenizer: Path, table: Path) -> None:
    feed = open_data(table, FIXED, steps=tokenizer).feed(0)["input_ids"]
    assert (feed.dtype, feed.tolist()) == (np.int32, [[2, 3, 5, 6, 0, 0]])


def test_names_of_classes_number_the_labels(tokenizer: Path, table: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("off\non\n")
    data = open_data(table, OPEN, steps=tokenizer, labels=tmp_path / "names.txt")
    assert data.labels() == [1, 0, 0]


def test_json_lines_and_a_manifest_do_as_well(tokenizer: Path, tmp_path: Path) -> None:
    lines = tmp_path / "d.jsonl"
    lines.write_text('{"text": "turn off", "label": 3}\n\n{"text": "light", "label": 0}\n')
    manifest = tmp_path / "manifest.json"
    call = {"op": "tokenize@1", "tokenizer": "tokenizer.json", "types": None}
    stage = {"run": "lm", "pre": [call], "post": [{"op": "pool@1"}, {"op": "l2_normalize@1"}]}
    manifest.write_text(
        json.dumps(
            {
                "schema": 1,
                "id": "acme/lm",
                "version": "1.0.0",
                "source": {"kind": "text"},
                "models": {"lm": {}},
                "pipeline": [stage],
                "assets": ["tokenizer.json"],
            }
        )
    )
    data = open_data(lines, OPEN, steps=manifest)
    assert data.labels() == [3, 0]
    assert data.feed(0)["input_ids"].tolist() == [[2, 4]]
    assert data.answer is not None
    hidden = np.array([[[3.0, 0.0], [3.0, 8.0]]], np.float32)
    answer = next(iter(data.answer(0, {"last_hidden_state": hidden}).values()))
    np.testing.assert_allclose(answer, [[0.6, 0.8]], atol=1e-6)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"text": "a", "label": 1}\n{"text": "b"}\n', "row 2 has text, the first has text, label"),
        ('{"text": "a"}\nnot json\n', r"d\.jsonl:2: not JSON"),
        ('{"text": 3}\n', "row 1: the text is 3; give a string"),
        ('{"this": "a", "that": "b"}\n', "call that of the texts `text`"),
        ("\n", "has no lines"),
    ],
)
def test_tables_that_cannot_be_read_are_told(
    tokenizer: Path, tmp_path: Path, content: str, says: str
) -> None:
    (tmp_path / "d.jsonl").write_text(content)
    with pytest.raises(ExportError, match=says):
        open_data(tmp_path / "d.jsonl", OPEN, steps=tokenizer)


def test_texts_without_a_tokenizer_ask_for_one(table: Path) -> None:
    with pytest.raises(ExportError, match=r"give --steps with the model's tokenizer\.json"):
        open_data(table, OPEN)


def test_inputs_of_other_names_ask_for_a_manifest(tokenizer: Path, table: Path) -> None:
    with pytest.raises(ExportError, match="which of them a tokenizer fills is unknown"):
        open_data(table, (TensorSpec("tokens", "i64", ("N", "T")),), steps=tokenizer)
