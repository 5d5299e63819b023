"""Writes the residual addition before a layer normalisation as Sum, so that ONNX Runtime does not fuse the
two.

Its fused SkipLayerNormalization took 80 µs on 32 x 384 values in onnxruntime 1.31.1, where Sum and
LayerNormalization take 21: a tenth of a small transformer's time. In 1.23.2 it makes no difference. Sum of
two is Add.
"""

from __future__ import annotations

from onnx import ModelProto

from . import PassResult


def sum_before_norm(model: ModelProto) -> PassResult:
    """The model with Sum for each Add of the main graph whose result a LayerNormalization reads."""
    normalized = {node.input[0] for node in model.graph.node if node.op_type == "LayerNormalization"}
    places = [
        index
        for index, node in enumerate(model.graph.node)
        if node.op_type == "Add" and not node.domain and node.output[0] in normalized
    ]
    if not places:
        return PassResult(model, modified=False)
    changed = ModelProto()
    changed.CopyFrom(model)
    for index in places:
        changed.graph.node[index].op_type = "Sum"
    return PassResult(changed, modified=True)
