"""Random graphs answer as under ONNX Runtime, whatever order of axes their operators were set to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("ai_edge_litert")

from edgeai_exporters.tflite import write_tflite
from tests.exporters.tflite.random_graphs import Random
from tests.exporters.tflite.running import LiteRT, normal, run_onnx


@pytest.mark.parametrize("seed", range(60))
def test_a_random_graph_answers_as_under_onnx_runtime(tmp_path: Path, seed: int) -> None:
    made = Random(seed, size=4 + seed // 3).model()
    write_tflite(made, tmp_path / "m.tflite")
    x = normal(4, 4, 4, 4, seed=seed)
    got = LiteRT(tmp_path / "m.tflite").run({"x": x})
    for name, array in run_onnx(made, {"x": x}).items():
        np.testing.assert_allclose(got[name], array, rtol=1e-3, atol=1e-4 * max(1, np.abs(array).max()))
