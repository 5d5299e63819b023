"""Outcomes made up for tests of reports: figures that an export could give, of no real model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from edgeai_exporters.outcome import Layer, Outcome, Ratio, Tried


def quality(
    cosine: float, drop: float | None = None, *, metric: str = "top1", passes: bool = True
) -> Mapping[str, Any]:
    """As `Quality.to_json` writes it. drop: of a metric that the source holds at 0.985."""
    found: dict[str, Any] = {
        "model": "digits",
        "backend": "onnxruntime",
        "data": "digits.npz",
        "kind": "samples",
        "samples": 500,
        "passes": passes,
        "problems": [],
        "cosine": cosine,
        "worst_cosine": max(cosine - (1 - cosine) * 4, -1.0),
        "top1_agreement": 0.994,
        "max_error": 0.11,
        "mean_error": 0.004,
        "probes": [],
    }
    if drop is None:
        found["metric"] = {
            "name": "cosine",
            "value": cosine,
            "interval": [cosine - (1 - cosine) / 5, cosine + (1 - cosine) / 6],
            "source": 1.0,
            "drop": 1 - cosine,
        }
    else:
        found["metric"] = {
            "name": metric,
            "value": 0.985 - drop,
            "interval": [0.972 - drop, 0.993 - drop],
            "source": 0.985,
            "source_interval": [0.972, 0.993],
            "drop": drop,
            "drop_interval": [drop - 0.006, drop + 0.008],
        }
    return found


FLOAT = Tried(
    id="onnx-f32",
    format="onnx",
    precision="f32",
    scheme=None,
    size_bytes=90_400_000,
    is_shipped=True,
    why="the float file that others fall back to",
    quality=quality(1.0, 0.0),
    latency_s=0.017,
    ratio=Ratio(1.0, 1.0, 1.0),
    is_pareto=True,
)
MIXED = Tried(
    id="onnx-int8-mixed",
    format="onnx",
    precision="int8-dynamic",
    scheme="int8-mixed",
    size_bytes=31_200_000,
    is_shipped=True,
    why="fastest within the budget",
    quality=quality(0.9953, 0.0042),
    latency_s=0.0082,
    ratio=Ratio(0.482, 0.461, 0.503),
    kept=("encoder.0.output", "encoder.1.output"),
    layers=48,
    is_pareto=True,
)
STATIC = Tried(
    id="onnx-int8-static",
    format="onnx",
    precision="int8",
    scheme="int8-static",
    size_bytes=22_800_000,
    is_shipped=False,
    why="the metric falls by 0.213, 0.005 is allowed",
    quality=quality(0.363, 0.213, passes=False),
    latency_s=0.0069,
    ratio=Ratio(0.406, 0.39, 0.42),
    layers=48,
    is_pareto=True,
)
HALF = Tried(
    id="onnx-f16",
    format="onnx",
    precision="f16",
    scheme="f16",
    size_bytes=45_300_000,
    is_shipped=False,
    why="slower than its float source here; --prefer size ships it",
    quality=quality(0.999998, 0.0),
    latency_s=0.0181,
    ratio=Ratio(1.065, 1.03, 1.1),
    layers=60,
)
LAYERS = tuple(
    Layer(
        "onnx-int8-mixed",
        f"encoder.{index}.output",
        "MatMul",
        0.04 / (index + 1) ** 1.5,
        2e-4 / (index + 1),
        index < 2,
    )
    for index in range(6)
)
OUTCOME = Outcome(
    name="minilm",
    bundle="minilm.edge",
    identity="sha256:0a1b2c",
    provenance={"kind": "onnx", "path": "minilm.onnx", "sha256": "ab" * 32, "versions": {"onnx": "1.23.2"}},
    data="sentences.csv: 200 calibrate, 300 choose, 500 prove",
    calibration="data",
    budget="the metric falls by at most 0.005",
    machine="x86_64, 2 cores, 1 thread",
    tried=(FLOAT, MIXED, STATIC, HALF),
    layers=LAYERS,
    warnings=("The source names no licence; give one with --licence.",),
    seconds=213.0,
    settings={
        "source": "minilm.onnx",
        "data": "sentences.csv",
        "max_drop": 0.005,
        "seed": 0,
        "out": "minilm.edge",
    },
    max_drop=0.005,
)


def only_cosine(outcome: Outcome) -> Outcome:
    """The same without a metric beside the cosine."""
    tried = (
        replace(each, quality=quality(each.quality["cosine"]) if each.quality else None)
        for each in outcome.tried
    )
    return replace(outcome, tried=tuple(tried), max_drop=None, min_cosine=0.99, budget="cosine at least 0.99")


def many(count: int, layers: int = 0) -> Outcome:
    """`count` variants of two formats, crowded; `layers` of the second."""
    tried = [
        FLOAT,
        replace(FLOAT, id="tflite-f32", format="tflite", latency_s=0.0155, quality=quality(0.9999999, 0.0)),
    ]
    for index in range(count - 2):
        share = 0.3 + 0.11 * (index % 5) + 0.013 * index
        tried.append(
            replace(
                MIXED,
                id=f"{'onnx' if index % 2 else 'tflite'}-int8-scheme-{index}",
                format="onnx" if index % 2 else "tflite",
                size_bytes=20_000_000 + 2_500_000 * (index % 7),
                is_shipped=index % 3 == 0,
                latency_s=0.017 * share,
                ratio=Ratio(share, share * 0.96, share * 1.05),
                quality=quality(1 - 0.002 * (index % 6 + 1), 0.001 * (index % 9) - 0.002),
                is_pareto=index % 4 == 0,
            )
        )
    found = tuple(
        Layer(
            tried[-1].id,
            f"/encoder/layer.{row}/output/dense/MatMul",
            "MatMul",
            0.05 / (row + 1),
            1e-5 * row,
            row < 7,
        )
        for row in range(layers)
    )
    return replace(OUTCOME, tried=tuple(tried), layers=found)
