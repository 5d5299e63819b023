"""Writes the model with which `edgeai doctor` tries accelerators.

    python tests/edge/doctor/make_tiny_model.py

run in the checkout, writes `edge/edgeai/doctor/tiny.onnx`: a convolution, a ReLU and a matrix product of fp32
with fixed shapes. Weights are small integers, so that every machine writes the same bytes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TINY = Path(__file__).parents[3] / "edge" / "edgeai" / "doctor" / "tiny.onnx"


def tiny_model() -> bytes:
    """The file's bytes."""
    kernel = (np.arange(4 * 3 * 3 * 3) % 5 - 2).reshape(4, 3, 3, 3).astype(np.float32)
    matrix = (np.arange(4 * 8 * 8 * 2) % 3 - 1).reshape(4 * 8 * 8, 2).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["conv"], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
        helper.make_node("Relu", ["conv"], ["relu"]),
        helper.make_node("Flatten", ["relu"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
        [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(matrix, "matrix")],
    )
    # IR 8 and opset 13 are read by every ONNX Runtime since 1.10, so by JetPack's builds too.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    onnx.checker.check_model(onnx.load_from_string(tiny_model()))
    TINY.write_bytes(tiny_model())
