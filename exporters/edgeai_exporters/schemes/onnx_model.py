"""ONNX files as the schemes read and write them: every node named, weights inside, deterministic bytes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import onnx
from onnx import ModelProto, NodeProto, TensorProto

from edgeai.errors import ExportError, one_line
from edgeai.whole_file import write_whole

from ..passes.name_nodes import name_nodes

FLOATS = (TensorProto.FLOAT,)


def read_onnx(path: Path) -> ModelProto:
    """The model with its weights inside and every node named. Raises ExportError where it cannot be read."""
    try:
        model = onnx.load(path)
    except Exception as error:  # protobuf's, onnx's and the system's have nothing in common
        raise ExportError(f"{one_line(path)} cannot be read as ONNX: {one_line(error)}") from error
    return name_nodes(model).model


def write_onnx(model: ModelProto, out: Path) -> None:
    """Write the model as one file; the same model gives the same bytes."""
    write_whole(out, model.SerializeToString(deterministic=True))


def weighted(model: ModelProto, operators: Collection[str]) -> tuple[str, ...]:
    """Names of the nodes of these operators whose second input is a constant of f32, in the graph's order."""
    constants = {tensor.name for tensor in model.graph.initializer if tensor.data_type in FLOATS}
    return tuple(
        node.name
        for node in model.graph.node
        if node.op_type in operators
        and not node.domain
        and len(node.input) > 1
        and node.input[1] in constants
    )


def unkept(layers: Sequence[str], keep: Collection[str], told: object) -> list[str]:
    """The layers that are not kept. Raises ExportError for a name in `keep` that is none of the layers."""
    unknown = sorted(set(keep) - set(layers))
    if unknown:
        raise ExportError(
            f"{one_line(told)} has no layer {one_line(unknown[0])!r} that this scheme would change; "
            f"it has: {one_line(', '.join(layers))}"
        )
    return [name for name in layers if name not in set(keep)]


def constants_into_initializers(model: ModelProto) -> ModelProto:
    """The model with the tensors of Constant nodes as initializers, which is where the quantizers look."""
    found = [node for node in model.graph.node if _constant(node) is not None]
    if not found:
        return model
    changed = ModelProto()
    changed.CopyFrom(model)
    nodes = list(changed.graph.node)
    del changed.graph.node[:]
    for node in nodes:
        tensor = _constant(node)
        if tensor is None:
            changed.graph.node.append(node)
        else:
            changed.graph.initializer.append(tensor)
            changed.graph.initializer[-1].name = node.output[0]
    return changed


def _constant(node: NodeProto) -> TensorProto | None:
    if node.op_type != "Constant" or node.domain:
        return None
    return next((attribute.t for attribute in node.attribute if attribute.name == "value"), None)
