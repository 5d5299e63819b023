"""Tiny real models, written by the formats' own libraries: y = 2 x + 1 in ONNX and TFLite, and variations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def linear_onnx(path: Path, shape: tuple[int | str | None, ...] = ("N", 4), dtype: str = "float32") -> Path:
    """y = 2 x + 1 as ONNX, opset 13, IR 8 (what every supported ONNX Runtime reads)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    assert kind != TensorProto.UNDEFINED
    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["x", "two"], ["doubled"]),
            helper.make_node("Add", ["doubled", "one"], ["y"]),
        ],
        "linear",
        [helper.make_tensor_value_info("x", kind, list(shape))],
        [helper.make_tensor_value_info("y", kind, list(shape))],
        [numpy_helper.from_array(np.array(v, dtype=dtype), n) for v, n in ((2, "two"), (1, "one"))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


def linear_tflite(path: Path, signatures: tuple[str, ...] = ("serving_default",)) -> Path:
    """y = 2 x + 1 as TFLite, x f32[-1, 4], one subgraph a signature; the n-th adds n instead of 1."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT()
    model.version = 3
    model.description = "linear"
    model.buffers = [schema.BufferT()]  # buffer 0 stays empty by the format's rule
    model.operatorCodes = [_code(schema, "MUL"), _code(schema, "ADD")]
    model.subgraphs, model.signatureDefs = [], []
    for number, key in enumerate(signatures, start=1):
        model.subgraphs.append(_linear_subgraph(schema, model.buffers, float(number)))
        if key:
            model.signatureDefs.append(_signature(schema, key, number - 1))
    return _write(path, model)


def _linear_subgraph(schema: Any, buffers: list[Any], offset: float) -> Any:
    graph = schema.SubGraphT()
    graph.name = f"linear{offset:g}"
    two, add = _constant(schema, buffers, 2.0), _constant(schema, buffers, offset)
    graph.tensors = [
        _tensor(schema, "x", [1, 4], 0, [-1, 4]),
        _tensor(schema, "two", [], two),
        _tensor(schema, "offset", [], add),
        _tensor(schema, "doubled", [1, 4], 0, [-1, 4]),
        _tensor(schema, "y", [1, 4], 0, [-1, 4]),
    ]
    graph.inputs, graph.outputs = [0], [4]
    multiply, plus = schema.OperatorT(), schema.OperatorT()
    multiply.opcodeIndex, multiply.inputs, multiply.outputs = 0, [0, 1], [3]
    multiply.builtinOptionsType = schema.BuiltinOptions.MulOptions
    multiply.builtinOptions = schema.MulOptionsT()
    plus.opcodeIndex, plus.inputs, plus.outputs = 1, [3, 2], [4]
    plus.builtinOptionsType = schema.BuiltinOptions.AddOptions
    plus.builtinOptions = schema.AddOptionsT()
    graph.operators = [multiply, plus]
    return graph


def _code(schema: Any, name: str) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, name)
    code.deprecatedBuiltinCode = code.builtinCode
    code.version = 1
    return code


def _tensor(schema: Any, name: str, shape: list[int], buffer: int, signature: list[int] | None = None) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer = name, shape, buffer
    tensor.type = schema.TensorType.FLOAT32
    tensor.shapeSignature = signature
    return tensor


def _constant(schema: Any, buffers: list[Any], value: float) -> int:
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(np.float32(value).tobytes(), dtype=np.uint8)
    buffers.append(buffer)
    return len(buffers) - 1


def _signature(schema: Any, key: str, subgraph: int) -> Any:
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = key, subgraph
    signature.inputs, signature.outputs = [schema.TensorMapT()], [schema.TensorMapT()]
    signature.inputs[0].name, signature.inputs[0].tensorIndex = "x", 0
    signature.outputs[0].name, signature.outputs[0].tensorIndex = "y", 4
    return signature


def _write(path: Path, model: Any) -> Path:
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path
