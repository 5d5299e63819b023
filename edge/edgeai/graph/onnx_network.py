"""The nodes and tensors of an ONNX file. Field numbers: onnx/onnx.proto in github.com/onnx/onnx."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..bundle import TensorSpec
from .mapped import mapped
from .network import DEEPEST, MOST_GRAPHS, Key, Network, Node, Shape, Tensor
from .onnx_values import BITS, Values
from .protobuf import Wire, block, signed, varint

_GRAPH = block(7)
_NODE, _INITIALIZER, _SPARSE_INITIALIZER = block(1), block(5), block(15)
_INPUT, _OUTPUT, _VALUE_INFO = block(11), block(12), block(13)
_NODE_INPUT, _NODE_OUTPUT, _OPERATOR, _ATTRIBUTE, _DOMAIN = block(1), block(2), block(4), block(5), block(7)
_NAME, _INT, _TEXT, _TENSOR, _BODY, _INTS, _ONE_INT = (
    block(1), varint(3), block(4), block(5), block(6), block(8), varint(8),
)  # fmt: skip
_BODIES = block(11)
_SPARSE_VALUES = block(1)

_MOST_INTS = 64


def read_onnx_network(path: Path, sizes: Mapping[str, int], shapes: Mapping[Key, Shape]) -> Network:
    """The main graph of an ONNX file. Raises ModelError.

    sizes: of symbolic dimensions. shapes: of tensors, where the file does not say them; they go before.
    """
    with mapped(path, "ONNX") as data:
        wire = Wire(data)
        for tag, start, end in wire.fields(0, len(wire)):
            if tag == _GRAPH:
                return _Reader(wire, sizes, shapes).graph(start, end, (), 0)
    raise AssertionError("a file without a graph is refused by read_onnx")


@dataclass
class _Attributes:
    """Of one node. constant: the tensor of a Constant."""

    values: dict[str, Any] = field(default_factory=dict)
    bodies: list[tuple[int, int]] = field(default_factory=list)
    constant: Tensor | None = None


class _Reader:
    def __init__(self, wire: Wire, sizes: Mapping[str, int], shapes: Mapping[Key, Shape]) -> None:
        self._wire, self._sizes, self._shapes = wire, sizes, shapes
        self._values = Values(wire)
        self._graphs = 0

    def graph(self, start: int, end: int, around: tuple[dict[Key, Tensor], ...], depth: int) -> Network:
        """around: tensors of the graphs around this one, the innermost first."""
        self._graphs += 1
        if depth > DEEPEST or self._graphs > MOST_GRAPHS:
            raise ValueError(f"it has over {MOST_GRAPHS} graphs, or more than {DEEPEST} in each other")
        own: dict[Key, Tensor] = {}
        scopes = (own, *around)
        inputs: list[Key] = []
        outputs: list[Key] = []
        spans: list[tuple[int, int]] = []
        for tag, at, to in self._wire.fields(start, end):
            if tag == _NODE:
                spans.append((at, to))
            elif tag in {_INITIALIZER, _SPARSE_INITIALIZER}:
                constant = self._constant(at, to) if tag == _INITIALIZER else self._sparse(at, to)
                own[constant.name] = constant
            elif tag in {_INPUT, _OUTPUT, _VALUE_INFO}:
                spec = self._values.spec(at, to)
                own.setdefault(spec.name, self._described(spec))
                if tag != _VALUE_INFO:
                    (inputs if tag == _INPUT else outputs).append(spec.name)
        # Nodes last: bodies see what is described behind them.
        nodes = tuple(self._node(*span, scopes, depth) for span in spans)
        given = tuple(key for key in inputs if not own[key].is_constant)
        return Network(nodes, ChainMap(*scopes) if around else own, given, tuple(outputs))

    def _described(self, spec: TensorSpec) -> Tensor:
        sizes = [size if isinstance(size, int) else self._sizes.get(size) for size in spec.shape]
        known = tuple(size for size in sizes if size is not None)
        shape = known if len(known) == len(sizes) else None
        return Tensor(spec.name, BITS.get(spec.dtype, 0), self._shapes.get(spec.name, shape))

    def _constant(self, start: int, end: int) -> Tensor:
        found = self._values.constant(start, end)
        return Tensor(found.name, BITS.get(found.dtype, 0), found.shape, is_constant=True)

    def _sparse(self, start: int, end: int) -> Tensor:
        for tag, at, to in self._wire.fields(start, end):
            if tag == _SPARSE_VALUES:
                return self._constant(at, to)
        raise ValueError("a sparse tensor has no values")

    def _node(self, start: int, end: int, scopes: tuple[dict[Key, Tensor], ...], depth: int) -> Node:
        wire, own = self._wire, scopes[0]
        name = domain = ""
        inputs: list[str] = []
        outputs: list[str] = []
        found = _Attributes()
        for tag, at, to in wire.fields(start, end):
            if tag == _NODE_INPUT:
                inputs.append(wire.text(at, to))
            elif tag == _NODE_OUTPUT:
                outputs.append(wire.text(at, to))
            elif tag == _OPERATOR:
                name = wire.text(at, to)
            elif tag == _DOMAIN:
                domain = wire.text(at, to)
            elif tag == _ATTRIBUTE:
                self._attribute(at, to, found)
        if name == "Constant" and outputs:
            own[outputs[0]] = found.constant or Tensor(outputs[0], 0, (), is_constant=True)
        for key in outputs:
            if key in self._shapes and key not in own:
                own[key] = Tensor(key, 32, self._shapes[key])  # f32, unless the file says its type
        return Node(
            name if domain in {"", "ai.onnx"} else f"{domain}.{name}",
            tuple(key or None for key in inputs),
            tuple(key or None for key in outputs),
            found.values,
            tuple(self.graph(*body, scopes, depth + 1) for body in found.bodies),
        )

    def _attribute(self, start: int, end: int, found: _Attributes) -> None:
        name = ""
        value: int | str | None = None
        ints: list[int] = []
        for tag, at, to in self._wire.fields(start, end):
            if tag == _NAME:
                name = self._wire.text(at, to)
            elif tag == _INT:
                value = signed(at)
            elif tag == _TEXT and name == "equation":
                value = self._wire.text(at, to)
            elif tag == _INTS:
                ints += self._wire.packed(at, to, _MOST_INTS)
            elif tag == _ONE_INT and len(ints) < _MOST_INTS:
                ints.append(signed(at))
            elif tag == _TENSOR:
                found.constant = self._constant(at, to)
            elif tag in {_BODY, _BODIES}:
                found.bodies.append((at, to))
        found.values[name] = ints or value
