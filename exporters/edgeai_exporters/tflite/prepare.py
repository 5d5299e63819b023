"""The ONNX side before lowering: the model's functions put in, sizes of open axes settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
from onnx import inliner

from edgeai.errors import ExportError, ModelNotFound, one_line

from ..arrays import Array


def prepared(model: onnx.ModelProto | Path) -> onnx.ModelProto:
    """The model, read where it is a path, with the functions that it defines itself put in their places."""
    loaded = model if isinstance(model, onnx.ModelProto) else _loaded(model)
    if not loaded.functions:
        return loaded
    try:
        return inliner.inline_local_functions(loaded)
    except Exception as error:  # onnx raises classes of its own that share no base
        raise ExportError(f"the model's functions cannot be put in: {one_line(error)}") from error


def _loaded(path: Path) -> onnx.ModelProto:
    if not path.exists():
        raise ModelNotFound(f"{one_line(path)} does not exist")
    try:
        return onnx.load(path)
    except Exception as error:  # protobuf's, onnx's and the system's have nothing in common
        raise ExportError(f"{one_line(path)} cannot be read as ONNX: {one_line(error)}") from error


def fixed_shapes(
    model: onnx.ModelProto, shapes: Mapping[str, Sequence[int]], constants: Mapping[str, Array]
) -> dict[str, tuple[int, ...]]:
    """The size of every input: its own where it is fixed, else what was given, else 1 for each open axis.

    Raises ExportError for a name that is no input and for sizes that do not fit it.
    """
    weights = {initializer.name for initializer in model.graph.initializer}
    inputs = {value.name: value for value in model.graph.input if value.name not in weights}
    unknown = [name for name in (*shapes, *constants) if name not in inputs]
    if unknown:
        names = ", ".join(one_line(name) for name in inputs)
        raise ExportError(f"the model has no input {one_line(unknown[0])!r}; it has {names or 'none'}")
    return {name: _fixed(value, shapes.get(name)) for name, value in inputs.items() if name not in constants}


def batched_inputs(model: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]]) -> tuple[list[str], bool]:
    """Inputs whose first axis is the batch, all where the model leaves none open, and whether it does.

    Raises ExportError where no input has an axis.
    """
    inputs = {value.name: value.type.tensor_type.shape.dim for value in model.graph.input}
    named = [name for name in inputs if shapes.get(name)]
    is_open = [name for name in named if inputs[name][0].dim_value <= 0]
    if not named:
        raise ExportError("the model has no input with a batch axis that could be resized")
    return is_open or named, bool(is_open)


def _fixed(value: onnx.ValueInfoProto, given: Sequence[int] | None) -> tuple[int, ...]:
    kind = value.type
    if not kind.HasField("tensor_type"):
        return ()  # refused by whoever makes the input
    if not kind.tensor_type.HasField("shape"):
        if given is None:
            raise ExportError(f"the shape of the input {one_line(value.name)!r} is open; give one (--shape)")
        return tuple(given)
    own = [dim.dim_value if dim.dim_value > 0 else None for dim in kind.tensor_type.shape.dim]
    wanted = list(given) if given is not None else [1 if size is None else size for size in own]
    if len(wanted) != len(own) or any(
        mine not in {None, size} for mine, size in zip(own, wanted, strict=True)
    ):
        spoken = "x".join("?" if size is None else str(size) for size in own)
        asked = "x".join(str(size) for size in wanted)
        raise ExportError(f"the input {one_line(value.name)!r} is {spoken}; {asked} does not fit it")
    return tuple(int(size) for size in wanted)
