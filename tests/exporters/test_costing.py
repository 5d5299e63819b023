"""Costs of exported files: the shapes inside them are those of a real run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeai.errors import ExportError
from edgeai.graph.costs import costs
from edgeai_exporters.costing import cost_of
from tests import tiny_models

if sys.version_info < (3, 11):
    pytest.skip("exporters run on Python 3.11 and later", allow_module_level=True)


def zeros(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.zeros(shape, dtype)


def test_a_model_whose_shapes_cannot_be_inferred_is_counted(public_model: Callable[[str], Path]) -> None:
    path = public_model("ppocr-rec")
    assert costs(path).multiply_accumulates is None
    one = cost_of(path, {"x": zeros(1, 3, 48, 320)})
    two = cost_of(path, {"x": zeros(2, 3, 48, 320)})
    assert one.unavailable == two.unavailable == {}
    assert one.multiply_accumulates is not None
    assert two.multiply_accumulates == 2 * one.multiply_accumulates
    assert two.activation_bytes == 2 * one.activation_bytes
    assert one.weight_bytes == costs(path).weight_bytes
    assert one.operators == costs(path).operators


def test_it_says_what_inference_says_where_that_is_enough(public_model: Callable[[str], Path]) -> None:
    found = cost_of(public_model("face-onnx"), {"input:0": zeros(1, 128, 128, 3)})
    assert found.multiply_accumulates == 30_760_960


def test_only_the_branch_that_runs_is_needed(public_model: Callable[[str], Path]) -> None:
    feed = {"input": zeros(1, 576), "state": zeros(2, 1, 128), "sr": np.array(16000)}
    found = cost_of(public_model("silero-vad"), feed)
    assert found.unavailable == {}
    assert found.multiply_accumulates == 679_552
    assert found.notes == ("of If the dearest branch is counted of which shapes are known",)


def test_tflite_is_counted_for_the_sizes_of_the_feed(tmp_path: Path) -> None:
    path = tiny_models.linear_tflite(tmp_path / "a.tflite")
    found = cost_of(path, {"x": zeros(6, 4)})
    assert found.inputs == {"x": (6, 4)}
    assert found.activation_bytes == 6 * 4 * (4 + 4)


@pytest.mark.parametrize("make", [tiny_models.linear_onnx, tiny_models.linear_tflite])
@pytest.mark.parametrize("feed", [{}, {"z": zeros(1, 4)}, {"x": zeros(1, 2, 4, 1, 1, 1, 1)}])
def test_a_feed_that_does_not_fit_is_one_line(
    make: Callable[[Path], Path], feed: dict[str, np.ndarray], tmp_path: Path
) -> None:
    with pytest.raises(
        ExportError, match="does not run on the sample that its costs are counted with"
    ) as error:
        cost_of(make(tmp_path / "a.model"), feed)
    assert "\n" not in str(error.value)


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    cost_of(tiny_models.linear_onnx(tmp_path / "a.onnx"), {"x": zeros(2, 4)})
    assert list(Path().iterdir()) == []
