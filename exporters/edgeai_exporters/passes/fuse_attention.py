"""Fuses GELU and attention into the operators that ONNX Runtime has for them. For ONNX Runtime only.

onnxscript's rewriter finds the patterns of graphs that torch exports; ONNX Runtime's own fusion finds none
there.
"""

from __future__ import annotations

import onnx
from onnx import ModelProto

from edgeai.extras import require

from . import PassResult

FUSED = frozenset({"Gelu", "MultiHeadAttention"})


def fuse_attention(model: ModelProto) -> PassResult:
    """The model with Gelu and MultiHeadAttention of com.microsoft where they fit.

    Names of inputs, outputs and of the MatMul nodes with weights stay. Raises ExtraMissing without
    onnxscript.
    """
    require("onnxscript", "quant", "fusing attention")
    import onnx_ir
    from onnx_ir.passes.common import CommonSubexpressionEliminationPass
    from onnxscript.optimizer import optimize
    from onnxscript.rewriter.ort_fusions import _core as fusions

    if not any(node.op_type in {"Erf", "Softmax"} for node in model.graph.node):
        return PassResult(model, modified=False)
    converted = onnx_ir.from_proto(onnx.shape_inference.infer_shapes(model))
    optimize(converted)
    count = fusions.fuse_erfgelu(converted)
    count += fusions.fuse_sdpa(converted, apply_shape_inference=True)
    # A fusion that found only half of its pattern leaves a function behind, which optimize puts in place
    # again.
    fused = fusions.fuse_mha1(converted) + fusions.fuse_mha2(converted)
    count += fused + (fusions.fuse_mha_scale(converted) if fused else 0)
    optimize(converted)
    CommonSubexpressionEliminationPass()(converted)  # each attention brings its own shape of the mask
    result = onnx_ir.to_proto(converted)
    if not count or not any(node.op_type in FUSED for node in result.graph.node):
        return PassResult(model, modified=False)
    return PassResult(result, modified=True)
