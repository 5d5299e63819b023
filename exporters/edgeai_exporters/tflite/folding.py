"""Computes ONNX nodes whose inputs are all constants, by onnx's own reference."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

from ..arrays import Array
from .inference import OperatorSets, tensor_type

# Constants larger than this are computed when the model runs, not folded: 64 MB.
_LIMIT_BYTES = 64 << 20
# Random: nothing that could be computed once for all.
_NEVER_FOLDED = {
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
    "Multinomial",
    "Bernoulli",
}


def folded(node: onnx.NodeProto, arrays: Mapping[str, Array], opsets: OperatorSets) -> list[Array] | None:
    """The outputs, one for each name; None where the reference cannot or they are too large to keep."""
    if node.op_type in _NEVER_FOLDED:
        return None
    inputs = [
        onnx.ValueInfoProto(name=name, type=tensor_type(array.shape, array.dtype))
        for name, array in arrays.items()
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
    graph = helper.make_graph([node], "fold", inputs, outputs)
    try:
        model = helper.make_model(graph, opset_imports=opsets.imports(), ir_version=opsets.ir_version)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the reference's arithmetic on what the model holds
            found = iter(ReferenceEvaluator(model).run(None, dict(arrays)))
        results = [np.asarray(next(found)) if name else np.empty(0) for name in node.output]
    except Exception:
        return None  # it is lowered like any other node then
    fits = all(result.nbytes <= _LIMIT_BYTES and result.dtype.kind in "fiub" for result in results)
    return results if fits else None
