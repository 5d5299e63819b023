"""How far outputs of one variant may be from another's."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeai.bundle import Variant
from edgeai.prepare.tolerance import tolerance_between


def variant(id_: str, precision: str | None = "f32", **tolerance: float) -> Variant:
    return Variant(id_, "onnx", Path("m.onnx"), precision, tolerance=tolerance)


def test_the_same_variant_must_agree_as_two_processes_do() -> None:
    int8 = variant("a", "int8", cosine=0.99)
    assert tolerance_between(int8, int8) is None


def test_an_int8_variant_may_be_as_far_from_full_precision_as_its_bundle_says() -> None:
    assert tolerance_between(variant("a"), variant("b", "int8", cosine=0.98)) == {"cosine": 0.98}
    assert tolerance_between(variant("a"), variant("b", "int8", abs=0.1, rel=0.01)) == {
        "abs": 0.1,
        "rel": 0.01,
    }


def test_what_both_may_be_off_adds_up() -> None:
    found = tolerance_between(variant("a", "int8", cosine=0.99), variant("b", "int8", cosine=0.98))
    assert found == {"cosine": pytest.approx(1 - 2 * (0.01 + 0.02))}


def test_without_a_stated_tolerance_the_precision_decides() -> None:
    assert tolerance_between(variant("a"), variant("b", "int8")) == {"cosine": 0.99}
    assert tolerance_between(variant("a"), variant("b", "f16")) == {"cosine": 0.9999}
    assert tolerance_between(variant("a", None), variant("b", None)) == {"cosine": 0.99}
