"""What `edgeai export --json` writes is what export.schema.json says, field by field and nothing besides."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from importlib import resources
from pathlib import PurePosixPath
from typing import Any

import jsonschema
import numpy as np
import pytest

from edgeai_exporters.outcome import Layer, Outcome, Ratio, Tried
from edgeai_exporters.report import document
from edgeai_exporters.report.document import plain
from tests.exporters.report.made_up import FLOAT, MIXED, OUTCOME, STATIC, many, only_cosine

SCHEMA: dict[str, Any] = json.loads(
    resources.files("edgeai_exporters.report").joinpath("export.schema.json").read_text("utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "outcome",
    [OUTCOME, only_cosine(OUTCOME), many(25, 300), replace(OUTCOME, tried=())],
    ids=["metric", "cosine", "many", "none"],
)
def test_documents_are_as_the_schema_says_and_survive_json(outcome: Outcome) -> None:
    found = document(outcome)
    VALIDATOR.validate(found)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize(("name", "kind"), [("Tried", Tried), ("Ratio", Ratio), ("Layer", Layer)])
def test_the_schema_names_all_fields_and_no_others(name: str, kind: Any) -> None:
    fields = {each.name for each in dataclasses.fields(kind)}
    assert set(SCHEMA["$defs"][name]["properties"]) == fields
    assert set(SCHEMA["$defs"][name]["required"]) == fields


def test_the_document_has_the_fields_of_the_outcome_and_three_of_its_own() -> None:
    fields = {each.name for each in dataclasses.fields(Outcome)} | {"schema", "kind", "recommended"}
    assert set(SCHEMA["properties"]) == fields == set(SCHEMA["required"])


def test_every_field_is_described() -> None:
    tables = [SCHEMA, *SCHEMA["$defs"].values()]
    assert all(entry["description"] for table in tables for entry in table["properties"].values())


def test_the_schema_refuses_what_is_not_a_document() -> None:
    assert not VALIDATOR.is_valid(document(OUTCOME) | {"more": 1})
    assert not VALIDATOR.is_valid(document(OUTCOME) | {"calibration": "guessed"})


def test_the_recommended_variant_is_the_fastest_that_is_shipped_and_keeps_the_budget() -> None:
    assert document(OUTCOME)["recommended"] == "onnx-int8-mixed"
    over = replace(OUTCOME, tried=(FLOAT, MIXED, replace(STATIC, is_shipped=True)))
    assert document(over)["recommended"] == "onnx-int8-mixed"  # STATIC is faster and over the budget
    assert document(replace(OUTCOME, tried=(STATIC,)))["recommended"] is None


def test_the_smallest_is_recommended_with_prefer_size_and_where_no_latency_is_known() -> None:
    small = replace(MIXED, id="onnx-int4", size_bytes=9_000_000, latency_s=0.02)
    tried = (FLOAT, MIXED, small)
    assert document(replace(OUTCOME, tried=tried))["recommended"] == "onnx-int8-mixed"
    assert document(replace(OUTCOME, tried=tried, settings={"prefer": "size"}))["recommended"] == "onnx-int4"
    unknown = tuple(replace(each, latency_s=None, ratio=None) for each in tried)
    assert document(replace(OUTCOME, tried=unknown))["recommended"] == "onnx-int4"


def test_what_is_not_json_becomes_json() -> None:
    given = {
        "path": PurePosixPath("a/b"),
        "numbers": (np.float32(0.5), float("nan"), np.arange(2)),
        "set": {"b", "a"},
        3: None,
    }
    assert plain(given) == {
        "path": "a/b",
        "numbers": [0.5, None, [0, 1]],
        "set": ["a", "b"],
        "3": None,
    }
