"""TFLite files as the schemes read them: which operators have weights, and which follow from quantized
ones."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litert_quantizer.utils import tfl_flatbuffer_utils

from edgeai.errors import ExportError, one_line
from edgeai.graph import read_graph

_FLOAT32 = 0
"""TensorType.FLOAT32 of the TFLite schema."""


@dataclass(frozen=True)
class Operator:
    """One of the file. name: of its first output, which is what layers go by. scope: what the quantizer
    matches its regular expressions with. code: as litert_quantizer spells it, None for what it does not know.
    """

    name: str
    scope: str
    code: str | None
    floats: tuple[str, ...]
    outputs: tuple[str, ...]
    has_weights: bool


def read_operators(model: Path) -> tuple[Operator, ...]:
    """Of the main graph, in its order. Raises ExportError where two tensors share a name or it cannot be
    read."""
    read_graph(model)  # says in its own words what is no TFLite
    try:
        parsed = tfl_flatbuffer_utils.read_model(str(model))
    except Exception as error:  # whatever the library meets in a damaged file
        raise ExportError(f"{one_line(model)} cannot be read as TFLite: {one_line(error)}") from error
    operators = tuple(_operators(parsed))
    names = [operator.name for operator in operators]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ExportError(
            f"{one_line(model)} has several tensors named {one_line(twice[0])!r}; layers go by names"
        )
    return operators


def layers_of(operators: tuple[Operator, ...], codes: Collection[str]) -> tuple[str, ...]:
    """Names of the operators of these codes that have f32 weights."""
    return tuple(operator.name for operator in operators if operator.code in codes and operator.has_weights)


def with_followers(
    operators: tuple[Operator, ...], layers: Collection[str], codes: Collection[str]
) -> list[Operator]:
    """The layers, and the operators all of whose float inputs come from them, step by step."""
    chosen, quantized = [], set[str]()
    for operator in operators:
        follows = operator.code in codes and not operator.has_weights and operator.floats
        if operator.name in layers or (follows and quantized.issuperset(operator.floats)):
            chosen.append(operator)
            quantized.update(operator.outputs)
    return chosen


def _operators(model: Any) -> Iterator[Operator]:
    graph = model.subgraphs[0]
    known = tfl_flatbuffer_utils.TFL_OP_CODE_TO_NAME
    for op in graph.operators:
        code = model.operatorCodes[op.opcodeIndex].builtinCode
        inputs = [graph.tensors[index] for index in op.inputs if index >= 0]
        outputs = [_name(graph.tensors[index]) for index in op.outputs]
        if not outputs:
            continue
        constants = [tensor for tensor in inputs if _is_constant(model, tensor)]
        yield Operator(
            outputs[0],
            tfl_flatbuffer_utils.get_op_scope(op, graph.tensors),
            known[code].value if code in known else None,
            tuple(_name(t) for t in inputs if t.type == _FLOAT32 and not _is_constant(model, t)),
            tuple(outputs),
            any(t.type == _FLOAT32 and len(t.shape) > 1 for t in constants),
        )


def _is_constant(model: Any, tensor: Any) -> bool:
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


def _name(tensor: Any) -> str:
    name: str = tfl_flatbuffer_utils.get_tensor_name(tensor)
    return name
