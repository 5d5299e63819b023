"""Tables that Gather looks rows up in, such as word embeddings, as s8 with a scale for each row.

Only standard operators: two lookups, a cast and a product of the few rows that are wanted.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from ..passes.nodes import all_nodes

LEAST_ELEMENTS = 16_384
"""Smaller tables save less than 48 kB and stay as they are."""


def embeddings(model: ModelProto) -> tuple[str, ...]:
    """Names of the Gather nodes of the main graph that look rows up in a table of f32 that is large
    enough."""
    tables = {
        tensor.name
        for tensor in model.graph.initializer
        if tensor.data_type == TensorProto.FLOAT
        and len(tensor.dims) == 2
        and int(np.prod(tensor.dims)) >= LEAST_ELEMENTS
    }
    uses = [(node, name) for node in all_nodes(model.graph) for name in node.input if name in tables]
    lookups = {id(node) for node in model.graph.node if _looks_up_rows(node)}
    shared = {name for node, name in uses if id(node) not in lookups}
    return tuple(
        node.name
        for node in model.graph.node
        if id(node) in lookups and node.input[0] in tables and node.input[0] not in shared
    )


def quantize_embeddings(model: ModelProto, names: Collection[str]) -> None:
    """Change the model in place: the tables of these Gather nodes become s8."""
    nodes = list(model.graph.node)
    del model.graph.node[:]
    for node in nodes:
        model.graph.node.extend(_quantized(model, node) if node.name in names else [node])
    used = {name for node in all_nodes(model.graph) for name in node.input}
    tables = {node.input[0] for node in nodes if node.name in names}
    for tensor in [tensor for tensor in model.graph.initializer if tensor.name in tables - used]:
        model.graph.initializer.remove(tensor)


def _looks_up_rows(node: NodeProto) -> bool:
    axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
    return node.op_type == "Gather" and not node.domain and axis == 0


def _quantized(model: ModelProto, node: NodeProto) -> list[NodeProto]:
    name, indices, (output,) = node.name, node.input[1], node.output
    table, scales = f"{node.input[0]}_s8", f"{node.input[0]}_scales"
    if all(tensor.name != table for tensor in model.graph.initializer):
        weights = next(tensor for tensor in model.graph.initializer if tensor.name == node.input[0])
        rows = numpy_helper.to_array(weights)
        scale = (np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-12) / 127).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(np.round(rows / scale).astype(np.int8), table))
        model.graph.initializer.append(numpy_helper.from_array(scale, scales))
    make = helper.make_node
    return [
        make("Gather", [table, indices], [f"{output}_s8"], f"{name}_s8"),
        make("Gather", [scales, indices], [f"{output}_scale"], f"{name}_scale"),
        make("Cast", [f"{output}_s8"], [f"{output}_levels"], f"{name}_levels", to=TensorProto.FLOAT),
        make("Mul", [f"{output}_levels", f"{output}_scale"], [output], name),
    ]
