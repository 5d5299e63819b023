"""Folds what is constant, drops what nobody reads, and puts batch normalisation into the convolution before
it.

ONNX Runtime's own optimiser does the work, at the level at which it uses nothing but standard operators, so
the result also runs elsewhere and converts to TFLite.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx
import onnxruntime
from onnx import ModelProto

from edgeai.errors import ExportError, one_line

from . import PassResult
from .nodes import all_nodes

GROWTH = 1.05
"""At most so much larger may the file become: folding can turn a formula into a large table."""
FROM_HERE = "edgeai-simplify"


def simplify(model: ModelProto) -> PassResult:
    """The model with fewer nodes; the names of inputs and outputs and their open dimensions stay.

    Raises ExportError where ONNX Runtime cannot load the model.
    """
    with tempfile.TemporaryDirectory(prefix=f"{FROM_HERE}-") as folder:
        source, optimized = Path(folder, "source.onnx"), Path(folder, "optimized.onnx")
        onnx.save(model, source)
        _optimize(source, optimized)
        simplified = onnx.load(optimized)
    _restore(simplified, model)
    same = len(simplified.graph.node) == len(model.graph.node) and _kinds(simplified) == _kinds(model)
    if same or simplified.ByteSize() > GROWTH * model.ByteSize():
        return PassResult(model, modified=False)
    return PassResult(simplified, modified=True)


def _optimize(source: Path, optimized: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(optimized)
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors alone; a warning for every optimised model says that it was saved
    try:
        onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no base class of their own
        raise ExportError(f"ONNX Runtime cannot load the model: {one_line(error)}") from error


def _restore(simplified: ModelProto, model: ModelProto) -> None:
    """Give back what the optimiser writes anew: versions, metadata, and the shapes of inputs and outputs."""
    used = {node.domain for node in all_nodes(simplified.graph)} | {"", "ai.onnx"}
    sets = [entry for entry in model.opset_import if entry.domain in used]
    del simplified.opset_import[:]
    simplified.opset_import.extend(sets)
    simplified.ir_version = model.ir_version
    simplified.producer_name, simplified.producer_version = model.producer_name, model.producer_version
    del simplified.metadata_props[:]
    simplified.metadata_props.extend(model.metadata_props)
    simplified.graph.name = model.graph.name
    for mine, theirs in (
        (simplified.graph.input, model.graph.input),
        (simplified.graph.output, model.graph.output),
    ):
        kept = list(theirs)
        del mine[:]
        mine.extend(kept)


def _kinds(model: ModelProto) -> list[tuple[str, tuple[str, ...]]]:
    return sorted((node.op_type, tuple(node.output)) for node in model.graph.node)
