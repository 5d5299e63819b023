"""What an exported file costs: shapes inside it are found by running it once, then `edgeai.graph` counts.

    cost = cost_of("model.onnx", {"x": zeros})     # Costs; .to_json() goes into the manifest

A device has no library that infers shapes, so this is done at export.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edgeai.bundle import list_specs, sniff_format
from edgeai.errors import ExportError, one_line
from edgeai.extras import require
from edgeai.graph import read_graph
from edgeai.graph.costs import Costs, costs

from .arrays import Feed


def cost_of(path: str | os.PathLike[str], feed: Feed) -> Costs:
    """What one run of a `.onnx` or `.tflite` file costs with inputs like these.

    feed: all inputs by the file's own names; their values decide which branch runs, so take a real sample.
    Raises ModelError for what is no model, ExportError where it does not run on the feed, and ExtraMissing.
    """
    file = Path(path)
    count = _onnx if sniff_format(file) == "onnx" else _tflite
    return count(file, feed)


def _onnx(file: Path, feed: Feed) -> Costs:
    onnx = require("onnx", "quant", "counting what a model costs")
    model = onnx.load(file)
    for name, node in enumerate(_nodes(model.graph)):
        node.name = f"n{name}"  # by which the trace tells of it
    traced = _traced(onnx, model, feed, file)
    with tempfile.TemporaryDirectory(prefix="edgeai-cost-") as folder:
        described = Path(folder) / "described.onnx"
        _describe(onnx, model, feed, traced)
        onnx.save(model, described)
        return costs(described)


def _nodes(graph: Any) -> Iterator[Any]:
    """Of a graph and of those inside it."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for body in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _nodes(body)


def _traced(onnx: Any, model: Any, feed: Feed, file: Path) -> dict[str, list[tuple[int, ...]]]:
    """Shapes of what each node gave, by the node's name, from ONNX Runtime's own trace of one run."""
    ort = require("onnxruntime", "quant", "counting what a model costs")
    with tempfile.TemporaryDirectory(prefix="edgeai-cost-") as folder:
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "trace")
        named = Path(folder) / "named.onnx"
        onnx.save(model, named)
        try:
            session = ort.InferenceSession(str(named), options, providers=["CPUExecutionProvider"])
            session.run(None, dict(feed))
            events = json.loads(Path(session.end_profiling()).read_text("utf-8"))
        except Exception as error:  # its errors have no common class
            raise _does_not_run(file, error) from error
    found: dict[str, list[tuple[int, ...]]] = {}
    for event in events:
        name, _, what = str(event.get("name", "")).rpartition("_kernel_")
        if what == "time" and name not in found:
            given = event["args"].get("output_type_shape", ())
            found[name] = [tuple(shape) for each in given for shape in each.values()]
    return found


def _does_not_run(file: Path, error: Exception) -> ExportError:
    shown = one_line(file)
    return ExportError(
        f"{shown} does not run on the sample that its costs are counted with: {one_line(error)}"
    )


def _describe(onnx: Any, model: Any, feed: Feed, traced: Mapping[str, list[tuple[int, ...]]]) -> None:
    """Write the shapes of inputs and of all that lies between into the model, types as they are inferred."""
    fixed = {name: array.shape for name, array in feed.items()}
    for value in model.graph.input:
        if value.name in fixed:
            _fix(value, fixed[value.name])
    # Types alone are needed, which inference always finds; shapes are those that were seen.
    inferred = onnx.shape_inference.infer_shapes(model)
    _describe_graph(onnx, inferred.graph, traced)
    model.CopyFrom(inferred)


def _describe_graph(onnx: Any, graph: Any, traced: Mapping[str, list[tuple[int, ...]]]) -> None:
    known = {value.name: value for value in (*graph.value_info, *graph.output)}
    for node in graph.node:
        outputs = [name for name in node.output if name]
        for name, shape in zip(outputs, traced.get(node.name, ()), strict=False):
            if name not in known:
                known[name] = graph.value_info.add(name=name)
                known[name].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
            _fix(known[name], shape)
        for attribute in node.attribute:
            for body in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                _describe_graph(onnx, body, traced)


def _fix(value: Any, shape: tuple[int, ...]) -> None:
    dims = value.type.tensor_type.shape
    dims.ClearField("dim")
    dims.SetInParent()
    for size in shape:
        dims.dim.add(dim_value=size)


def _tflite(file: Path, feed: Feed) -> Costs:
    litert = require("ai_edge_litert.interpreter", "tflite", "counting what a model costs")
    interpreter = litert.Interpreter(
        str(file),
        num_threads=1,
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    given = read_graph(file).inputs
    names = [spec.name for spec in given]
    details = interpreter.get_input_details()
    try:
        if any(
            feed[spec.name].ndim != len(spec.shape) for spec in given
        ):  # which it would take without a word
            raise ValueError(f"it takes {list_specs(given)}")
        for name, detail in zip(names, details, strict=True):
            interpreter.resize_tensor_input(detail["index"], feed[name].shape)
        interpreter.allocate_tensors()
        for name, detail in zip(names, details, strict=True):
            interpreter.set_tensor(detail["index"], feed[name].astype(detail["dtype"], copy=False))
        interpreter.invoke()
    except (KeyError, ValueError, RuntimeError) as error:
        raise _does_not_run(file, error) from error
    shapes = {each["index"]: tuple(map(int, each["shape"])) for each in interpreter.get_tensor_details()}
    return costs(file, shapes={index: shape for index, shape in shapes.items() if all(shape)})
