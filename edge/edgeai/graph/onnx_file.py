"""What an ONNX file holds. Field numbers and codes: onnx/onnx.proto in github.com/onnx/onnx."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ..bundle import TensorSpec, sniff_format
from ..errors import ModelError, one_line
from . import GraphSummary, Weights
from .mapped import mapped
from .onnx_values import Values
from .protobuf import Wire, block, varint

# Tags of the fields that are read, by message.
_IR_VERSION, _PRODUCER, _PRODUCER_VERSION, _GRAPH = varint(1), block(2), block(3), block(7)
_OPSET, _METADATA, _FUNCTION = block(8), block(14), block(25)
_OPSET_DOMAIN, _OPSET_VERSION = block(1), varint(2)
_NODE, _INITIALIZER, _SPARSE_INITIALIZER = block(1), block(5), block(15)
_INPUT, _OUTPUT = block(11), block(12)
_FUNCTION_NODE = block(7)
_OPERATOR, _ATTRIBUTE, _DOMAIN = block(4), block(5), block(7)
_TENSORS, _GRAPHS, _SPARSE_TENSORS = {block(5), block(10)}, {block(6), block(11)}, {block(22), block(23)}
_SPARSE_VALUES, _SPARSE_INDEXES = block(1), block(2)


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
        self._values = Values(wire)
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
            key, (at, to) = self._values.entry(start, end)
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
                inputs.append(self._values.spec(at, to))
            elif tag == _OUTPUT:
                outputs.append(self._values.spec(at, to))
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
        found = self._values.constant(start, end)
        if found.external is not None:
            self._external.add(found.external)
        counted = Weights(1, found.elements, found.size_bytes)
        self._weights[found.dtype] = self._weights.get(found.dtype, Weights()) + counted
        return found.name
