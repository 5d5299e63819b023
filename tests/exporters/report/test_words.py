"""Figures in words: digits that carry meaning, unknown said so, reasons where int8 does not pay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeai_exporters.outcome import Layer, Ratio
from edgeai_exporters.report.figures import figures_of, is_share, size_share
from edgeai_exporters.report.slower import why_not_faster
from edgeai_exporters.report.words import cosine_text, headline, kept_text, quality_words, result_text
from tests.exporters.report.made_up import FLOAT, HALF, MIXED, OUTCOME, STATIC, only_cosine, quality

SLOW = Ratio(1.2, 1.1, 1.3)


@pytest.mark.parametrize(
    ("cosine", "text"),
    [
        (1.0, "1"),
        (0.9999999, "1"),
        (0.99996234, "0.999962"),
        (0.99531, "0.9953"),
        (0.363, "0.3630"),
        (-0.5, "-0.5000"),
        (None, "-"),
    ],
)
def test_cosines_have_as_many_digits_as_nines_need(cosine: float | None, text: str) -> None:
    assert cosine_text(cosine) == text


def test_a_rise_turns_its_interval_round() -> None:
    better = replace(MIXED, quality=quality(0.99, -0.01))
    assert quality_words(better) == "top1 rises by 1.00 [0.20, 1.60] points"


def test_a_metric_of_ones_own_is_in_its_own_unit() -> None:
    own = replace(MIXED, quality=quality(0.99, 0.25, metric="eval.py:score"))
    assert quality_words(own) == "eval.py:score falls by 0.25 [0.244, 0.258]"
    assert not is_share("eval.py:score")
    assert not is_share("error")
    assert is_share("nearest:corpus.txt")


@pytest.mark.parametrize(
    "unknown", [None, {}, {"metric": {"name": "cosine"}, "cosine": "high"}, {"metric": None}]
)
def test_unknown_quality_is_said_to_be(unknown: dict[str, object] | None) -> None:
    assert quality_words(replace(MIXED, quality=unknown)) == "quality not measured"


def test_unknown_and_odd_keys_are_passed_over() -> None:
    odd = {**quality(0.99, 0.01), "calibration": {"x": 1}, "passes": "yes", "samples": True}
    figures = figures_of(replace(MIXED, quality=odd))
    assert figures.cosine == 0.99
    assert figures.passes is None
    assert figures.samples is None


def test_headlines() -> None:
    assert headline(only_cosine(OUTCOME)) == (
        "onnx-int8-mixed is recommended: 0.48 [0.46, 0.50] of the float file's latency, "
        "0.35 of its size (31.2 MB of 90.4 MB), cosine 0.9953 with the source."
    )
    assert headline(replace(OUTCOME, tried=(FLOAT, STATIC, HALF))) == (
        "onnx-f32, in float, is recommended: 17.0 ms a run, 90.4 MB; of 2 quantized variants none was better."
    )
    assert headline(replace(OUTCOME, tried=(STATIC,))) == (
        "Nothing was shipped of 1 variant tried; budget: the metric falls by at most 0.005."
    )
    unmeasured = replace(MIXED, latency_s=None, ratio=None, latency_reason="the board is off")
    assert "latency not measured (the board is off), 31.2 MB, top1" in headline(
        replace(OUTCOME, tried=(unmeasured,))
    )


def test_size_is_held_against_the_float_file_of_the_same_format() -> None:
    other = replace(FLOAT, id="tflite-f32", format="tflite", size_bytes=45_200_000)
    outcome = replace(OUTCOME, tried=(FLOAT, other, replace(MIXED, format="tflite")))
    assert size_share(outcome, outcome.tried[2]) == pytest.approx(31.2 / 45.2)


def test_layers_that_are_kept_are_of_all() -> None:
    assert kept_text(MIXED) == "2 of 48"
    assert kept_text(FLOAT) == "-"


def test_what_is_shipped_over_the_budget_is_said_to_be() -> None:
    assert result_text(STATIC) == "left out"
    assert result_text(replace(STATIC, is_shipped=True)) == "over budget"
    assert result_text(MIXED) == "shipped"


@pytest.mark.parametrize(
    ("precision", "reason"),
    [
        ("f16", "CPUs have few f16 kernels"),
        ("w8", "only weights are small"),
        ("w4", "only weights are small"),
        ("int8-dynamic", "looks for the range of its inputs in every run"),
        ("int8-sym", "s8 by s8 slowly"),
        ("int8", "converting to int8 and back"),
    ],
)
def test_a_slow_variant_has_a_reason_by_what_it_is(precision: str, reason: str) -> None:
    slow = replace(HALF, precision=precision, ratio=SLOW)
    assert reason in (why_not_faster(slow) or "")


def test_dynamic_convolutions_and_kept_layers_are_reasons_of_their_own() -> None:
    dynamic = replace(HALF, precision="int8-dynamic", ratio=SLOW)
    layers = (Layer(dynamic.id, "conv1", "Conv", 0.1, None, False),)
    assert "dynamically quantized convolutions have slow kernels" in (why_not_faster(dynamic, layers) or "")
    mostly = replace(dynamic, kept=tuple("abcdef"), layers=8)
    assert "6 of 8 layers stay in higher precision" in (why_not_faster(mostly, layers) or "")


def test_only_what_is_surely_slower_is_called_slower_and_what_is_faster_needs_no_reason() -> None:
    doubtful = replace(HALF, ratio=Ratio(1.0, 0.97, 1.03))
    assert (why_not_faster(doubtful) or "").startswith("is not faster than float beyond doubt: ")
    assert (why_not_faster(replace(HALF, ratio=SLOW)) or "").startswith("is slower than float: ")
    assert why_not_faster(MIXED) is None
    assert why_not_faster(replace(FLOAT, ratio=SLOW)) is None
    assert why_not_faster(replace(HALF, ratio=None)) is None
