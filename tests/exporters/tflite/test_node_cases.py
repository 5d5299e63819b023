"""onnx's own node tests: what is written gives the expected outputs, everything else is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("ai_edge_litert")

import edgeai_exporters.tflite  # noqa: E402
from tests.exporters.tflite.node_cases import Result, document, results  # noqa: E402

OPERATORS = Path(edgeai_exporters.tflite.__file__).with_name("OPERATORS.md")


@pytest.fixture(scope="module")
def found() -> list[Result]:
    return results()


def test_no_case_gives_a_wrong_answer(found: list[Result]) -> None:
    assert [result for result in found if result.status == "wrong"] == []


def test_at_least_1328_cases_pass(found: list[Result]) -> None:
    assert sum(result.status == "passes" for result in found) >= 1328


def test_no_refusal_is_an_accident_of_ours(found: list[Result]) -> None:
    accidents = ("cannot be written like this", "its output would be")
    assert [result for result in found if any(word in result.why for word in accidents)] == []


def test_what_is_refused_is_named_with_what_to_do(found: list[Result]) -> None:
    refused = [result for result in found if result.status == "refused"]
    assert [result.why for result in refused if "'" not in result.why] == []
    hints = ("--format onnx", "is the model sound", "give one")
    assert [result.why for result in refused if not any(hint in result.why for hint in hints)] == []


@pytest.mark.skipif(not onnx.__version__.startswith("1.23."), reason="counts are those of onnx 1.23's tests")
def test_the_document_of_operators_is_what_was_found(found: list[Result]) -> None:
    told = OPERATORS.read_text().replace("onnx 1.23.2", f"onnx {onnx.__version__}")
    assert told == document(found), "print it anew: python -m tests.exporters.tflite.node_cases"
