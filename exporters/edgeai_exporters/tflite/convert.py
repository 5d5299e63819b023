"""ONNX to TFLite: read, lowered node by node, rewritten, written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from edgeai.errors import ExportError, UnsupportedOperator, one_line

from ..arrays import Array
from ..sources.writing import write_file
from .graph import Graph, Tensor, constant
from .inference import numpy_dtype
from .lower import Lowering
from .prepare import batched_inputs, fixed_shapes, prepared
from .resizable import with_open_batch
from .rewrites import rewrite
from .writer import serialize


@dataclass(frozen=True)
class Written:
    """What was written. operators: how often by code, as TFLite spells them; `TRANSPOSE` is what is left of
    the change from channels first to channels last.
    """

    path: Path
    operators: Mapping[str, int]
    inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, tuple[int, ...]]
    size_bytes: int


def write_tflite(
    model: onnx.ModelProto | Path,
    out: Path,
    *,
    shapes: Mapping[str, Sequence[int]] | None = None,
    resizable_batch: bool = False,
    constants: Mapping[str, Array] | None = None,
    states: Mapping[str, str] | None = None,
) -> Written:
    """Write an ONNX model as a float TFLite file that gives the same answers.

    shapes: of inputs whose axes are open; axes that stay open are 1. resizable_batch: leave the first axis of
    every input and output to ResizeInputTensor; the file's own batch is what `shapes` say.
    constants: inputs that have one value for good; they vanish. states: input by the output that feeds it in
    the next run; both become a variable of the file, which starts at zeros.
    The interface stays as it was: names, order, element types, channels first.
    Raises UnsupportedOperator naming the node, ExportError where the model or the arguments are wrong;
    nothing is written then.
    """
    source = prepared(model)
    fixed = fixed_shapes(source, shapes or {}, constants or {})
    if states and resizable_batch:
        raise ExportError("variables have one size: a file with states cannot have a batch that is resized")

    def made(sizes: Mapping[str, tuple[int, ...]]) -> Graph:
        graph = _lowered(source, sizes, constants or {}, states or {})
        rewrite(graph)
        return graph

    graph = _resizable(source, made, fixed) if resizable_batch else made(fixed)
    data = serialize(graph, "edgeai, from ONNX")
    write_file(out, data)
    return Written(
        out,
        dict(Counter(op.code for op in graph.ordered())),
        {name: tensor.signature or tensor.shape for name, tensor in graph.inputs.items()},
        {name: tensor.signature or tensor.shape for name, tensor in graph.outputs.items()},
        len(data),
    )


def _resizable(
    model: onnx.ModelProto,
    made: Callable[[Mapping[str, tuple[int, ...]]], Graph],
    shapes: Mapping[str, tuple[int, ...]],
) -> Graph:
    names, is_open = batched_inputs(model, shapes)
    try:
        return with_open_batch(made, shapes, names)
    except UnsupportedOperator as error:
        if is_open:
            raise
        raise UnsupportedOperator(
            f"the model is made for a batch of {shapes[names[0]][0]}; export it with an open batch, or leave "
            f"out the batch that can be resized ({error})"
        ) from error


def _lowered(
    model: onnx.ModelProto,
    shapes: Mapping[str, tuple[int, ...]],
    constants: Mapping[str, Array],
    states: Mapping[str, str],
) -> Graph:
    lowering = Lowering(model)
    for value in _true_inputs(model):
        lowering.builder.node, lowering.builder.stem = f"input {one_line(value.name)!r}", value.name
        if not value.type.HasField("tensor_type"):
            lowering.builder.refuse("it is no tensor, and TFLite has nothing else")
        dtype = numpy_dtype(lowering.builder, value.type.tensor_type.elem_type)
        if value.name in constants:
            given = np.asarray(constants[value.name], dtype)
            lowering.values[value.name] = constant(given, name=value.name)
            continue
        tensor = lowering.builder.tensor(shapes[value.name], dtype)
        tensor.name = value.name
        lowering.values[value.name] = tensor
        lowering.graph.inputs[value.name] = tensor
    lowering.nodes(model.graph)
    _bind_outputs(model, lowering, states)
    return lowering.graph


def _bind_outputs(model: onnx.ModelProto, lowering: Lowering, states: Mapping[str, str]) -> None:
    """Outputs need a tensor of their own that an operator writes."""
    builder, graph = lowering.builder, lowering.graph
    for value in model.graph.output:
        if value.name not in lowering.values:
            raise ExportError(f"no node makes the output {one_line(value.name)!r}; is the model sound?")
        builder.node, builder.stem = f"output {one_line(value.name)!r}", value.name
        graph.outputs[value.name] = _own_output(lowering, lowering.values[value.name])
    for read, kept in states.items():
        if read not in graph.inputs or kept not in graph.outputs:
            raise ExportError(f"{one_line(read)!r}={one_line(kept)!r} is no pair of an input and an output")
        if graph.inputs[read].shape != graph.outputs[kept].shape:
            raise ExportError(f"{one_line(read)!r} and {one_line(kept)!r} differ in shape and are no state")
        graph.states[read] = (graph.inputs.pop(read), graph.outputs.pop(kept))


def _own_output(lowering: Lowering, tensor: Tensor) -> Tensor:
    """The tensor, copied where it is an input, a constant or another output already."""
    builder, graph = lowering.builder, lowering.graph
    if graph.maker(tensor) is not None and not graph.is_output(tensor):
        return tensor
    shape = builder.const(np.array(tensor.shape, np.int32))
    return builder.op("RESHAPE", [tensor, shape], tensor.shape)


def _true_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    constants = {initializer.name for initializer in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in constants]
