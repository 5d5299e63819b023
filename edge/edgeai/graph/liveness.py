"""How many bytes of activations are alive at once while a graph runs, node by node in its order.

As the runtimes do it: views share their input's memory, and what works element by element writes over an
input that nobody needs any more. Inputs and outputs of the graph live throughout. A graph in the form with
QuantizeLinear and DequantizeLinear pairs runs on the quantized values, so that these are what is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .arithmetic import ShapesUnknown
from .network import Key, Network, Node, Tensor, uses

BRANCHES = ("If", "IF")
"""Operators of whose bodies one runs."""

VIEWS = frozenset(
    "Reshape Squeeze Unsqueeze Flatten Identity Dropout RESHAPE SQUEEZE EXPAND_DIMS BITCAST".split()  # noqa: SIM905
)
IN_PLACE = frozenset(
    """
    Abs Add And Cast Ceil Clip Cos Div Elu Erf Exp Floor Gelu HardSigmoid HardSwish LeakyRelu Log Max Min Mul
    Neg Not Or PRelu Pow Reciprocal Relu Round Selu Sigmoid Sign Sin Softmax Softplus Softsign Sqrt Sub Tanh
    QuantizeLinear DequantizeLinear com.microsoft.Gelu com.microsoft.FastGelu com.microsoft.QuickGelu
    ADD SUB MUL DIV RELU RELU6 RELU_N1_TO_1 LOGISTIC TANH ABS NEG EXP LOG SQRT RSQRT SQUARE HARD_SWISH ELU
    LEAKY_RELU GELU FLOOR CEIL ROUND MAXIMUM MINIMUM SQUARED_DIFFERENCE
    """.split()  # noqa: SIM905 - lists would take a page
)
_ACTIVATIONS = frozenset("Relu Clip HardSwish LeakyRelu Sigmoid Tanh".split())  # noqa: SIM905
QUANTIZE, DEQUANTIZE = "QuantizeLinear", frozenset({"DequantizeLinear", "DEQUANTIZE"})


def peak_bytes(network: Network) -> int:
    """The most bytes of activations that are alive at once. Raises ShapesUnknown, naming the tensor."""
    return _Liveness(network).peak()


def running_bits(network: Network) -> dict[Key, int]:
    """Bits of an element, of values that a runtime keeps quantized although the file calls them real."""
    users: dict[Key, list[int]] = {}
    for index, node in enumerate(network.nodes):
        for key in uses(node):
            users.setdefault(key, []).append(index)
    return _narrow(network, users, frozenset(network.outputs))


def _inside(node: Node) -> int:
    """The most of a node's bodies. A branch that never ran has no known shapes, and is passed over."""
    found = []
    for body in node.bodies:
        try:
            found.append(peak_bytes(body))
        except ShapesUnknown:  # noqa: PERF203 - two branches
            if node.operator not in BRANCHES:
                raise
    if node.bodies and not found:
        raise ShapesUnknown(node.operator)
    return max(found, default=0)


def constants(network: Network) -> frozenset[Key]:
    """What does not change from run to run: constants, and what is only turned into real values."""
    found: set[Key] = set()
    for node in network.nodes:
        # Asked for one by one: a graph inside another one knows all of the other's tensors, too.
        for key in (*node.inputs, *node.outputs):
            if key is not None and (tensor := network.tensors.get(key)) is not None and tensor.is_constant:
                found.add(key)
        if node.operator in DEQUANTIZE and node.inputs[:1] and node.inputs[0] in found:
            found.update(key for key in node.outputs if key is not None)
    return frozenset(found)


@dataclass
class _Buffer:
    """Memory of one or several tensors. until: index of the last node that needs it."""

    size_bytes: int
    until: int


