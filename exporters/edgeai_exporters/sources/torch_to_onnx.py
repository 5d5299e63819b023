"""PyTorch to ONNX by torch.export, with dimensions that keep their names, and errors of one line."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from edgeai.errors import ExportError, one_line
from edgeai.extras import require

from ..arrays import Array, Feed, Outputs
from .onnx_operators import opset_of
from .open_sizes import OpenSizes
from .torch_errors import explain
from .writing import normalize, without_traces

require("torch", "torch", "exporting PyTorch models")
require("onnxscript", "torch", "exporting PyTorch models")

import torch  # noqa: E402 - after `require`, which says what to install
from onnx import ModelProto  # noqa: E402


def export_program(module: Any, example: Mapping[str, Array], sizes: OpenSizes, told: str) -> Any:
    """The module as a `torch.export.ExportedProgram`. Raises ExportError naming operator and line.

    example: by the parameters of forward, in its order, at least 2 along open axes. told: the source's name.
    """
    # By the library alone: torch.onnx.export falls back to fixed sizes where open ones fail, without a word.
    with quiet(), _explained(told):
        return torch.export.export(module, (), tensors(example), dynamic_shapes=_dynamic(sizes), strict=False)


def to_onnx(
    program: Any, sizes: OpenSizes, outputs: Sequence[str], told: str, opset: int
) -> tuple[ModelProto, list[str]]:
    """An exported program as ONNX, and what was done to it. Raises ExportError naming the operator.

    outputs: their names in the program's order.
    """
    inputs = list(program.graph_signature.user_inputs)
    with quiet(), _explained(told):
        made = torch.onnx.export(
            program,
            dynamo=True,
            external_data=False,
            verbose=False,
            opset_version=opset,
            input_names=[str(name) for name in inputs],
            output_names=list(outputs),
            dynamic_shapes=_dynamic(sizes) if sizes.ranges else None,
        )
        model: ModelProto = made.model_proto
    _check(model, sizes, len(outputs), told, opset)
    return model, [*without_traces(model), *normalize(model)]


def reference_of(module: Callable[..., Any]) -> Callable[[Feed], Outputs]:
    """Runs a module on arrays by the names of its parameters."""

    def run(feed: Feed) -> Outputs:
        with torch.no_grad(), quiet():
            found = named_outputs(module(**tensors(feed)))
        return {name: tensor.detach().cpu().numpy() for name, tensor in found.items()}

    return run


def tensors(feed: Feed) -> dict[str, Any]:
    """The arrays as tensors of their own memory."""
    return {name: torch.from_numpy(array.copy()) for name, array in feed.items()}


def named_outputs(made: Any, name: str = "") -> dict[str, Any]:
    """Tensors by name, in the order in which torch.export flattens what a module returns.

    `output` for a single tensor, `output_0` and on for those of a tuple, the keys of a dict, the fields of a
    named tuple. Raises ExportError for what is no tensor.
    """
    if isinstance(made, torch.Tensor):
        return {name or "output": made}
    if isinstance(made, Mapping):
        parts = [(str(key), value) for key, value in made.items()]
    elif isinstance(made, tuple) and hasattr(made, "_fields"):
        parts = list(zip(made._fields, made, strict=True))
    elif isinstance(made, (tuple, list)) and len(made) == 1 and not name:
        parts = [("output", made[0])]
    elif isinstance(made, (tuple, list)):
        parts = [(str(place) if name else f"output_{place}", value) for place, value in enumerate(made)]
    else:
        raise ExportError(
            f"the model returns a {type(made).__name__} as {name or 'output'}; return tensors, or "
            "tuples or dicts of them"
        )
    found: dict[str, Any] = {}
    for part, value in parts:
        found.update(named_outputs(value, f"{name}_{part}" if name else part))
    return found


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what PyTorch and transformers warn, log and print of their insides; what matters is raised."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
                yield
    finally:
        logging.disable(before)


@contextlib.contextmanager
def _explained(told: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # torch.export raises whatever the model's own code does
        raise ExportError(f"{one_line(told)} cannot be exported: {explain(error)}") from error


def _dynamic(sizes: OpenSizes) -> dict[str, Any]:
    dims = {name: torch.export.Dim(name, min=low, max=high) for name, (low, high) in sizes.ranges.items()}
    return {
        name: {axis: dims[dimension] for axis, dimension in axes.items()} for name, axes in sizes.axes.items()
    }


def _check(model: ModelProto, sizes: OpenSizes, outputs: int, told: str, opset: int) -> None:
    if opset_of(model) != opset:
        raise ExportError(
            f"{one_line(told)} cannot be written in opset {opset}, only in {opset_of(model)}; leave "
            "--opset out"
        )
    if len(model.graph.output) != outputs:
        raise ExportError(
            f"{one_line(told)}: {len(model.graph.output)} of {outputs} outputs were exported; return "
            "each tensor once"
        )
    shapes = {value.name: value.type.tensor_type.shape.dim for value in model.graph.input}
    for name, axes in sizes.axes.items():
        for axis, dimension in axes.items():
            if name in shapes and shapes[name][axis].dim_param != dimension:
                raise ExportError(
                    f"{one_line(told)}: dimension {dimension!r} of input {one_line(name)!r} became "
                    f"{shapes[name][axis].dim_param or shapes[name][axis].dim_value}; leave it fixed"
                )
