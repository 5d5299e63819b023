"""Static int8 MatMuls stay integer where sizes are fixed: ONNX Runtime makes no float Gemm of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime.quantization")
pytest.importorskip("onnx_ir")

import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

import edgeai
from edgeai_exporters.passes.bias_of_quantized import bias_of_quantized
from edgeai_exporters.schemes import SCHEMES

# Weights of 7 bits: with 8 the sums saturate on CPUs without VNNI, and the results say so.
STATIC = replace(
    next(each for each in SCHEMES if (each.format, each.name) == ("onnx", "int8-static")),
    options={"reduce_range": True},
)


def linear(out: Path) -> Path:
    """x[1, 8, 16] times [16, 4], and a bias."""
    random = np.random.default_rng(0)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"], "product"),
        helper.make_node("Add", ["p", "b"], ["y"], "sum"),
    ]
    weights = [
        numpy_helper.from_array(random.standard_normal(shape).astype(np.float32), name)
        for name, shape in (("w", (16, 4)), ("b", (4,)))
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, 4])],
        weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), out)
    return out


def test_the_kernels_are_integer_and_the_result_is_near(tmp_path: Path) -> None:
    model = linear(tmp_path / "m.onnx")
    feeds = [{"x": np.random.default_rng(seed).random((1, 8, 16), np.float32)} for seed in range(8)]
    STATIC.load_prepare()(model, feeds).write(tmp_path / "q.onnx")
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3
    ort.InferenceSession(tmp_path / "q.onnx", options, providers=["CPUExecutionProvider"])
    kernels = Counter(node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node)
    assert kernels["MatMulIntegerToFloat"] == 1
    assert kernels["Gemm"] == 0
    with edgeai.load(model) as source, edgeai.load(tmp_path / "q.onnx") as quantized:
        want, got = (session.run(feeds[0])["y"] for session in (source, quantized))
    assert np.abs(got - want).max() < 0.02 * np.abs(want).max()


def test_a_float_model_is_left_as_it_is(tmp_path: Path) -> None:
    result = bias_of_quantized(onnx.load(linear(tmp_path / "m.onnx")))
    assert not result.modified
