"""Shapes and element types of a node's outputs, by onnx's own inference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import DTypeLike
from onnx import helper, numpy_helper

from edgeai.errors import UnsupportedOperator, one_line

from .build import Builder
from .graph import Tensor

# Shapes, axes and the like: constants so small that inference may look at them.
_SHAPE_DATA_LIMIT = 4096

Known = tuple[tuple[int, ...], "np.dtype[Any]"]


@dataclass(frozen=True)
class OperatorSets:
    """Versions by domain, and the model's IR version."""

    versions: Mapping[str, int]
    ir_version: int

    def version(self, domain: str) -> int:
        """Of a domain; 1 where the model does not say."""
        return self.versions.get(domain, 1 if domain else self.versions.get("ai.onnx", 1))

    def imports(self) -> list[onnx.OperatorSetIdProto]:
        """As onnx wants them."""
        return [helper.make_opsetid(domain, version) for domain, version in self.versions.items()]


def tensor_type(shape: Sequence[int], dtype: DTypeLike) -> onnx.TypeProto:
    """As onnx writes it."""
    return helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)


def type_of(tensor: Tensor) -> onnx.TypeProto:
    """Of a tensor."""
    return tensor_type(tensor.shape, tensor.dtype)


def infer_outputs(
    builder: Builder, node: onnx.NodeProto, values: Mapping[str, Tensor], opsets: OperatorSets
) -> list[Known]:
    """By output; inference sees the small constants among `values`. Refuses what has no fixed shape."""
    node = _with_defaults(node)
    types = {name: type_of(values[name]) for name in node.input if name}
    data = {
        name: numpy_helper.from_array(array, name)
        for name in node.input
        if name and (array := values[name].data) is not None and array.size <= _SHAPE_DATA_LIMIT
    }
    try:
        schema = onnx.defs.get_schema(node.op_type, opsets.version(node.domain), node.domain)
        found = onnx.shape_inference.infer_node_outputs(
            schema, node, types, data, opset_imports=opsets.imports(), ir_version=opsets.ir_version
        )
    except Exception as error:  # onnx raises classes of its own that share no base
        raise UnsupportedOperator(
            f"{builder.node}: {one_line(error)}; is the model sound, and does it take these shapes?"
        ) from error
    if node.op_type in _LIKE_INPUT:
        return [(values[node.input[0]].shape, values[node.input[0]].dtype)]
    return [_known(builder, found.get(name)) if name else ((), np.dtype(np.float32)) for name in node.output]


_LIKE_INPUT = {"GroupNormalization"}  # for which onnx has no inference of its own


def _with_defaults(node: onnx.NodeProto) -> onnx.NodeProto:
    """STFT's `onesided` is 1 where it is not given, which onnx 1.23's inference takes for 0."""
    if node.op_type != "STFT" or any(attribute.name == "onesided" for attribute in node.attribute):
        return node
    whole = onnx.NodeProto()
    whole.CopyFrom(node)
    whole.attribute.append(helper.make_attribute("onesided", 1))
    return whole


def _known(builder: Builder, kind: onnx.TypeProto | None) -> Known:
    if kind is None or not kind.HasField("tensor_type"):
        builder.refuse("its output is not a tensor of known type")
    tensor = kind.tensor_type
    if not tensor.HasField("shape") or any(not dim.HasField("dim_value") for dim in tensor.shape.dim):
        builder.refuse("the shape of its output depends on what goes in, which TFLite needs to know")
    return tuple(dim.dim_value for dim in tensor.shape.dim), numpy_dtype(builder, tensor.elem_type)


def numpy_dtype(builder: Builder, kind: int) -> np.dtype[Any]:
    """Of an element type of ONNX. Refuses those of text and of less than a byte."""
    name = onnx.TensorProto.DataType.Name(kind)
    if kind in {onnx.TensorProto.UNDEFINED, onnx.TensorProto.STRING} or name in _NOT_IN_TFLITE:
        builder.refuse(f"TFLite has no element type {name}")
    dtype: np.dtype[Any] = np.dtype(helper.tensor_dtype_to_np_dtype(kind))
    if dtype.kind not in "fiub" or name.startswith(
        ("FLOAT4", "FLOAT6", "FLOAT8", "INT2", "INT4", "UINT2", "UINT4")
    ):
        builder.refuse(f"LiteRT has no element type {name} here")
    return dtype


_NOT_IN_TFLITE = {"COMPLEX64", "COMPLEX128", "BFLOAT16"}
