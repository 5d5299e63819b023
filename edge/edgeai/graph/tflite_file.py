"""What a TFLite file holds; field numbers are those of schema.fbs (TensorFlow, tensorflow/lite/schema)."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from ..bundle import ANY, Quantization, TensorSpec, sniff_format
from ..errors import ModelError, one_line
from . import GraphSummary, Weights
from .flatbuffer import Fields, Table, root
from .mapped import MOST_DIMENSIONS, mapped
from .tflite_operators import BUILTIN_OPERATORS, CUSTOM

if TYPE_CHECKING:
    from collections.abc import Iterator

# TensorType: our name and the bits of an element; 0 where it has no fixed size.
_TYPES: tuple[tuple[str, int], ...] = (
    ("f32", 32),
    ("f16", 16),
    ("i32", 32),
    ("u8", 8),
    ("i64", 64),
    ("str", 0),
    ("bool", 8),
    ("i16", 16),
    ("c64", 64),
    ("i8", 8),
    ("f64", 64),
    ("c128", 128),
    ("u64", 64),
    ("resource", 0),
    ("variant", 0),
    ("u32", 32),
    ("u16", 16),
    ("i4", 4),
    ("bf16", 16),
    ("i2", 2),
    ("u4", 4),
    ("f8e4m3fn", 8),
    ("f8e5m2", 8),
)

MOST_INPUTS = 4096
"""Of which is told; a graph has a few, with state held outside some hundreds."""

# Field numbers of the tables that are read here.
_TENSOR: Fields = {0: 4, 3: 1, 4: {0: 4, 1: 4, 2: 4, 3: 8, 5: {}}, 6: {}, 7: 4}
_OPERATOR: Fields = {1: 4, 2: 4, 4: {}, 5: 1, 7: 1, 8: 4}
_SIGNATURE: Fields = {0: [{0: 1}], 1: [{0: 1}], 2: 1}
_MODEL: Fields = {
    1: [{1: 1}],  # operator codes
    2: [{0: [_TENSOR], 1: 4, 2: 4, 3: [_OPERATOR], 4: 1}],  # subgraphs
    3: 1,
    4: [{0: 1}],  # buffers
    5: 4,
    6: [{0: 1}],  # metadata
    7: [_SIGNATURE],
}


@contextlib.contextmanager
def open_tflite(path: Path) -> Iterator[Table]:
    """The Model table of a TFLite file, all of whose parts lie inside the file. Raises ModelError."""
    with mapped(path, "TFLite") as data:
        model = root(data)
        model.check(_MODEL)
        yield model


def operator_name(code: Table) -> str:
    """Name of an OperatorCode. Old files have its number in the first field, as a byte; new in the fourth."""
    number = max(code.number(0, "<b"), code.number(3, "<i"))
    if number == CUSTOM:
        return code.text(1) or "CUSTOM"
    return BUILTIN_OPERATORS[number] if 0 <= number < len(BUILTIN_OPERATORS) else f"BUILTIN_{number}"


def tensor_dtype(tensor: Table) -> str:
    """dtype of a Tensor (`f32`, `i8`, `i4`, ...)."""
    return _type(tensor)[0]


def tensor_bits(tensor: Table) -> int:
    """Of an element of a Tensor; 0 where it has no fixed size."""
    return _type(tensor)[1]


def read_tflite(path: Path) -> GraphSummary:
    """What a TFLite file holds. Raises ModelError, ModelNotFound."""
    if sniff_format(path) != "tflite":
        raise ModelError(f"{one_line(path)} is ONNX; read it with read_onnx")
    with open_tflite(path) as model:
        return _summary(model)


def _summary(model: Table) -> GraphSummary:
    names = [operator_name(code) for code in model.tables(1)]
    buffers = [_buffer_bytes(buffer) for buffer in model.tables(4)]
    operators: Counter[str] = Counter()
    weights: dict[str, Weights] = {}
    counted: set[int] = set()
    graphs = list(model.tables(2))
    if not graphs:
        raise ValueError("it has no graph")
    for graph in graphs:
        operators.update(names[operator.number(0, "<I")] for operator in graph.tables(3))
        for tensor in graph.tables(0):
            index = tensor.number(2, "<I")
            if buffers[index] and index not in counted:  # several tensors may share one
                counted.add(index)
                dtype = tensor_dtype(tensor)
                weights[dtype] = weights.get(dtype, Weights()) + _weights(tensor, buffers[index])
    signatures = list(model.tables(7))
    inputs, outputs = _sides(graphs, signatures)
    return GraphSummary(
        format="tflite",
        version=model.number(0, "<I"),
        producer=model.text(3) or None,
        operators=dict(operators.most_common()),
        weights=dict(sorted(weights.items(), key=lambda pair: -pair[1].size_bytes)),
        inputs=inputs,
        outputs=outputs,
        graphs=len(graphs),
        signatures=tuple(signature.text(2) for signature in signatures),
        metadata={entry.text(0): buffers[entry.number(1, "<I")] for entry in model.tables(6)},
    )


def _buffer_bytes(buffer: Table) -> int:
    """Of a file beyond 2 GB the data lie behind the tables, and only the size stands here."""
    return buffer.length(0) or buffer.number(2, "<Q")


def _weights(tensor: Table, size_bytes: int) -> Weights:
    bits = _type(tensor)[1]
    stored = size_bytes * 8 // bits if bits else 0
    shape = _shape(tensor)
    elements = math.prod(size for size in shape if isinstance(size, int))
    # A sparse tensor stores fewer than its shape says; two of 4 bits fill a byte, and one as well.
    return Weights(1, elements if not bits or -(-elements * bits // 8) == size_bytes else stored, size_bytes)


def _sides(
    graphs: list[Table], signatures: list[Table]
) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Inputs and outputs of the first signature's graph, or of the first graph."""
    signature = signatures[0] if signatures else None
    graph = graphs[signature.number(4, "<I") if signature else 0]
    tensors = list(graph.tables(0))
    sides = []
    for of_graph, of_signature in ((1, 0), (2, 1)):
        maps = signature.tables(of_signature) if signature else ()
        names = {entry.number(1, "<I"): entry.text(0) for entry in maps}
        indexes = graph.numbers(of_graph, MOST_INPUTS)
        if min(indexes, default=0) < 0:  # which Python would count from the end
            raise ValueError(f"its graph has the tensor {min(indexes)} for an input or output")
        sides.append(tuple(_spec(tensors[index], names.get(index)) for index in indexes))
    return sides[0], sides[1]


