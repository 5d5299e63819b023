"""What onnxruntime.quantization wants of a model before, and what it leaves behind."""

from __future__ import annotations

import onnx
from onnx import ModelProto

from edgeai.errors import ExportError, one_line

from ..passes import RUNTIME_PASSES, run
from ..passes.name_nodes import name_nodes
from ..passes.nodes import all_nodes
from .remembered import remembered

_INFERRED = ("onnx.infer", "onnxruntime.quant")
"""The library's own mark of a model whose shapes it need not infer again (quant_utils)."""
_MARKS = frozenset({"onnx.infer", "onnx.quant.pre_process"})
OPSET = 13
"""The first with an axis in DequantizeLinear, without which there is no scale per channel."""


def ready(model: ModelProto) -> ModelProto:
    """The model with inferred types, marked, so that the quantizers work on it in memory without asking
    again.

    Raises ExportError where the operator set is too old.
    """
    opset = max((entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"}), default=0)
    if opset < OPSET:
        raise ExportError(
            f"the model has operator set {opset}; quantizing per channel needs {OPSET}: export it by a "
            "source of edgeai, which raises it, or convert it with onnx.version_converter"
        )
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except onnx.shape_inference.InferenceError as error:
        raise ExportError(f"the model's shapes contradict each other: {one_line(error)}") from error
    onnx.helper.set_model_props(
        inferred, {**{p.key: p.value for p in model.metadata_props}, _INFERRED[0]: _INFERRED[1]}
    )
    return inferred


def fused(model: ModelProto) -> ModelProto:
    """The model as ONNX Runtime runs it fastest beside quantized MatMuls, types of fused results known."""

    def fuse() -> ModelProto:
        try:
            known = onnx.shape_inference.infer_shapes(model, data_prop=True)
        except onnx.shape_inference.InferenceError:
            return model  # `ready` tells what is wrong with it
        return name_nodes(run(known, RUNTIME_PASSES).model).model

    found = ModelProto()
    found.CopyFrom(remembered(("fused",), model, (), fuse))
    return found


def finished(model: ModelProto) -> ModelProto:
    """The model, changed in place, without the library's marks and with only the operator sets that it
    uses."""
    kept = {p.key: p.value for p in model.metadata_props if p.key not in _MARKS}
    onnx.helper.set_model_props(model, kept)
    used = {node.domain for node in all_nodes(model.graph)}
    sets = [entry for entry in model.opset_import if entry.domain in {"", "ai.onnx"} or entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(sorted(sets, key=lambda entry: entry.domain))
    return model
