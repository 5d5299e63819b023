"""Which operators a model asks for, and whether anything here knows them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto

from edgeai.errors import UnsupportedOperator, one_line

_STANDARD = ("", "ai.onnx")
# ONNX Runtime's own on CPU: its documentation, "Contributed operators" and "ai.onnx.ml".
_OF_ONNX_RUNTIME = ("ai.onnx.ml", "com.microsoft")


def opset_of(model: ModelProto) -> int:
    """The version of the standard operator set; 1 where a file of the first IR versions does not say."""
    return next((entry.version for entry in model.opset_import if entry.domain in _STANDARD), 1)


def check_operators(model: ModelProto, file: Path) -> None:
    """Raises UnsupportedOperator naming the first node that no runtime here knows, and what to do."""
    functions = {(function.domain, function.name) for function in model.functions}
    version = opset_of(model)
    for node in nodes(model):
        if node.domain in _OF_ONNX_RUNTIME or (node.domain, node.op_type) in functions:
            continue
        where = f"{one_line(file)}: node {one_line(node.name or ', '.join(node.output))!r}"
        if node.domain not in _STANDARD:
            raise UnsupportedOperator(
                f"{where} is the custom operator {one_line(node.domain)}::{one_line(node.op_type)}, which "
                "ONNX Runtime does not have; export the model with standard operators in its place, or end "
                "the model before it and do its work in a step"
            )
        if not _is_standard(node, version):
            raise UnsupportedOperator(
                f"{where} is {one_line(node.op_type)}, which ONNX opset {version} does not have; "
                "export the model with standard operators in its place"
            )


def _is_standard(node: NodeProto, version: int) -> bool:
    if version > onnx.defs.onnx_opset_version():
        return True  # newer than what we know; converting it will tell
    try:
        onnx.defs.get_schema(node.op_type, version, "")
    except onnx.defs.SchemaError:
        return False
    return True


def nodes(model: ModelProto) -> Iterator[NodeProto]:
    """All nodes: of the main graph, of those inside it, and of functions."""
    yield from _walk(model.graph.node)
    for function in model.functions:
        yield from _walk(function.node)


def tensors(model: ModelProto) -> Iterator[TensorProto]:
    """All constant tensors: initializers and attributes of nodes, in all graphs."""
    yield from model.graph.initializer
    for node in nodes(model):
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for graph in _graphs(attribute):
                yield from graph.initializer


def _walk(level: Iterator[NodeProto] | list[NodeProto]) -> Iterator[NodeProto]:
    for node in level:
        yield node
        for attribute in node.attribute:
            for graph in _graphs(attribute):
                yield from _walk(graph.node)


def _graphs(attribute: AttributeProto) -> Iterator[GraphProto]:
    if attribute.HasField("g"):
        yield attribute.g
    yield from attribute.graphs
