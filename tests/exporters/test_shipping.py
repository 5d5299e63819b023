"""Which variants are shipped, and why the others are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from edgeai.measure.statistics import Estimate
from edgeai_exporters.outcome import Ratio
from edgeai_exporters.quality import MetricFigures, Quality
from edgeai_exporters.search.found import FLOAT, Found, Timing
from edgeai_exporters.search.found import Quality as Searched
from edgeai_exporters.shipping import Candidate, Choice, choose, in_order


def candidate(
    scheme: str, share: float, ratio: float | None, size: int, *, missed: tuple[str, ...] = (), **more: Any
) -> Candidate:
    """One that is right on a share of the samples."""
    value = Estimate(share, None, None)
    timing = None if ratio is None else Timing(ratio * 1e-3, Ratio(ratio, ratio - 0.01, ratio + 0.01), 9)
    found = Found(
        scheme=scheme,
        format="onnx",
        precision="f32" if scheme == FLOAT else "int8",
        path=Path("m.onnx"),
        size_bytes=size,
        quality=Searched(share, None, None, 0.0, None, None, 9),
        is_within=True,
        timing=timing,
        latency_reason="" if timing else "nothing measures on the target",
        is_slower=None if ratio is None else ratio > 1.01,
        **more,
    )
    quality = Quality(
        *("m", scheme, "onnx", "onnxruntime", "d.npz", "arrays", 9, size, 0.1, 0.01, 0.99, 0.98, None),
        MetricFigures("top1", value, value, value),
        missed=missed,
    )
    return Candidate(found, quality)


SOURCE = candidate(FLOAT, 1.0, 1.0, 1000)


def chosen(*candidates: Candidate, prefer: str = "speed", allow_drop: bool = False) -> dict[str, Choice]:
    found = choose([SOURCE, *candidates], prefer=prefer, allow_drop=allow_drop)
    return {each.candidate.found.scheme: each for each in found}


def test_the_float_file_is_always_shipped() -> None:
    assert chosen(candidate("better", 1.0, 0.2, 100))[FLOAT].is_shipped


def test_what_misses_the_budget_is_left_out_with_the_reason() -> None:
    missing = candidate("int8", 0.5, 0.2, 100, missed=("the metric falls by 0.5",))
    choice = chosen(missing)["int8"]
    assert not choice.is_shipped
    assert choice.why == "the metric falls by 0.5"
    allowed = chosen(missing, allow_drop=True)["int8"]
    assert allowed.is_shipped
    assert "outside the budget (the metric falls by 0.5)" in allowed.why


def test_what_gives_nan_is_not_shipped_even_if_a_drop_is_allowed() -> None:
    broken = candidate("int8", 1.0, 0.2, 100)
    assert broken.quality is not None
    broken = replace(broken, quality=replace(broken.quality, problems=("output y is NaN",)))
    assert not chosen(broken, allow_drop=True)["int8"].is_shipped


def test_what_is_slower_than_float_is_shipped_by_size_alone() -> None:
    slow = candidate("int4", 1.0, 1.5, 100)
    assert "no faster than its float source" in chosen(slow)["int4"].why
    assert chosen(slow, prefer="size")["int4"].is_shipped


def test_unknown_latency_removes_nothing() -> None:
    found = chosen(candidate("a", 0.99, None, 300), candidate("b", 0.999, None, 400))
    assert all(each.is_shipped for each in found.values())


def test_one_that_needs_cpu_features_does_not_push_out_one_that_runs_everywhere() -> None:
    fast = candidate("vnni", 1.0, 0.2, 100, cpu=("avx512_vnni",))
    plain = candidate("plain", 0.99, 0.4, 100)
    assert {name for name, each in chosen(fast, plain).items() if each.is_shipped} == {FLOAT, "vnni", "plain"}


def test_a_variant_that_is_float_throughout_is_none() -> None:
    choice = chosen(candidate("int8", 1.0, 0.9, 999, levels={"conv": FLOAT}, layers=1))["int8"]
    assert not choice.is_shipped
    assert "no layer gains" in choice.why


def test_devices_try_the_fastest_first_and_float_last() -> None:
    found = [SOURCE, candidate("slow", 1.0, 0.8, 100), candidate("fast", 0.99, 0.2, 200)]
    choices = choose(found, prefer="speed", allow_drop=False)
    assert [each.candidate.id for each in in_order(choices, prefer="speed")] == [
        "onnx-fast",
        "onnx-slow",
        "onnx-f32",
    ]
    assert next(each.candidate.id for each in in_order(choices, prefer="size")) == "onnx-slow"
