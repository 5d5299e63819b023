"""Sizes that a user gives for inputs of an ONNX file, written into its graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from onnx import GraphProto, ModelProto, ValueInfoProto

from edgeai.errors import UsageError, one_line

from .open_sizes import shapes_by_name
from .options import SourceOptions


def fix_sizes(model: ModelProto, file: Path, options: SourceOptions) -> list[str]:
    """Give open axes of inputs the sizes of `options.shapes`, in place, wherever their dimension stands.

    A size that is a name leaves its axis open. Raises UsageError for an input that is not there, a shape that
    does not fit, one dimension with two sizes, and for ranges of dimensions, which a file has nowhere.
    """
    shown = one_line(file)
    if options.dims:
        raise UsageError(f"{shown} has dimensions of its own; leave --dim out, or fix sizes with --shape")
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = {value.name: value for value in model.graph.input if value.name not in weights}
    sizes: dict[str, int] = {}
    fixed: list[str] = []
    for name, wanted in shapes_by_name(tuple(inputs), options).items():
        dims = inputs[name].type.tensor_type.shape.dim
        _check_fit(name, wanted, inputs[name], shown)
        for dim, size in zip(dims, wanted, strict=True):
            if isinstance(size, str) or dim.HasField("dim_value"):
                continue
            if dim.dim_param and sizes.setdefault(dim.dim_param, size) != size:
                raise UsageError(
                    f"{shown}: dimension {one_line(dim.dim_param)!r} is given the sizes "
                    f"{sizes[dim.dim_param]} and {size}; give one"
                )
            dim.dim_value = size
            fixed.append(name)
    for value in _values(model.graph):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in sizes:
                dim.dim_value = sizes[dim.dim_param]
    return [f"sizes of {', '.join(dict.fromkeys(fixed))} fixed"] if fixed else []


def _values(graph: GraphProto) -> Iterable[ValueInfoProto]:
    return (*graph.input, *graph.output, *graph.value_info)


def _check_fit(name: str, wanted: Sequence[int | str], value: ValueInfoProto, shown: str) -> None:
    dims = value.type.tensor_type.shape.dim
    have = [dim.dim_value if dim.HasField("dim_value") else dim.dim_param or "?" for dim in dims]
    fits = len(wanted) == len(have) and all(
        isinstance(want, str) or isinstance(size, str) or want == size
        for want, size in zip(wanted, have, strict=True)
    )
    if not fits:
        given, own = (one_line("x".join(map(str, sizes))) for sizes in (wanted, have))
        raise UsageError(f"{shown}: shape {given} does not fit input {one_line(name)!r}, which is {own}")
