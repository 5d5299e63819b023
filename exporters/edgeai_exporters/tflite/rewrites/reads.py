"""Who reads which tensor in which order of axes, once the transposes between them are thought away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..graph import Graph, Op, Tensor
from .activations import ACTIVATIONS
from .agnostic import Order, data_inputs, is_agnostic, then

# What one more operator costs, counted in elements that are moved: about a microsecond in LiteRT.
_PRICE_OF_AN_OPERATOR = 1024
_PRICE_OF_A_RESHAPE = 64  # nothing is moved
# These become part of the operator that they follow: where prices are equal, the transpose comes after.
_JOINED = ACTIVATIONS | {"ADD", "SUB", "MUL", "DIV"}


@dataclass(frozen=True)
class Read:
    """An operator reads a tensor in some order of that tensor's axes; None: the graph gives it out."""

    reader: Op | None
    root: Tensor
    view: Order


class Reads:
    """Of a graph as it is. `free` are the operators that can run in another order."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.free = {op for op in graph if is_agnostic(op)}
        self.reads_of: dict[Tensor, list[Read]] = defaultdict(list)
        self.reads_by: dict[Op, list[Read]] = defaultdict(list)
        for op in graph:
            if op.code != "TRANSPOSE":
                for tensor in data_inputs(op):
                    self._add(Read(op, *self.seen(tensor)))
        for tensor in graph.outputs.values():
            self._add(Read(None, *self.seen(tensor)))
        for _, kept in graph.states.values():
            self._add(Read(None, *self.seen(kept)))

    def _add(self, read: Read) -> None:
        self.reads_of[read.root].append(read)
        if read.reader is not None:
            self.reads_by[read.reader].append(read)

    def seen(self, tensor: Tensor) -> tuple[Tensor, Order]:
        """The tensor behind transposes, and in which order this is a view of it."""
        view = tuple(range(tensor.rank))
        while (op := self.graph.made_by(tensor, "TRANSPOSE")) is not None:
            view = then(op.ints(1), view)
            tensor = op.input(0)
        return tensor, view

    def stored(self, root: Tensor, order: Mapping[Op, Order]) -> Order:
        """The order in which its operator writes a tensor."""
        maker = self.graph.maker(root)
        return order.get(maker, same_order(root)) if maker is not None else same_order(root)

    def wanted(self, read: Read, order: Mapping[Op, Order]) -> Order:
        """The order in which a reader wants a tensor."""
        own = order.get(read.reader) if read.reader is not None else None
        return read.view if own is None else then(read.view, own)

    def price(self, roots: Iterable[Tensor], order: Mapping[Op, Order]) -> int:
        """Of all transposes of these tensors."""
        total = 0
        for root in roots:
            stored = self.stored(root, order)
            for wanted in {self.wanted(read, order) for read in self.reads_of[root]}:
                total += self.price_of_one(root, stored, wanted)
        return total

    def price_of_one(self, tensor: Tensor, stored: Order, wanted: Order) -> int:
        """Of a transpose of a tensor, if it needs one."""
        if stored == wanted:
            return 0
        if moves_nothing(tensor.shape, stored, wanted):
            return _PRICE_OF_A_RESHAPE
        readers = (read.reader for read in self.reads_of[tensor])
        parts = any(reader is not None and reader.code in _JOINED for reader in readers)
        return _PRICE_OF_AN_OPERATOR + tensor.size + parts

    def groups(self) -> list[list[Op]]:
        """Free operators that hang together."""
        seen: set[Op] = set()
        found = []
        for op in self.graph:
            if op in self.free and op not in seen:
                group, stack = [], [op]
                seen.add(op)
                while stack:
                    here = stack.pop()
                    group.append(here)
                    near = [n for n in self.near(here) if n in self.free and n not in seen]
                    seen.update(near)
                    stack += near
                found.append(group)
        return found

    def near(self, op: Op) -> dict[Op, None]:
        """Operators that write what it reads or read what it writes, across transposes."""
        makers = [self.graph.maker(read.root) for read in self.reads_by[op]]
        readers = [read.reader for tensor in op.outputs for read in self.reads_of[tensor]]
        return dict.fromkeys(other for other in [*makers, *readers] if other is not None and other is not op)

    def touched(self, group: Iterable[Op]) -> list[Tensor]:
        """Tensors that a group reads or writes."""
        tensors: dict[Tensor, None] = {}
        for op in group:
            tensors.update(dict.fromkeys(op.outputs))
            tensors.update(dict.fromkeys(read.root for read in self.reads_by[op]))
        return list(tensors)

    def links(self, op: Op) -> list[tuple[Op | None, Order, bool]]:
        """Neighbours, the view between, and whether the neighbour is the one that reads."""
        reads = [(self.graph.maker(read.root), read.view, False) for read in self.reads_by[op]]
        reads += [(read.reader, read.view, True) for tensor in op.outputs for read in self.reads_of[tensor]]
        return reads


def same_order(tensor: Tensor) -> Order:
    """The order in which nothing moves."""
    return tuple(range(tensor.rank))


def moves_nothing(shape: tuple[int, ...], first: Order, second: Order) -> bool:
    """Whether two orders differ in axes of one element only."""
    return [axis for axis in first if shape[axis] != 1] == [axis for axis in second if shape[axis] != 1]
