"""Data that are texts: a CSV or JSON lines with a column of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeai.bundle import TensorSpec, list_specs
from edgeai.errors import ExportError, one_line

from ..arrays import Feed, Outputs
from . import Data
from .labels import label_column, read_class_names, to_classes
from .options import DataOptions
from .steps import Steps, make_steps
from .table import read_table, text_column

TOKENIZER = "tokenizer.json"
_IDS, _MASK, _TYPES = "input_ids", "attention_mask", "token_type_ids"
"""What transformers' exporters call the inputs of a language model."""


def open_text(spec: str, inputs: Sequence[TensorSpec], options: DataOptions) -> Data:
    """Texts of a table's column `text`, through declared steps with a tokenizer. Raises ExportError.

    A column `label` holds numbers of classes, or their names where `--labels` lists these.
    """
    steps = options.steps
    if steps is None:
        raise ExportError(
            f"{one_line(spec)} holds texts, and the model wants {list_specs(inputs)}: give --steps with the "
            f"model's {TOKENIZER}, or a manifest with a tokenize@1 step"
        )
    if steps.kind != "text":
        raise ExportError(f"{one_line(spec)} holds texts, and the steps take {steps.kind}")
    table = Path(spec)
    rows = read_table(table)
    column = text_column(rows, table)
    texts = [_text(row[column], f"{one_line(table)}: row {number}") for number, row in enumerate(rows, 1)]
    labels = _labels(rows, column, table, options.labels)

    def feed(row: int) -> Feed:
        return steps.feed(texts[row], f"{one_line(table)}: row {row + 1}")

    def batch(several: Sequence[int]) -> Feed:
        return steps.together([texts[row] for row in several], one_line(table))

    def answer(row: int, outputs: Outputs) -> Outputs:
        return steps.answer(outputs, feed(row))

    feed(0)
    return Data(
        count=len(texts),
        feed=feed,
        told=one_line(table.name),
        kind="text",
        label=None if labels is None else labels.__getitem__,
        names=[f"{table.name}:{number}" for number in range(1, len(texts) + 1)],
        stage=steps.fragment,
        files=steps.files,
        batch=batch if steps.takes_several else None,
        answer=answer if steps.has_answer else None,
    )


def is_tokenizer(path: Path) -> bool:
    """Whether a path is a Hugging Face tokenizer.json."""
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and {"model", "added_tokens"} <= set(found)


def tokenizer_steps(tokenizer: Path, inputs: Sequence[TensorSpec]) -> Steps:
    """Steps that tokenize for a model whose inputs are called as transformers call them. Raises ExportError.

    Texts are filled up to the model's length where it is fixed, else not at all; the mean of the tokens is no
    part of them, since not every model's answer is that.
    """
    names = {spec.name for spec in inputs}
    if _IDS not in names or names - {_IDS, _MASK, _TYPES}:
        raise ExportError(
            f"the model wants {list_specs(inputs)}, and which of them a tokenizer fills is unknown; give "
            "--steps with a manifest that has a tokenize@1 step"
        )
    ids = next(spec for spec in inputs if spec.name == _IDS)
    length = ids.shape[-1]
    call: dict[str, Any] = {
        "op": "tokenize@1",
        "tokenizer": TOKENIZER,
        "ids": _IDS,
        "mask": _MASK if _MASK in names else None,
        "types": _TYPES if _TYPES in names else None,
        "dtype": ids.dtype,
    }
    if isinstance(length, int):
        call |= {"max_length": length, "padding": "fixed"}
    return make_steps({"kind": "text"}, [call], inputs, {TOKENIZER: tokenizer})


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ExportError(f"{where}: the text is {one_line(repr(value), 60)}; give a string")
    return value


def _labels(rows: Sequence[dict[str, Any]], column: str, table: Path, file: Path | None) -> list[Any] | None:
    others = [{key: value for key, value in row.items() if key != column} for row in rows]
    if not others[0]:
        return None
    given = [row[label_column(others, table)] for row in others]
    if all(isinstance(each, str) for each in given):
        return to_classes(given, read_class_names(file), one_line(table))
    return given
