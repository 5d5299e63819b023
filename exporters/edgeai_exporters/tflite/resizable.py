"""Leaves the batch axis of a TFLite graph to be resized when it is loaded.

The graph is made twice, for two batches; where the two differ is where the batch is. Shapes that operators
hold as constants are then left to LiteRT (-1), or put together from the input's shape when the model runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from edgeai.errors import ExportError, UnsupportedOperator, one_line

from ..arrays import Array
from .graph import Graph, Op, Tensor, array_of, constant

# Not 1, which operators broadcast and whose axes move for nothing; and near each other, so that the cheapest
# layout for one is the cheapest for the other.
_FIRST, _SECOND = 61, 62

Sizes = Mapping[str, tuple[int, ...]]


def with_open_batch(made: Callable[[Sizes], Graph], shapes: Sizes, batched: Sequence[str]) -> Graph:
    """The graph of `made(shapes)` with the first axis of the inputs `batched` open.

    Raises ExportError where their batches differ, UnsupportedOperator where an operator needs to know it.
    """
    batches = {shapes[name][0] for name in batched if shapes[name]}
    if len(batches) != 1:
        raise ExportError(
            f"a batch that can be resized has to be one and the same for all inputs, not {batches}"
        )
    graphs = [
        made({name: (size, *own[1:]) if name in batched else own for name, own in shapes.items()})
        for size in (_FIRST, _SECOND)
    ]
    return _Merge(graphs[0], graphs[1], batches.pop(), source=next(iter(batched))).run()


class _Merge:
    """Two graphs of the same operators into one."""

    def __init__(self, graph: Graph, other: Graph, batch: int, source: str) -> None:
        self.graph = graph
        self.other = other
        self.batch = batch
        self.source = graph.inputs[source]
        self._now: Tensor | None = None
        self._shapes: list[tuple[Tensor, tuple[int, ...]]] = []

    def run(self) -> Graph:
        """Merge in place."""
        ops, others = self.graph.ordered(), self.other.ordered()
        if [op.code for op in ops] != [op.code for op in others]:
            raise UnsupportedOperator(
                "the model is another one for another batch; leave out the resizable batch (--resize-batch)"
            )
        self._look_at(self.graph.inputs, self.other.inputs)
        for op, other in zip(ops, others, strict=True):
            self._operator(op, other)
        self._look_at(self.graph.outputs, self.other.outputs)
        for name, tensor in self.graph.outputs.items():
            if tensor.signature is not None and tensor.signature[0] != -1:
                raise UnsupportedOperator(f"the first axis of the output {one_line(name)!r} is not the batch")
        for tensor, shape in self._shapes:
            tensor.shape = shape
        return self.graph

    def _look_at(self, tensors: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> None:
        for tensor, other in zip(tensors.values(), others.values(), strict=True):
            self._tensor(tensor, other)

    def _tensor(self, tensor: Tensor, other: Tensor) -> None:
        if tensor.shape == other.shape or tensor.signature is not None:
            return
        pairs = list(zip(tensor.shape, other.shape, strict=True))
        tensor.signature = tuple(size if size == more else -1 for size, more in pairs)
        self._shapes.append((tensor, tuple(self._size(size, more) for size, more in pairs)))

    def _size(self, size: int, more: int) -> int:
        """At the batch that the file is written for."""
        return size + (more - size) // (_SECOND - _FIRST) * (self.batch - _FIRST)

    def _operator(self, op: Op, other: Op) -> None:
        if op.options != other.options:
            self._refuse(op)
        for index, (mine, theirs) in enumerate(zip(op.inputs, other.inputs, strict=True)):
            if mine is None or theirs is None or mine.data is None or theirs.data is None:
                if (mine is None) != (theirs is None):
                    self._refuse(op)
            elif mine.shape != theirs.shape or not np.array_equal(mine.data, theirs.data):
                self._constant(op, index, mine, theirs)
        for tensor, twin in zip(op.outputs, other.outputs, strict=True):
            self._tensor(tensor, twin)

    def _constant(self, op: Op, index: int, mine: Tensor, theirs: Tensor) -> None:
        data, other = array_of(mine), array_of(theirs)
        if data.shape != other.shape:
            self.graph.set_input(op, index, self._repeated(op, data, other))
            return
        differs = data != other
        if (op.code, index) in _REST and differs.sum() == 1 and _is_whole(op, int(differs.argmax())):
            self.graph.set_input(op, index, constant(np.where(differs, -1, data), np.int32))
        elif op.code == "STRIDED_SLICE" and index == 2:
            op.options["endMask"] = sum(1 << int(axis) for axis in np.flatnonzero(differs))
        elif (op.code, index) in _SHAPES:
            self.graph.set_input(op, index, self._shape(op, data, other))
        else:
            self._refuse(op)

    def _shape(self, op: Op, mine: Array, theirs: Array) -> Tensor:
        """A shape with the batch of the run in it."""
        parts: list[Tensor] = []
        for size, more in zip(mine.tolist(), theirs.tolist(), strict=True):
            if size == more:
                parts.append(constant([size], np.int32))
            elif size * _SECOND == more * _FIRST:
                factor = constant([size // _FIRST], np.int32)
                parts.append(self._made("MUL", [self._batch(), factor], (1,), op.node))
            else:
                self._refuse(op)
        return self._made("CONCATENATION", parts, (len(parts),), op.node, axis=0)

    def _batch(self) -> Tensor:
        if self._now is None:
            shape = self._made("SHAPE", [self.source], (self.source.rank,), "", outType=2)  # TensorType.INT32
            begin, size = constant([0], np.int32), constant([1], np.int32)
            self._now = self._made("SLICE", [shape, begin, size], (1,), "")
        return self._now

    def _made(
        self, code: str, inputs: Sequence[Tensor], shape: tuple[int, ...], node: str, **options: int
    ) -> Tensor:
        out = Tensor(f"batch/{code.lower()}", shape, np.dtype(np.int32))
        self.graph.add(code, inputs, [out], options, node)
        return out

    def _repeated(self, op: Op, mine: Array, theirs: Array) -> Tensor:
        """A constant that is the same for every sample: written once, repeated when the model runs."""
        axes = [axis for axis in range(mine.ndim) if mine.shape[axis] != theirs.shape[axis]]
        one = mine.take([0], axes[0]) if len(axes) == 1 else mine
        if len(axes) != 1 or not (np.all(mine == one) and np.all(theirs == one)):
            self._refuse(op)
        once = constant(one)
        if op.code in _BROADCASTING:
            return once
        shape = self._shape(op, np.array(mine.shape), np.array(theirs.shape))
        out = Tensor("batch/repeated", mine.shape, mine.dtype)
        self.graph.add("BROADCAST_TO", [once, shape], [out], node=op.node)
        self._tensor(out, Tensor("", theirs.shape, theirs.dtype))
        return out

    def _refuse(self, op: Op) -> None:
        raise UnsupportedOperator(
            f"{op.node}: {op.code} needs to know the batch; leave out the resizable batch (--resize-batch)"
        )


_REST = {("RESHAPE", 1), ("SLICE", 2)}  # -1 is what is left
_SHAPES = {("RESHAPE", 1), ("BROADCAST_TO", 1), ("TRANSPOSE_CONV", 0)}
_BROADCASTING = {"ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SELECT_V2", "EQUAL", "LESS", "GREATER"}


def _is_whole(op: Op, axis: int) -> bool:
    """Whether a slice takes all of an axis."""
    if op.code != "SLICE":
        return True
    return op.ints(1)[axis] == 0 and op.ints(2)[axis] == op.input(0).shape[axis]
