"""A TFLite graph in memory: tensors and operators, before they become bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..arrays import Array


@dataclass(eq=False)
class Tensor:
    """A value. data: of a constant. signature: the shape with -1 for axes that may be resized, if any may."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    data: Array | None = None
    signature: tuple[int, ...] | None = None

    @property
    def size(self) -> int:
        """Elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def rank(self) -> int:
        """Axes."""
        return len(self.shape)


@dataclass(eq=False)
class Op:
    """An operator. code: as BuiltinOperator spells it. options: fields of its options table, in the schema's
    Python spelling. node: what it was made of, as errors call it.
    """

    code: str
    inputs: list[Tensor | None]
    outputs: list[Tensor]
    options: dict[str, Any] = field(default_factory=dict)
    node: str = ""

    @property
    def output(self) -> Tensor:
        """The first output."""
        return self.outputs[0]

    def input(self, index: int) -> Tensor:
        """An input that is there."""
        tensor = self.inputs[index]
        assert tensor is not None
        return tensor

    def array(self, index: int) -> Array:
        """An input that is a constant."""
        return array_of(self.input(index))

    def ints(self, index: int) -> list[int]:
        """An input that is a constant of whole numbers, as axes and shapes are."""
        return [int(value) for value in self.array(index).reshape(-1)]


class Graph:
    """Operators in any order (`ordered` sorts them), and who makes and uses each tensor."""

    def __init__(self) -> None:
        self.inputs: dict[str, Tensor] = {}
        self.outputs: dict[str, Tensor] = {}
        self.states: dict[str, tuple[Tensor, Tensor]] = {}  # name: what is read, what is kept
        self._ops: dict[Op, None] = {}
        self._maker: dict[Tensor, Op] = {}
        self._users: dict[Tensor, dict[Op, None]] = {}

    def __iter__(self) -> Iterator[Op]:
        return iter(list(self._ops))

    def __contains__(self, op: Op) -> bool:
        return op in self._ops

    def __len__(self) -> int:
        return len(self._ops)

    def add(
        self,
        code: str,
        inputs: Iterable[Tensor | None],
        outputs: Sequence[Tensor],
        options: Mapping[str, Any] | None = None,
        node: str = "",
    ) -> Op:
        """A new operator."""
        op = Op(code, list(inputs), list(outputs), dict(options or {}), node)
        self._ops[op] = None
        for tensor in op.outputs:
            self._maker[tensor] = op
        for source in op.inputs:
            if source is not None:
                self._users.setdefault(source, {})[op] = None
        return op

    def remove(self, op: Op) -> None:
        """Take an operator out; its outputs have no maker then."""
        del self._ops[op]
        for tensor in op.outputs:
            if self._maker.get(tensor) is op:
                del self._maker[tensor]
        for source in op.inputs:
            if source is not None:
                self._users[source].pop(op, None)

    def maker(self, tensor: Tensor | None) -> Op | None:
        """The operator whose output it is; None for inputs and constants."""
        return self._maker.get(tensor) if tensor is not None else None

    def made_by(self, tensor: Tensor | None, *codes: str) -> Op | None:
        """Its operator, if it is one of these."""
        op = self.maker(tensor)
        return op if op is not None and op.code in codes else None

    def users(self, tensor: Tensor) -> list[Op]:
        """Operators that read it, each once."""
        return list(self._users.get(tensor, ()))

    def is_output(self, tensor: Tensor) -> bool:
        """Whether it leaves the graph, as an output or as a state."""
        return any(tensor is out for out in self.outputs.values()) or any(
            tensor is kept for _, kept in self.states.values()
        )

    def only_user(self, tensor: Tensor) -> Op | None:
        """The operator that alone needs the tensor; None where several do or the graph gives it out."""
        users = self.users(tensor)
        return users[0] if len(users) == 1 and not self.is_output(tensor) else None

    def set_input(self, op: Op, index: int, tensor: Tensor) -> None:
        """Let an operator read another tensor."""
        old = op.inputs[index]
        op.inputs[index] = tensor
        if old is not None and old not in op.inputs:
            self._users[old].pop(op, None)
        self._users.setdefault(tensor, {})[op] = None

    def set_output(self, op: Op, tensor: Tensor, index: int = 0) -> None:
        """Let an operator write an output to another tensor."""
        self._maker.pop(op.outputs[index], None)
        op.outputs[index] = tensor
        self._maker[tensor] = op

    def replace(self, old: Tensor, new: Tensor) -> None:
        """Let everything that reads `old` read `new`."""
        for op in self.users(old):
            for index, tensor in enumerate(op.inputs):
                if tensor is old:
                    self.set_input(op, index, new)
        for name, out in self.outputs.items():
            if out is old:
                self.outputs[name] = new
        for name, (read, kept) in self.states.items():
            if kept is old:
                self.states[name] = (read, new)

    def ordered(self) -> list[Op]:
        """Operators that lead to an output, each after those that make its inputs; nothing else is needed."""
        done: dict[Op, None] = {}
        kept = [kept for _, kept in self.states.values()]
        stack: list[tuple[Op, bool]] = [
            (op, False)
            for tensor in reversed([*self.outputs.values(), *kept])
            if (op := self.maker(tensor)) is not None
        ]
        while stack:
            op, is_ready = stack.pop()
            if op in done:
                continue
            if is_ready:
                done[op] = None
                continue
            stack.append((op, True))
            makers = [self.maker(tensor) for tensor in op.inputs]
            stack += [(maker, False) for maker in reversed(makers) if maker is not None and maker not in done]
        return list(done)

    def drop_dead(self) -> bool:
        """Remove what leads to no output."""
        alive = set(self.ordered())
        dead = [op for op in self if op not in alive]
        for op in dead:
            self.remove(op)
        return bool(dead)


def constant(value: Any, dtype: DTypeLike | None = None, name: str = "") -> Tensor:
    """A constant of an array."""
    data = np.asarray(value, dtype)
    return Tensor(name, data.shape, data.dtype, data)


def array_of(x: Tensor) -> Array:
    """A constant's elements."""
    assert x.data is not None
    return x.data
