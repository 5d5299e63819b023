"""A TFLite graph as the bytes of a `.tflite` file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from .graph import Graph, Op, Tensor
from .variables import HANDLE, variables

# By numpy's name; the numbers are the schema's.
TENSOR_TYPES: dict[str, int] = {
    "float32": schema.TensorType.FLOAT32,
    "float16": schema.TensorType.FLOAT16,
    "float64": schema.TensorType.FLOAT64,
    "int8": schema.TensorType.INT8,
    "int16": schema.TensorType.INT16,
    "int32": schema.TensorType.INT32,
    "int64": schema.TensorType.INT64,
    "uint8": schema.TensorType.UINT8,
    "uint16": schema.TensorType.UINT16,
    "uint32": schema.TensorType.UINT32,
    "bool": schema.TensorType.BOOL,
    HANDLE.name: schema.TensorType.RESOURCE,
}

# Options tables that are not called as their operator is (MAX_POOL_2D has Pool2DOptions), or are absent.
_OPTIONS: dict[str, str] = {
    "CONV_2D": "Conv2D",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2D",
    "CONV_3D": "Conv3D",
    "TRANSPOSE_CONV": "TransposeConv",
    "MAX_POOL_2D": "Pool2D",
    "AVERAGE_POOL_2D": "Pool2D",
    "MEAN": "Reducer",
    "SUM": "Reducer",
    "REDUCE_PROD": "Reducer",
    "REDUCE_MAX": "Reducer",
    "REDUCE_MIN": "Reducer",
    "REDUCE_ANY": "Reducer",
    "REDUCE_ALL": "Reducer",
    "MAXIMUM": "MaximumMinimum",
    "MINIMUM": "MaximumMinimum",
    "BATCH_MATMUL": "BatchMatMul",
    "TOPK_V2": "TopKV2",
    "PADV2": "PadV2",
    "SELECT_V2": "SelectV2",
    "REVERSE_V2": "ReverseV2",
    "LOCAL_RESPONSE_NORMALIZATION": "LocalResponseNormalization",
    "ATAN2": "ATan2",
    "BITWISE_XOR": "BitwiseXor",
    "RFFT2D": "Rfft2d",
}
# Versions above 1 of the operators in the plain float form that is written here
# (tflite/tools/versioning/op_version.cc).
_VERSIONS: dict[str, int] = {"FULLY_CONNECTED": 5, "TRANSPOSE_CONV": 4, "BROADCAST_TO": 2}
_ACTIVATIONS: dict[str, int] = {"RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 3}
_FIRST_BUILTIN_BEYOND_A_BYTE = 127  # PLACEHOLDER_FOR_GREATER_OP_CODES


def serialize(graph: Graph, description: str) -> bytes:
    """The file. Tensors get unique names; the first signature carries the inputs' and outputs' own names."""
    file = _File(description)
    before, after, start = variables(graph.states)
    file.subgraph("main", [*before, *graph.ordered(), *after], graph.inputs, graph.outputs)
    if start:
        file.subgraph("start", start, {}, {})
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(file.model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class _File:
    """The tables of a model as they fill up."""

    def __init__(self, description: str) -> None:
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.description = description
        self.model.buffers = [schema.BufferT()]  # buffer 0 stays empty by the format's rule
        self.model.operatorCodes, self.model.subgraphs, self.model.signatureDefs = [], [], []
        self._codes: dict[str, int] = {}
        self._buffers: dict[tuple[str, bytes], int] = {}

    def subgraph(
        self, name: str, ops: Sequence[Op], inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor]
    ) -> None:
        tensors = _all_tensors(ops, inputs, outputs)
        names = _unique_names(tensors, inputs, outputs)
        table = schema.SubGraphT()
        table.name = name
        number = {tensor: index for index, tensor in enumerate(tensors)}
        table.tensors = [self._tensor(tensor, names[tensor]) for tensor in tensors]
        table.operators = [self._operator(op, number) for op in ops]
        table.inputs = [number[tensor] for tensor in inputs.values()]
        table.outputs = [number[tensor] for tensor in outputs.values()]
        self.model.subgraphs.append(table)
        if len(self.model.subgraphs) == 1:
            self.model.signatureDefs.append(_signature(inputs, outputs, number))

    def _tensor(self, tensor: Tensor, name: str) -> Any:
        table = schema.TensorT()
        table.name, table.shape = name, list(tensor.shape)
        table.type = TENSOR_TYPES[tensor.dtype.name]
        table.shapeSignature = None if tensor.signature is None else list(tensor.signature)
        table.buffer = 0 if tensor.data is None else self._buffer(tensor)
        table.hasRank = True
        return table

    def _buffer(self, tensor: Tensor) -> int:
        data = np.ascontiguousarray(tensor.data).tobytes()
        key = (tensor.dtype.name, data)
        if key not in self._buffers:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data, np.uint8)
            self.model.buffers.append(buffer)
            self._buffers[key] = len(self.model.buffers) - 1
        return self._buffers[key]

    def _operator(self, op: Op, number: dict[Tensor, int]) -> Any:
        table = schema.OperatorT()
        table.opcodeIndex = self._code(op.code)
        table.inputs = [-1 if tensor is None else number[tensor] for tensor in op.inputs]
        table.outputs = [number[tensor] for tensor in op.outputs]
        name = options_name(op.code)
        if name is not None:
            table.builtinOptionsType = getattr(schema.BuiltinOptions, name)
            table.builtinOptions = _options(name, op)
        return table

    def _code(self, code: str) -> int:
        if code not in self._codes:
            table = schema.OperatorCodeT()
            table.builtinCode = getattr(schema.BuiltinOperator, code)
            table.deprecatedBuiltinCode = min(table.builtinCode, _FIRST_BUILTIN_BEYOND_A_BYTE)
            table.version = _VERSIONS.get(code, 1)
            self.model.operatorCodes.append(table)
            self._codes[code] = len(self.model.operatorCodes) - 1
        return self._codes[code]


def options_name(code: str) -> str | None:
    """The options table of an operator, None where it has none."""
    stem = _OPTIONS.get(code) or "".join(part.capitalize() for part in code.split("_"))
    return f"{stem}Options" if hasattr(schema, f"{stem}OptionsT") else None


def _options(name: str, op: Op) -> Any:
    table = getattr(schema, f"{name}T")()
    for key, value in op.options.items():
        if not hasattr(table, key):
            raise AttributeError(f"{name} has no field {key}")  # a mistake of ours
        setattr(table, key, _ACTIVATIONS[value] if key == "fusedActivationFunction" else value)
    return table


def _signature(
    inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor], number: Mapping[Tensor, int]
) -> Any:
    table = schema.SignatureDefT()
    table.signatureKey, table.subgraphIndex = "serving_default", 0
    table.inputs = [_named(name, number[tensor]) for name, tensor in inputs.items()]
    table.outputs = [_named(name, number[tensor]) for name, tensor in outputs.items()]
    return table


def _named(name: str, number: int) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, number
    return entry


def _all_tensors(
    ops: Sequence[Op], inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor]
) -> list[Tensor]:
    """Inputs first, then in the order of use."""
    tensors: dict[Tensor, None] = dict.fromkeys(inputs.values())
    for op in ops:
        tensors.update(dict.fromkeys(tensor for tensor in op.inputs if tensor is not None))
        tensors.update(dict.fromkeys(op.outputs))
    tensors.update(dict.fromkeys(outputs.values()))
    return list(tensors)


def _unique_names(
    tensors: Sequence[Tensor], inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor]
) -> dict[Tensor, str]:
    """Inputs and outputs keep their own; others of the same name get a number."""
    names: dict[Tensor, str] = {tensor: name for name, tensor in outputs.items()}
    names |= {tensor: name for name, tensor in inputs.items()}
    taken, counts = set(names.values()), Counter[str]()
    for tensor in tensors:
        if tensor in names:
            continue
        stem = tensor.name or "constant"
        name = stem
        while name in taken:
            counts[stem] += 1
            name = f"{stem}_{counts[stem]}"
        taken.add(name)
        names[tensor] = name
    return names