def _spec(tensor: Table, name: str | None) -> TensorSpec:
    dtype = tensor_dtype(tensor)
    quantization = _quantization(tensor) if dtype in {"i8", "u8", "i16"} else None
    return TensorSpec(tensor.text(3) if name is None else name, dtype, _shape(tensor), quantization)


def _quantization(tensor: Table) -> Quantization | None:
    """Of the whole tensor; None also for one with a scale for each channel."""
    table = tensor.table(4)
    if table is None or table.length(2) != 1:
        return None
    (scale,), zero_points = table.numbers(2, 1, "f"), table.numbers(3, 1, "q")
    return Quantization(scale, zero_points[0] if zero_points else 0) if 0 < scale < math.inf else None


def _shape(tensor: Table) -> tuple[int | str, ...]:
    """The signature of the shape says which sizes are free; without it, all are fixed."""
    field = 7 if tensor.length(7) else 0
    if tensor.length(field) > MOST_DIMENSIONS:
        raise ValueError(f"tensor {one_line(tensor.text(3), 80)!r} has no possible shape")
    return tuple(size if size >= 0 else ANY for size in tensor.numbers(field, MOST_DIMENSIONS))


def _type(tensor: Table) -> tuple[str, int]:
    code = tensor.number(1, "<b")
    return _TYPES[code] if 0 <= code < len(_TYPES) else (f"type {code}", 0)
