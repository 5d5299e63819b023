"""Every pass gives the same outputs, leaves what went in as it was, and finds nothing to do the second
time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeai

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
if sys.version_info < (3, 11):
    pytest.skip("the exporters run on Python 3.11 and later", allow_module_level=True)

import onnx

from edgeai_exporters.passes import PASSES, RUNTIME_PASSES, run
from edgeai_exporters.passes.gemm_to_matmul import gemm_to_matmul
from edgeai_exporters.passes.name_nodes import name_nodes
from edgeai_exporters.passes.simplify import simplify
from tests.exporters.schemes import small_models

TABLE = {
    **PASSES,
    **RUNTIME_PASSES,
    "gemm_to_matmul": "edgeai_exporters.passes.gemm_to_matmul:gemm_to_matmul",
}
MODELS = {
    "cnn": (small_models.cnn, small_models.images),
    "feed_forward": (small_models.feed_forward, small_models.sequences),
    "attention": (small_models.attention, small_models.sequences),
    "normalized_cnn": (small_models.normalized_cnn, small_models.images),
}


def outputs(model: Any, folder: Path, feeds: list[dict[str, Any]]) -> list[Any]:
    path = folder / "model.onnx"
    onnx.save(model, path)
    with edgeai.load(path, threads=1) as session:
        return [session.run(feed)["y"] for feed in feeds]


def kinds(model: Any) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("model", MODELS)
def test_a_pass_keeps_outputs_names_and_what_went_in_and_ends(name: str, model: str, tmp_path: Path) -> None:
    make, feeds_of = MODELS[model]
    source, feeds = make(), feeds_of(3)
    before = source.SerializeToString(deterministic=True)
    result = run(source, {name: TABLE[name]})
    assert source.SerializeToString(deterministic=True) == before
    assert result.modified or result.model is source
    assert list(result.model.graph.input) == list(source.graph.input)
    assert list(result.model.graph.output) == list(source.graph.output)
    onnx.checker.check_model(result.model)
    for one, other in zip(
        outputs(result.model, tmp_path, feeds), outputs(source, tmp_path, feeds), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    assert not run(result.model, {name: TABLE[name]}).modified


def test_simplify_puts_batch_normalisation_into_the_convolution() -> None:
    assert "BatchNormalization" in kinds(small_models.normalized_cnn())
    result = simplify(small_models.normalized_cnn())
    assert result.modified
    assert kinds(result.model) == ["Conv", "Relu"]


def test_attention_and_gelu_are_fused_and_residuals_become_sums() -> None:
    source = small_models.attention()
    fused = run(source, RUNTIME_PASSES).model
    assert kinds(fused).count("MultiHeadAttention") == 1
    assert "Softmax" not in kinds(fused)
    assert kinds(fused).count("Sum") == 1
    gelu = run(small_models.feed_forward(depth=2), RUNTIME_PASSES).model
    assert kinds(gelu).count("Gelu") == 2
    assert "Erf" not in kinds(gelu)
    names = {node.name for node in small_models.feed_forward(depth=2).graph.node if node.op_type == "MatMul"}
    assert names <= {node.name for node in gelu.graph.node}


def test_nodes_without_a_name_or_with_anothers_get_one_of_their_own() -> None:
    model = small_models.cnn()
    model.graph.node[0].name = model.graph.node[1].name = "same"
    model.graph.node[2].name = "own"
    names = [node.name for node in name_nodes(model).model.graph.node]
    assert names[2] == "own"
    assert "same" not in names
    assert len(set(names)) == len(names)
    assert names[4] == "Conv_4"


def test_a_gemm_becomes_a_matmul_of_its_name_and_shared_weights_stay() -> None:
    model = name_nodes(small_models.cnn()).model
    result = gemm_to_matmul(model).model
    assert kinds(result)[-2:] == ["MatMul", "Add"]
    assert [node.name for node in result.graph.node][-2:] == ["Gemm_9", "Gemm_9_bias"]
    assert "w5" not in {tensor.name for tensor in result.graph.initializer}
