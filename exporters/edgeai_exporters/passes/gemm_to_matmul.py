"""Makes MatMul and Add of each Gemm with constant weights: the operators that have a dynamic int8 form."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from . import PassResult
from .nodes import all_nodes


def gemm_to_matmul(model: ModelProto) -> PassResult:
    """Replace Gemm nodes of the main graph by MatMul, under the same name, and Add, called `<name>_bias`.

    Left alone: a Gemm whose first input is transposed, with alpha or beta other than 1, or without f32
    constants as weights. ONNX Runtime makes a Gemm again of what stays in float, so nothing is lost there.
    """
    weights = {
        tensor.name: tensor for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT
    }
    if not any(_fits(node, weights) for node in model.graph.node):
        return PassResult(model, modified=False)
    changed = ModelProto()
    changed.CopyFrom(model)
    nodes = list(changed.graph.node)
    del changed.graph.node[:]
    for node in nodes:
        changed.graph.node.extend(_split(node, weights, changed) if _fits(node, weights) else [node])
    _drop_unused(changed, {node.input[1] for node in nodes if _fits(node, weights)})
    return PassResult(changed, modified=True)


def _fits(node: NodeProto, weights: dict[str, TensorProto]) -> bool:
    plain = {"alpha": 1.0, "beta": 1.0, "transA": 0}
    return (
        node.op_type == "Gemm"
        and not node.domain
        and node.input[1] in weights
        and all(
            helper.get_attribute_value(a) == plain.get(a.name, 1) or a.name == "transB"
            for a in node.attribute
        )
    )


def _split(node: NodeProto, weights: dict[str, TensorProto], model: ModelProto) -> list[NodeProto]:
    weight = _as_columns(node, weights, model)
    has_bias = len(node.input) > 2 and node.input[2]
    product = f"{node.output[0]}_product" if has_bias else node.output[0]
    split = [helper.make_node("MatMul", [node.input[0], weight], [product], node.name)]
    if has_bias:
        split.append(
            helper.make_node("Add", [product, node.input[2]], list(node.output), f"{node.name}_bias")
        )
    return split


def _as_columns(node: NodeProto, weights: dict[str, TensorProto], model: ModelProto) -> str:
    """Name of the weights as MatMul wants them, [inputs, outputs]; a new tensor where Gemm turns them."""
    if not any(a.name == "transB" and a.i for a in node.attribute):
        return str(node.input[1])
    name = f"{node.input[1]}_columns"
    if all(tensor.name != name for tensor in model.graph.initializer):
        array = np.ascontiguousarray(numpy_helper.to_array(weights[node.input[1]]).T)
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    return name


def _drop_unused(model: ModelProto, names: set[str]) -> None:
    used = {name for node in all_nodes(model.graph) for name in node.input} | {
        out.name for out in model.graph.output
    }
    for tensor in [tensor for tensor in model.graph.initializer if tensor.name in names - used]:
        model.graph.initializer.remove(tensor)
