"""The nodes and tensors of a TFLite file; field numbers are those of schema.fbs (TensorFlow, lite/schema)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .flatbuffer import Table
from .network import DEEPEST, MOST_GRAPHS, Key, Network, Node, Shape, Tensor
from .tflite_file import MOST_INPUTS, open_tflite, operator_name, tensor_bits

_MOST_SIZES = 64

# Operators with graphs inside them: the fields of their options that hold a graph's number.
_BODIES = {"IF": (0, 1), "WHILE": (0, 1), "CALL": (0,), "CALL_ONCE": (0,)}


def read_tflite_network(path: Path, sizes: Mapping[str, int], shapes: Mapping[Key, Shape]) -> Network:
    """The graph of a TFLite file's first signature, or the first graph. Raises ModelError.

    sizes: not used, since TFLite's dimensions have no names. shapes: of its tensors by their index, where
    they differ from what stands in the file: those of one sample, mostly.
    """
    with open_tflite(path) as model:
        return _Reader(model, shapes).main()


class _Reader:
    def __init__(self, model: Table, shapes: Mapping[Key, Shape]) -> None:
        self._names = [operator_name(code) for code in model.tables(1)]
        self._filled = [bool(buffer.length(0) or buffer.number(2, "<Q")) for buffer in model.tables(4)]
        self._graphs = list(model.tables(2))
        signatures = list(model.tables(7))
        self._first = signatures[0].number(4, "<I") if signatures else 0
        self._shapes = shapes
        self._read = 0

    def main(self) -> Network:
        return self._graph(self._first, self._shapes, ())

    def _graph(self, index: int, shapes: Mapping[Key, Shape], above: tuple[int, ...]) -> Network:
        self._read += 1
        if index in above or len(above) > DEEPEST or self._read > MOST_GRAPHS:
            raise ValueError("its graphs call each other in a circle, or too often")
        graph = self._graphs[index]
        tensors: dict[Key, Tensor] = {
            place: self._tensor(tensor, shapes.get(place)) for place, tensor in enumerate(graph.tables(0))
        }
        nodes = tuple(self._node(operator, (*above, index)) for operator in graph.tables(3))
        sides = (graph.numbers(field, MOST_INPUTS) for field in (1, 2))
        inputs, outputs = (tuple(key for key in side if key in tensors) for side in sides)
        return Network(nodes, tensors, inputs, outputs)

    def _tensor(self, tensor: Table, shape: Shape | None) -> Tensor:
        stored = tuple(tensor.numbers(0, _MOST_SIZES))
        if shape is None and all(size >= 0 for size in stored):
            shape = stored
        return Tensor(tensor.text(3), tensor_bits(tensor), shape, self._filled[tensor.number(2, "<I")])

    def _node(self, operator: Table, above: tuple[int, ...]) -> Node:
        name = self._names[operator.number(0, "<I")]
        options = operator.table(4)
        attributes: dict[str, Any] = {}
        if name == "BATCH_MATMUL" and options is not None:
            attributes["adj_x"] = options.number(0, "<b")
        inner = (
            () if options is None else tuple(options.number(field, "<i") for field in _BODIES.get(name, ()))
        )
        return Node(
            name,
            tuple(key if key >= 0 else None for key in operator.numbers(1, MOST_INPUTS)),
            tuple(key if key >= 0 else None for key in operator.numbers(2, MOST_INPUTS)),
            attributes,
            tuple(self._graph(index, {}, above) for index in inner if index >= 0),
        )
