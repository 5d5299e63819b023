"""What an ONNX file holds. Field numbers and codes: onnx/onnx.proto in github.com/onnx/onnx."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

from ..bundle import ANY, TensorSpec, sniff_format
from ..errors import ModelError, one_line
from . import UNKNOWN_RANK, GraphSummary, Weights
from .mapped import MOST_DIMENSIONS, mapped
from .protobuf import Wire, block, signed, varint

# Tags of the fields that are read, by message.
_IR_VERSION, _PRODUCER, _PRODUCER_VERSION, _GRAPH = varint(1), block(2), block(3), block(7)
_OPSET, _METADATA, _FUNCTION = block(8), block(14), block(25)
_OPSET_DOMAIN, _OPSET_VERSION = block(1), varint(2)
_NODE, _INITIALIZER, _SPARSE_INITIALIZER = block(1), block(5), block(15)
_INPUT, _OUTPUT = block(11), block(12)
_FUNCTION_NODE = block(7)
_OPERATOR, _ATTRIBUTE, _DOMAIN = block(4), block(5), block(7)
_TENSORS, _GRAPHS, _SPARSE_TENSORS = {block(5), block(10)}, {block(6), block(11)}, {block(22), block(23)}
_DIM, _DIMS, _DTYPE, _NAME = varint(1), block(1), varint(2), block(8)
_STRING, _RAW, _EXTERNAL = block(6), block(9), block(13)
_SPARSE_VALUES, _SPARSE_INDEXES = block(1), block(2)
_VALUE_NAME, _VALUE_TYPE = block(1), block(2)
_TENSOR_TYPE, _ELEMENT, _SHAPE = block(1), varint(1), block(2)
_DIMENSION, _SIZE, _SYMBOL = block(1), varint(1), block(2)
_KEY, _VALUE = block(1), block(2)

# TensorProto.DataType: our name and the bits of an element; text has no fixed size.
_TYPES: dict[int, tuple[str, int]] = {
    1: ("f32", 32),
    2: ("u8", 8),
    3: ("i8", 8),
    4: ("u16", 16),
    5: ("i16", 16),
    6: ("i32", 32),
    7: ("i64", 64),
    8: ("str", 0),
    9: ("bool", 8),
    10: ("f16", 16),
    11: ("f64", 64),
    12: ("u32", 32),
    13: ("u64", 64),
    14: ("c64", 64),
    15: ("c128", 128),
    16: ("bf16", 16),
    17: ("f8e4m3fn", 8),
    18: ("f8e4m3fnuz", 8),
    19: ("f8e5m2", 8),
    20: ("f8e5m2fnuz", 8),
    21: ("u4", 4),
    22: ("i4", 4),
    23: ("f4e2m1", 4),
    24: ("f8e8m0", 8),
    25: ("u2", 2),
    26: ("i2", 2),
}

# TypeProto: its field for each kind of value that is no plain tensor.
_NO_TENSORS = {4: "sequence", 5: "map", 7: "opaque", 8: "sparse", 9: "optional"}


def read_onnx(path: Path) -> GraphSummary:
    """What an ONNX file holds. Raises ModelError, ModelNotFound.

    Weights that lie in other files are counted by what their shapes say, and the files named.
    """
    if sniff_format(path) != "onnx":
        raise ModelError(f"{one_line(path)} is TFLite; read it with read_tflite")
    with mapped(path, "ONNX") as data:
        return _Reader(Wire(data)).model()


class _Reader:
    """Goes through the model once and collects what it meets."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._version = 0
        self._producer = ["", ""]
        self._opsets: dict[str, int] = {}
        self._metadata: dict[str, int] = {}
        self._operators: Counter[str] = Counter()
        self._weights: dict[str, Weights] = {}
        self._external: set[str] = set()
        self._bodies: list[tuple[int, int]] = []
        """Graphs still to be read: control flow may nest deeper than Python's stack."""

    def model(self) -> GraphSummary:
        main: list[tuple[int, int]] = []
        functions: list[tuple[int, int]] = []
        for tag, start, end in self._wire.fields(0, len(self._wire)):
            if tag == _GRAPH:
                main.append((start, end))
            elif tag == _FUNCTION:
                functions.append((start, end))
            else:
                self._fact(tag, start, end)
        if len(main) != 1:
            raise ValueError(f"it has {len(main)} main graphs")
        inputs, outputs = self._graph(*main[0])
        for span in functions:
            self._function(*span)
        graphs = 1 + len(functions)
        while self._bodies:
            self._graph(*self._bodies.pop())
            graphs += 1
        return GraphSummary(
            format="onnx",
            version=self._version,
            opsets=self._opsets,
            producer=" ".join(filter(None, self._producer)) or None,
            operators=dict(self._operators.most_common()),
            weights=self._weights,
            inputs=inputs,
            outputs=outputs,
            graphs=graphs,
            metadata=self._metadata,
            external_files=tuple(sorted(self._external)),
        )

    def _fact(self, tag: int, start: int, end: int) -> None:
        """What the model says of itself."""
        if tag == _IR_VERSION:
            self._version = start
        elif tag in {_PRODUCER, _PRODUCER_VERSION}:
            self._producer[tag == _PRODUCER_VERSION] = self._wire.text(start, end)
        elif tag == _OPSET:
            domain, version = "", 0
            for inner, at, to in self._wire.fields(start, end):
                if inner == _OPSET_DOMAIN:
                    domain = self._wire.text(at, to)
                elif inner == _OPSET_VERSION:
                    version = at
            self._opsets[domain or "ai.onnx"] = version
        elif tag == _METADATA:
            key, (at, to) = self._entry(start, end)
            self._metadata[key] = to - at

    def _graph(self, start: int, end: int) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
        """Count what a graph holds; returns its inputs, those with a constant value left out, and outputs."""
        constants: set[str] = set()
        inputs: list[TensorSpec] = []
        outputs: list[TensorSpec] = []
        for tag, at, to in self._wire.fields(start, end):
            if tag == _NODE:
                self._node(at, to)
            elif tag == _INITIALIZER:
                constants.add(self._tensor(at, to))
            elif tag == _SPARSE_INITIALIZER:
                constants.add(self._sparse(at, to))
            elif tag == _INPUT:
                inputs.append(self._spec(at, to))
            elif tag == _OUTPUT:
                outputs.append(self._spec(at, to))
        return tuple(spec for spec in inputs if spec.name not in constants), tuple(outputs)

    def _function(self, start: int, end: int) -> None:
        for tag, at, to in self._wire.fields(start, end):
            if tag == _FUNCTION_NODE:
                self._node(at, to)

    def _node(self, start: int, end: int) -> None:
        name = domain = ""
        for tag, at, to in self._wire.fields(start, end):
            if tag == _OPERATOR:
                name = self._wire.text(at, to)
            elif tag == _ATTRIBUTE:
                self._attribute(at, to)
            elif tag == _DOMAIN:
                domain = self._wire.text(at, to)
        self._operators[name if domain in {"", "ai.onnx"} else f"{domain}.{name}"] += 1

    def _attribute(self, start: int, end: int) -> None:
        """Tensors and graphs in it. An attribute holds one kind of thing: its numbers are left alone."""
        for tag, at, to in self._wire.fields(start, end):
            if tag in _TENSORS:
                self._tensor(at, to)
            elif tag in _GRAPHS:
                self._bodies.append((at, to))
            elif tag in _SPARSE_TENSORS:
                self._sparse(at, to)
            elif 2 <= tag >> 3 <= 9:  # numbers and texts
                return

    def _sparse(self, start: int, end: int) -> str:
        """A sparse tensor's values and their indexes, as two tensors; returns its name."""
        name = ""
        for tag, at, to in self._wire.fields(start, end):
            if tag == _SPARSE_VALUES:
                name = self._tensor(at, to)
            elif tag == _SPARSE_INDEXES:
                self._tensor(at, to)
        return name

    def _tensor(self, start: int, end: int) -> str:
        """Count a constant tensor; returns its name."""
        wire, name, code = self._wire, "", 0
        dims: list[int] = []
        raw_bytes = text_bytes = 0
        for tag, at, to in wire.fields(start, end):
            if tag == _DIM:
                dims.append(at)
            elif tag == _DIMS:
                dims += wire.packed(at, to, MOST_DIMENSIONS)
            elif tag == _DTYPE:
                code = at
            elif tag == _STRING:
                text_bytes += to - at
            elif tag == _NAME:
                name = wire.text(at, to)
            elif tag == _RAW:
                raw_bytes = to - at
            elif tag == _EXTERNAL:
                self._note_external(at, to)
        dtype, bits = _TYPES.get(code, (f"type {code}", 0))
        elements = _elements(dims, name)
        size_bytes = -(-elements * bits // 8) if bits else text_bytes or raw_bytes
        if bits and raw_bytes and raw_bytes != size_bytes:
            raise ValueError(f"tensor {one_line(name, 80)!r} has {raw_bytes} bytes instead of {size_bytes}")
        self._weights[dtype] = self._weights.get(dtype, Weights()) + Weights(1, elements, size_bytes)
        return name

    def _note_external(self, start: int, end: int) -> None:
        key, value = self._entry(start, end)
        if key == "location":
            self._external.add(self._wire.text(*value))

    def _spec(self, start: int, end: int) -> TensorSpec:
        """An input or output."""
        name, dtype, shape = "", "?", UNKNOWN_RANK
        for tag, at, to in self._wire.fields(start, end):
            if tag == _VALUE_NAME:
                name = self._wire.text(at, to)
            elif tag == _VALUE_TYPE:
                dtype, shape = self._type(at, to)
        return TensorSpec(name, dtype, shape)

    def _type(self, start: int, end: int) -> tuple[str, tuple[int | str, ...]]:
        for tag, at, to in self._wire.fields(start, end):
            if tag == _TENSOR_TYPE:
                return self._tensor_type(at, to)
            if tag >> 3 in _NO_TENSORS:
                return _NO_TENSORS[tag >> 3], UNKNOWN_RANK
        return "?", UNKNOWN_RANK

    def _tensor_type(self, start: int, end: int) -> tuple[str, tuple[int | str, ...]]:
        dtype, shape = "?", UNKNOWN_RANK
        for tag, at, to in self._wire.fields(start, end):
            if tag == _ELEMENT:
                dtype = _TYPES.get(at, (f"type {at}", 0))[0]
            elif tag == _SHAPE:
                sizes = self._wire.fields(at, to)
                shape = tuple(self._size(*span) for inner, *span in sizes if inner == _DIMENSION)
        return dtype, shape

    def _size(self, start: int, end: int) -> int | str:
        for tag, at, to in self._wire.fields(start, end):
            if tag == _SIZE:
                return at if signed(at) >= 0 else ANY
            if tag == _SYMBOL:
                return self._wire.text(at, to) or ANY
        return ANY

    def _entry(self, start: int, end: int) -> tuple[str, tuple[int, int]]:
        """The key of an entry, and where its value lies."""
        key, value = "", (start, start)
        for tag, at, to in self._wire.fields(start, end):
            if tag == _KEY:
                key = self._wire.text(at, to)
            elif tag == _VALUE:
                value = at, to
        return key, value


def _elements(dims: list[int], name: str) -> int:
    if len(dims) > MOST_DIMENSIONS or any(signed(size) < 0 for size in dims):
        raise ValueError(f"tensor {one_line(name, 80)!r} has no possible shape")
    return math.prod(dims)
