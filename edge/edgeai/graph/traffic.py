"""How many bytes one run of a model moves: what an estimate of its speed counts beside the arithmetic.

Two figures, between which the truth lies. `least_bytes` is what no runtime can do without: every constant and
every input of the graph read once, every output written once, everything between kept in caches. `bytes` is
what runs without any cache between operators: each operator reads what it is given and writes what it gives.

As runtimes do it, views move nothing, and what works element by element on one value is done by the operator
that makes the value. A look-up in a constant table reads only the rows that it gives.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from .arithmetic import ShapesUnknown
from .liveness import BRANCHES, DEQUANTIZE, IN_PLACE, QUANTIZE, VIEWS, constants, running_bits
from .network import Key, Network, Node

_LOOK_UPS = frozenset({"Gather", "GATHER", "EMBEDDING_LOOKUP"})


@dataclass(frozen=True)
class Traffic:
    """Bytes between processor and memory in one run; see the module for what each counts."""

    least_bytes: int
    bytes: int


def traffic(network: Network) -> Traffic:
    """Of one run; of a loop one turn, of an If the dearest branch. Raises ShapesUnknown, naming a tensor."""
    graph = _Graph(network)
    ends = sum(graph.size(key) for key in (*network.inputs, *network.outputs))
    read = graph.constants_read()
    return Traffic(least_bytes=ends + sum(read.values()), bytes=graph.moved())


class _Graph:
    def __init__(self, network: Network) -> None:
        self._network = network
        self._constants = constants(network)
        self._bits = running_bits(network)
        self._rows = _rows_read(network)
        self._stored = _stored(network, self._constants)

    def size(self, key: Key) -> int:
        """Of a value as it runs: quantized where it stands between quantized values only."""
        tensor = self._network.tensors.get(key)
        if tensor is None or tensor.elements is None:
            raise ShapesUnknown(str(key) if tensor is None or not tensor.name else tensor.name)
        return -(-tensor.elements * self._bits.get(key, tensor.bits) // 8)

    def constants_read(self) -> dict[int, int]:
        """Bytes of each stored constant that a node needs, once however many need it."""
        read: dict[int, int] = {}
        for node in self._network.nodes:
            for key in node.inputs:
                tensor = None if key is None else self._network.tensors.get(key)
                if tensor is not None and tensor.is_constant:
                    read[id(tensor)] = self._constant(node, key, tensor.size_bytes or 0)
            for body in node.bodies:
                read |= _Graph(body).constants_read()
        return read

    def _constant(self, node: Node, key: Key | None, size_bytes: int) -> int:
        if key in self._rows and node.outputs and node.outputs[0] is not None:
            return min(size_bytes, self.size(node.outputs[0]))
        return size_bytes

    def moved(self) -> int:
        """By all operators."""
        return sum(
            _inside(node) + (0 if self._is_free(node) else self._by(node)) for node in self._network.nodes
        )

    def _by(self, node: Node) -> int:
        moved = 0
        for key in node.inputs:
            tensor = None if key is None else self._network.tensors.get(key)
            if tensor is not None and tensor.is_constant:
                moved += self._constant(node, key, tensor.size_bytes or 0)
            elif key in self._stored:
                moved += self._stored[key]
            elif key is not None:
                moved += self.size(key)
        return moved + sum(self.size(key) for key in node.outputs if key is not None)

    def _is_free(self, node: Node) -> bool:
        if node.operator in VIEWS or node.operator == QUANTIZE or node.operator in DEQUANTIZE:
            return True
        if node.outputs and all(key is None or key in self._constants for key in node.outputs):
            return True
        changing = [key for key in node.inputs if key is not None and key not in self._constants]
        return node.operator in IN_PLACE and len(changing) == 1


def _inside(node: Node) -> int:
    """What a node's bodies move. A branch that never ran has no known shapes, and is passed over."""
    if node.operator not in BRANCHES:
        return sum(_Graph(body).moved() for body in node.bodies)
    found = []
    for body in node.bodies:
        with suppress(ShapesUnknown):
            found.append(_Graph(body).moved())
    if not found:
        raise ShapesUnknown(node.operator)
    return max(found)


def _stored(network: Network, unchanging: frozenset[Key]) -> dict[Key, int]:
    """Bytes of constants that are only turned into real values: as stored, since that is what is read."""
    found: dict[Key, int] = {}
    for node in network.nodes:
        given, made = (keys[0] if keys else None for keys in (node.inputs, node.outputs))
        if node.operator in DEQUANTIZE and given is not None and made in unchanging:
            assert made is not None
            found[made] = network.tensors[given].size_bytes or 0
    return found


def _rows_read(network: Network) -> frozenset[Key]:
    """Tables of which only rows are read."""
    return frozenset(
        key
        for node in network.nodes
        if node.operator in _LOOK_UPS
        for key in node.inputs[:1]
        if key is not None and (tensor := network.tensors.get(key)) is not None and tensor.is_constant
    )
