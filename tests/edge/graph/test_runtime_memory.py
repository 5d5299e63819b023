"""The predicted peak against what a measuring process really took, on public models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import shape_inference

from edgeai.graph.costs import costs
from edgeai.graph.runtime_memory import PEAK_ERROR
from edgeai.measure.protocol import InputRequest, ModelRequest
from edgeai.measure.timing import StopRule, WarmUpRule
from edgeai_bench.plan import Plan
from edgeai_bench.runner import run

PLAN = Plan(1, WarmUpRule(min_s=0.05, max_s=0.1), StopRule(min_runs=5, min_s=0.1, max_s=2))


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        ("okay-nabu", None),
        ("face-tflite", None),
        ("face-onnx", None),
        ("basic-pitch-tflite", None),
        ("basic-pitch-onnx", (1, 43844, 1)),
        ("magika", (1, 2048)),
        ("ppocr-det", (1, 3, 640, 640)),
    ],
)
def test_the_prediction_is_near_what_is_measured(
    public_model: Callable[[str], Path], model: str, shape: tuple[int, ...] | None, tmp_path: Path
) -> None:
    path, shapes = public_model(model), {}
    described = path
    if path.suffix == ".onnx":
        described = tmp_path / "described.onnx"
        graph = onnx.load(path)
        (given,) = graph.graph.input
        for size, number in zip(given.type.tensor_type.shape.dim, shape or (), strict=shape is not None):
            size.dim_value = number
        shapes = {} if shape is None else {given.name: shape}
        onnx.save(shape_inference.infer_shapes(graph, data_prop=True), described)
    predicted = costs(described).peak_memory_bytes
    assert predicted is not None
    report = run(ModelRequest(str(path), threads=1), InputRequest(shapes=shapes), PLAN)
    assert report.memory.incremental is not None
    assert predicted / report.memory.incremental.value == pytest.approx(1, abs=PEAK_ERROR)