class _Liveness:
    def __init__(self, network: Network) -> None:
        self._network = network
        self._constants = constants(network)
        self._users: dict[Key, list[int]] = {}
        for index, node in enumerate(network.nodes):
            for key in uses(node):
                self._users.setdefault(key, []).append(index)
        self._end = len(network.nodes)
        self._outputs = frozenset(network.outputs)
        self._bits = _narrow(network, self._users, self._outputs)
        self._buffers: dict[Key, _Buffer] = {}

    def peak(self) -> int:
        network = self._network
        for key in network.inputs:
            self._buffers[key] = _Buffer(self._size(key), self._end)
        total = highest = sum(buffer.size_bytes for buffer in self._buffers.values())
        for index, node in enumerate(network.nodes):
            total += sum(buffer.size_bytes for buffer in self._place(index, node))
            highest = max(highest, total + _inside(node))
            total -= sum(buffer.size_bytes for buffer in self._freed(index, node))
        return highest

    def _freed(self, index: int, node: Node) -> list[_Buffer]:
        """What was needed last by this node. Nothing else is looked at, or a long graph would take hours."""
        keys = (*uses(node), *(key for key in node.outputs if key is not None))
        touched = {id(buffer): buffer for key in keys if (buffer := self._buffers.get(key)) is not None}
        return [buffer for buffer in touched.values() if buffer.until <= index]

    def _place(self, index: int, node: Node) -> list[_Buffer]:
        """Memory for what a node gives; returns what is new of it."""
        new = []
        for place, key in enumerate(node.outputs):
            if key is None or key in self._constants:
                continue
            until = self._end if key in self._outputs else max(self._users.get(key, [index]))
            shared = self._shared(index, node, key) if place == 0 else None
            if shared is None:
                shared = _Buffer(self._size(key), until)
                new.append(shared)
            shared.until = max(shared.until, until)
            self._buffers[key] = shared
        return new

    def _shared(self, index: int, node: Node, key: Key) -> _Buffer | None:
        """The buffer of an input that the first output can lie in."""
        first = None if not node.inputs or node.inputs[0] is None else self._buffers.get(node.inputs[0])
        if node.operator in VIEWS:
            return first
        if node.operator not in IN_PLACE:
            return None
        size_bytes = self._size(key)
        if node.operator in DEQUANTIZE and first is not None and first.size_bytes == size_bytes:
            return first
        for each in node.inputs:
            buffer = None if each is None else self._buffers.get(each)
            if buffer is not None and buffer.until <= index and buffer.size_bytes == size_bytes:
                return buffer
        return None

    def _size(self, key: Key) -> int:
        tensor = self._network.tensors.get(key)
        if tensor is None or tensor.elements is None:
            raise ShapesUnknown(_name(key, tensor))
        return -(-tensor.elements * self._bits.get(key, tensor.bits) // 8)


def _narrow(network: Network, users: Mapping[Key, list[int]], outputs: frozenset[Key]) -> dict[Key, int]:
    """Bits of what a runtime never makes real values of: it stands between quantized values only."""
    nodes, bits = network.nodes, dict[Key, int]()

    def after(key: Key) -> set[int | None]:
        """What each user of a tensor gives, in bits, where it gives quantized values."""
        found: set[int | None] = set()
        for index in users.get(key, ()):
            node = nodes[index]
            out = node.outputs[0] if node.outputs else None
            if node.operator == QUANTIZE and out is not None:
                tensor = network.tensors.get(out)
                found.add(None if tensor is None else tensor.bits)
            else:
                found.add(bits.get(out) if out is not None and node.operator in _ACTIVATIONS else None)
        return found

    for node in reversed(nodes):
        key = node.outputs[0] if node.outputs else None
        if key is None or key in outputs or node.operator == QUANTIZE:
            continue
        if node.operator == "DequantizeLinear":
            given = (
                network.tensors.get(node.inputs[0]) if node.inputs and node.inputs[0] is not None else None
            )
            runs_quantized = all(
                (outs := nodes[index].outputs) and (outs[0] in bits or nodes[index].operator == QUANTIZE)
                for index in users.get(key, ())
            )
            if given is not None and runs_quantized:
                bits[key] = given.bits
            continue
        found = after(key)
        if len(found) == 1 and None not in found:
            bits[key] = max(bit for bit in found if bit is not None)
    return bits


def _name(key: Key, tensor: Tensor | None) -> str:
    return str(key) if tensor is None or not tensor.name else tensor.name
