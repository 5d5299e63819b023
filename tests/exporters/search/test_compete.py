"""Schemes against each other: who is in the Pareto set, and how it is shown."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime.quantization")
pytest.importorskip("onnx_ir")

from edgeai.errors import EdgeError, ExportError
from edgeai_exporters.budget import Budget
from edgeai_exporters.metrics.vectors import cosine
from edgeai_exporters.outcome import Ratio
from edgeai_exporters.schemes import SCHEMES, Scheme
from edgeai_exporters.search import FLOAT, Found, LocalMeter, Samples, Timing, compete, pareto
from edgeai_exporters.search.found import Quality, Sensitivity
from edgeai_exporters.search.table import render_found, render_sensitivities
from tests.exporters.search.planted import plant

ONNX = {scheme.name: scheme for scheme in SCHEMES if scheme.format == "onnx"}


def _found(
    name: str, quality: float, ratio: float | None, size: int, *, within: bool = True, slower: bool = False
) -> Found:
    timing = None if ratio is None else Timing(ratio * 1e-2, Ratio(ratio, ratio - 0.01, ratio + 0.01), 9)
    return Found(
        scheme=name,
        format="onnx",
        precision="int8",
        path=Path(f"{name}.onnx"),
        size_bytes=size,
        quality=Quality(quality, None, None, 1 - quality, None, None, 9),
        is_within=within,
        timing=timing,
        latency_reason="" if timing else "no meter",
        is_slower=None if timing is None else slower,
    )


SOURCE = _found(FLOAT, 1.0, 1.0, 1000)


def _best(*found: Found, prefer: str = "speed") -> list[str]:
    return [each.scheme for each in pareto([SOURCE, *found], prefer=prefer)]


def test_each_that_is_best_in_something_is_in_the_set_and_the_source_always() -> None:
    fast, small, good = (
        _found("fast", 0.99, 0.3, 300),
        _found("small", 0.99, 0.5, 250),
        _found("good", 0.999, 0.4, 300),
    )
    assert _best(fast, small, good) == [FLOAT, "fast", "small", "good"]
    assert _best(fast, _found("worse", 0.98, 0.4, 300)) == [FLOAT, "fast"]


def test_the_source_stays_though_another_is_better_in_everything() -> None:
    assert _best(_found("better", 1.1, 0.3, 300)) == [FLOAT, "better"]


def test_latencies_that_noise_hides_are_equal() -> None:
    assert _best(_found("a", 0.99, 0.400, 300), _found("b", 0.99, 0.399, 301)) == [FLOAT, "a"]
    assert _best(_found("a", 0.99, 0.40, 300), _found("b", 0.99, 0.37, 301)) == [FLOAT, "a", "b"]


def test_of_two_that_are_the_same_the_first_stays() -> None:
    assert _best(_found("a", 0.99, 0.4, 300), _found("b", 0.99, 0.4, 300)) == [FLOAT, "a"]


def test_what_is_outside_the_budget_is_not_in_the_set() -> None:
    assert _best(_found("a", 0.5, 0.1, 100, within=False)) == [FLOAT]


def test_what_is_slower_than_its_source_is_in_only_by_size() -> None:
    slow = _found("slow", 0.99, 1.2, 300, slower=True)
    assert _best(slow) == [FLOAT]
    assert _best(slow, prefer="size") == [FLOAT, "slow"]


def test_unknown_latency_removes_nothing() -> None:
    assert _best(_found("a", 0.99, None, 300), _found("b", 0.999, None, 400)) == [FLOAT, "a", "b"]
    assert _best(_found("a", 0.99, None, 300), _found("b", 0.98, None, 400)) == [FLOAT, "a"]


def test_schemes_compete_and_one_that_does_not_work_is_told_and_left_out(tmp_path: Path) -> None:
    planted = plant(tmp_path, 0)
    broken = dataclasses.replace(ONNX["int8-static"], name="broken", options={"method": "unheard of"})
    failed: list[tuple[str, str]] = []
    told: list[str] = []

    def fail(scheme: Scheme, error: EdgeError) -> None:
        failed.append((scheme.name, str(error)))

    found = compete(
        planted.model,
        [ONNX["int8-static"], broken, ONNX["int8-weights"]],
        calibration=planted.feeds[:32],
        validation=Samples(planted.feeds[32:]),
        score=cosine,
        metric="cosine",
        budget=Budget(min_cosine=0.99),
        folder=tmp_path / "work",
        meter=LocalMeter(seconds=0.05),
        on_progress=lambda done, total, what: told.append(what),
        on_failure=fail,
    )
    assert [each.scheme for each in found] == [FLOAT, "int8-static", "int8-weights"]
    assert found[0].quality.mean == pytest.approx(1)
    assert found[0].path == planted.model
    assert all(each.timing is not None for each in found)
    assert [name for name, _ in failed] == ["broken"]
    assert "unheard of" in failed[0][1]
    assert {what.partition(":")[0] for what in told} == {"int8-static", "int8-weights"}
    assert sorted(path.suffix for path in (tmp_path / "work").iterdir()) == [
        ".jsonl",
        ".jsonl",
        ".onnx",
        ".onnx",
    ]


def test_without_somebody_to_tell_what_does_not_work_raises(tmp_path: Path) -> None:
    planted = plant(tmp_path, 0)
    broken = dataclasses.replace(ONNX["int8-static"], options={"method": "unheard of"})
    with pytest.raises(ExportError, match="unheard of"):
        compete(
            planted.model,
            [broken],
            calibration=planted.feeds[:4],
            validation=Samples(planted.feeds[4:8]),
            score=cosine,
            metric="cosine",
            budget=Budget(),
            folder=tmp_path / "work",
            meter=None,
        )


def test_the_table_marks_the_best_and_names_the_doubts_of_others() -> None:
    kept = dataclasses.replace(_found("int8-static", 0.9912, 0.4, 300_000), levels={"down": FLOAT}, layers=36)
    unknown = _found("int8-sym", 0.98, None, 300_000, within=False)
    slow = _found("int4", 0.992, 1.2, 200_000, slower=True)
    found = [SOURCE, kept, unknown, slow]
    assert render_found(found, pareto(found)).splitlines() == [
        "variant        quality     drop  latency  of float    size  kept",
        "* float         1.0000             10 ms      1.00  0.0 MB",
        "* int8-static   0.9912  +0.0088     4 ms      0.40  0.3 MB  1/36",
        "  int8-sym      0.9800  +0.0200        -         -  0.3 MB        outside the budget",
        "  int4          0.9920  +0.0080    12 ms      1.20  0.2 MB        slower than float",
    ]


def test_the_layers_that_lose_most_come_first_with_what_became_of_them() -> None:
    layers = (
        Sensitivity("up", "MatMul", "int8-static", 0.001, 2e-4),
        Sensitivity("down", "MatMul", "int8-static", 0.02, None),
        Sensitivity("down", "MatMul", "int8-dynamic", 0.003, None),
    )
    found = dataclasses.replace(
        _found("int8-static", 0.99, 0.4, 3),
        levels={"down": "int8-dynamic"},
        sensitivities=layers,
        loss="of the score",
    )
    assert render_sensitivities(found).splitlines() == [
        "loss by layer, of the score:",
        "* down   2.00e-02  int8-dynamic",
        "  up     1.00e-03  saves   0.2000 ms",
    ]
