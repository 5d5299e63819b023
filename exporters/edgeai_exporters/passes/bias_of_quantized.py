"""Keeps ONNX Runtime from making a Gemm of a quantized MatMul and its bias."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, TensorProto, numpy_helper

from . import PassResult


def bias_of_quantized(model: ModelProto) -> PassResult:
    """Give the bias behind a MatMul of dequantized weights as many axes as the product has.

    Where sizes are fixed, ONNX Runtime folds MatMul and Add of a vector into a Gemm first, of which it has no
    8-bit kernel with a float result: the weights are then dequantized at each run, and the model is three
    times slower than in float (onnxruntime 1.31, MatMulAddFusion). A bias of more axes it leaves alone.
    """
    changed = ModelProto()
    changed.CopyFrom(model)
    ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in changed.graph.value_info}
    weights = {
        name for node in changed.graph.node if node.op_type == "DequantizeLinear" for name in node.output
    }
    products = {
        node.output[0]: ranks.get(node.output[0], 0)
        for node in changed.graph.node
        if node.op_type == "MatMul" and node.input[1] in weights
    }
    biases = {tensor.name: tensor for tensor in changed.graph.initializer if len(tensor.dims) == 1}
    made: dict[str, TensorProto] = {}
    for node in changed.graph.node:
        if node.op_type != "Add" or node.domain:
            continue
        for place, name in enumerate(node.input):
            rank = products.get(node.input[1 - place], 0)
            if name in biases and rank > 2:
                node.input[place] = _wider(biases[name], rank, made)
    changed.graph.initializer.extend(made.values())
    used = {name for node in changed.graph.node for name in node.input}
    for name in [name for name in biases if name not in used and made]:
        changed.graph.initializer.remove(biases[name])
    return PassResult(changed, modified=True) if made else PassResult(model, modified=False)


def _wider(bias: TensorProto, rank: int, made: dict[str, TensorProto]) -> str:
    name = f"{bias.name}_{rank}d"
    if name not in made:
        array = numpy_helper.to_array(bias)
        made[name] = numpy_helper.from_array(np.reshape(array, (1,) * (rank - 1) + array.shape), name)
    return name
