"""The shapes inside an ONNX file, inferred by the package `onnx` where it is installed.

Boards need not have it: a bundle's manifest carries what was counted when it was made. What `onnx` cannot
infer, because sizes are computed inside the graph, onnxruntime computes first, where it is installed too.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import ModelError, one_line

_LARGE_BYTES = 4096
"""Constants over this are weights, whose values no shape depends on: they are left out."""


class InferenceMissing(Exception):  # noqa: N818 - a state, told in words
    """Shapes cannot be inferred here; the message says what to do."""


def with_shapes(file: Path, shapes: Mapping[str, tuple[int, ...]], folder: Path) -> Iterator[Path]:
    """Files like the given one that tell the shapes inside, cheapest first; without their weights' values.

    The second has what is constant computed, as a runtime does when it opens the model.
    Raises InferenceMissing where `onnx` is not installed, ModelError for a file that it does not take.
    """
    if importlib.util.find_spec("onnx") is None:
        raise InferenceMissing("pip install onnx, which infers them")
    try:
        yield _inferred(_sized(file, shapes), folder / "inferred.onnx")
        if importlib.util.find_spec("onnxruntime") is not None:
            yield _inferred(_computed(_sized(file, shapes), folder), folder / "computed.onnx")
    except Exception as error:
        # protobuf, onnx and onnxruntime raise what they like for damaged files; there is no common base.
        raise ModelError(f"{one_line(file)}: its shapes cannot be inferred: {one_line(error)}") from error


def _sized(file: Path, shapes: Mapping[str, tuple[int, ...]]) -> Any:
    """The model with fixed sizes of inputs."""
    import onnx

    model = onnx.load(file)
    for value in model.graph.input:
        if value.name in shapes:
            dimensions = value.type.tensor_type.shape
            dimensions.ClearField("dim")
            for size in shapes[value.name]:
                dimensions.dim.add(dim_value=size)
    # What was inferred for other sizes is in the way.
    del model.graph.value_info[:]
    for value in model.graph.output:
        for size in value.type.tensor_type.shape.dim:
            if not size.HasField("dim_value"):
                size.Clear()
    return model


def _computed(model: Any, folder: Path) -> Any:
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folder / "basic.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return onnx.load(folder / "basic.onnx")


def _inferred(model: Any, out: Path) -> Path:
    import onnx
    from onnx import shape_inference

    for graph in _graphs(model.graph):
        for constant in graph.initializer:
            if len(constant.raw_data) > _LARGE_BYTES:
                constant.ClearField("raw_data")
    onnx.save(shape_inference.infer_shapes(model, data_prop=True), out)
    return out


def _graphs(graph: Any) -> Iterator[Any]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                if inner.node:
                    yield from _graphs(inner)
