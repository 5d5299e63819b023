"""Adds operators to a TFLite graph: shapes worked out, element types cast to what the kernels take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import DTypeLike

from edgeai.errors import UnsupportedOperator, one_line

from .graph import Graph, Tensor, constant
from .kernels import computed_in
from .writer import TENSOR_TYPES as _TYPES


class Builder:
    """Operators by function. `node` is what is being lowered, as errors call it; `stem` names its tensors."""

    def __init__(self) -> None:
        self.graph = Graph()
        self.node = ""
        self.stem = ""

    def refuse(self, why: str) -> NoReturn:
        """Raise UnsupportedOperator for the node."""
        raise UnsupportedOperator(
            f"{self.node}: {one_line(why)}; change it in the source or keep the model as ONNX (--format onnx)"
        )

    def const(self, value: Any, dtype: DTypeLike | None = None) -> Tensor:
        """A constant."""
        return constant(value, dtype, f"{self.stem}/constant")

    def op(
        self,
        code: str,
        inputs: Sequence[Tensor | None],
        shape: Sequence[int],
        dtype: DTypeLike | None = None,
        *,
        data: Sequence[int] = (0,),
        **options: Any,
    ) -> Tensor:
        """An operator with one output.

        data: positions of the inputs that have the type the kernel is chosen by; they are cast where there is
        no kernel for theirs, and the output is cast back. dtype: of the output where it is not theirs.
        """
        first = inputs[data[0]]
        assert first is not None
        compute = computed_in(code, first.dtype)
        if compute is None:
            self.refuse(f"LiteRT has no {code} for {first.dtype}")
        inputs = [
            self.cast(tensor, compute) if i in data and tensor is not None else tensor
            for i, tensor in enumerate(inputs)
        ]
        out = self.tensor(shape, compute if dtype is None else dtype, code)
        self.graph.add(code, inputs, [out], options, self.node)
        return self.cast(out, first.dtype) if dtype is None else out

    def tensor(self, shape: Sequence[int], dtype: DTypeLike, code: str = "") -> Tensor:
        """A tensor to be written by an operator."""
        if np.dtype(dtype).name not in _TYPES:
            self.refuse(f"LiteRT has no element type {np.dtype(dtype)}")
        if any(size == 0 for size in shape):
            self.refuse("it makes a tensor without elements, which LiteRT does not run")
        return Tensor(f"{self.stem}/{code.lower()}", tuple(int(size) for size in shape), np.dtype(dtype))

    def cast(self, x: Tensor, dtype: DTypeLike) -> Tensor:
        """Converted as C does; the same tensor where nothing changes."""
        dtype = np.dtype(dtype)
        if x.dtype == dtype:
            return x
        if x.data is not None:
            with np.errstate(all="ignore"):
                return constant(x.data.astype(dtype), name=x.name)
        for kind in (x.dtype, dtype):
            if kind.name not in _TYPES:
                self.refuse(f"LiteRT does not compute in {kind}")
        out = self.tensor(x.shape, dtype, "CAST")
        options = {"inDataType": _TYPES[x.dtype.name], "outDataType": _TYPES[dtype.name]}
        self.graph.add("CAST", [x], [out], options, self.node)
        return out

    def unary(self, code: str, x: Tensor, **options: Any) -> Tensor:
        """Element by element."""
        return self.op(code, [x], x.shape, **options)

    def binary(self, code: str, x: Tensor, y: Tensor) -> Tensor:
        """Element by element, broadcast as numpy does."""
        return self.op(code, [x, y], np.broadcast_shapes(x.shape, y.shape), data=(0, 1))

    def compare(self, code: str, x: Tensor, y: Tensor) -> Tensor:
        """As `binary`, to bool."""
        return self.op(code, [x, y], np.broadcast_shapes(x.shape, y.shape), bool, data=(0, 1))

    def like(self, x: Tensor, value: float) -> Tensor:
        """A scalar of the tensor's type."""
        return self.const(value, x.dtype)

    def add(self, x: Tensor, y: Tensor | float) -> Tensor:
        """x + y."""
        return self.binary("ADD", x, self._operand(x, y))

    def sub(self, x: Tensor, y: Tensor | float) -> Tensor:
        """x - y."""
        return self.binary("SUB", x, self._operand(x, y))

    def mul(self, x: Tensor, y: Tensor | float) -> Tensor:
        """x * y."""
        return self.binary("MUL", x, self._operand(x, y))

    def div(self, x: Tensor, y: Tensor | float) -> Tensor:
        """x / y; integers as C does."""
        return self.binary("DIV", x, self._operand(x, y))

    def _operand(self, x: Tensor, y: Tensor | float) -> Tensor:
        return y if isinstance(y, Tensor) else self.like(x, y)

    def select(self, condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """x where the condition holds, y elsewhere."""
        shape = np.broadcast_shapes(condition.shape, x.shape, y.shape)
        return self.op("SELECT_V2", [condition, x, y], shape, data=(1, 2))

    def reshape(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """The same elements in another shape."""
        shape = tuple(int(size) for size in shape)
        if x.shape == shape:
            return x
        if np.prod(shape, dtype=np.int64) != x.size:
            self.refuse(f"{list(x.shape)} does not fit {list(shape)}; the model may be made for one batch")
        if x.data is not None:
            return constant(x.data.reshape(shape), name=x.name)
        return self.op("RESHAPE", [x, self.const(shape, np.int32)], shape)

    def transpose(self, x: Tensor, perm: Iterable[int]) -> Tensor:
        """Axes in another order: axis i of the result is axis perm[i] of x."""
        order = tuple(int(axis) for axis in perm)
        if order == tuple(range(x.rank)):
            return x
        if x.data is not None:
            return constant(np.ascontiguousarray(x.data.transpose(order)), name=x.name)
        shape = [x.shape[axis] for axis in order]
        return self.op("TRANSPOSE", [x, self.const(order, np.int32)], shape)

    def move(self, x: Tensor, axis: int, to: int) -> Tensor:
        """One axis moved to another place."""
        order = [other for other in range(x.rank) if other != axis % x.rank]
        order.insert(to % x.rank, axis % x.rank)
        return self.transpose(x, order)

    def reduce(self, code: str, x: Tensor, axes: Sequence[int], *, keep: bool = True) -> Tensor:
        """Over axes; `keep` leaves them with one element."""
        shape = reduced(x.shape, axes, keep=True)
        kept = self.op(code, [x, self.const(list(axes), np.int32)], shape, keepDims=True)
        return kept if keep else self.reshape(kept, reduced(x.shape, axes, keep=False))

    def slice(self, x: Tensor, begin: Sequence[int], size: Sequence[int]) -> Tensor:
        """A box of elements."""
        if tuple(size) == x.shape:
            return x
        if x.data is not None or 0 in size:
            box = tuple(slice(start, start + length) for start, length in zip(begin, size, strict=True))
            data = np.empty(size, x.dtype) if x.data is None else x.data[box]
            return constant(np.ascontiguousarray(data), name=x.name)
        return self.op("SLICE", [x, self.const(begin, np.int32), self.const(size, np.int32)], size)

    def take(self, x: Tensor, axis: int, begin: int, size: int) -> Tensor:
        """Elements begin .. begin + size of one axis."""
        start, shape = [0] * x.rank, list(x.shape)
        start[axis], shape[axis] = begin, size
        return self.slice(x, start, shape)

    def split(self, x: Tensor, axis: int, parts: int) -> list[Tensor]:
        """Equal parts along an axis."""
        if parts == 1:
            return [x]
        shape = list(x.shape)
        shape[axis] //= parts
        if x.data is not None or computed_in("SPLIT", x.dtype) != x.dtype:
            return [self.take(x, axis, part * shape[axis], shape[axis]) for part in range(parts)]
        outputs = [self.tensor(shape, x.dtype, "SPLIT") for _ in range(parts)]
        options = {"numSplits": parts}
        self.graph.add("SPLIT", [self.const(axis, np.int32), x], outputs, options, self.node)
        return outputs

    def pad(self, x: Tensor, pads: Sequence[tuple[int, int]], value: float = 0.0) -> Tensor:
        """Elements of a value before and after, by axis."""
        if not any(before or after for before, after in pads):
            return x
        shape = [before + size + after for size, (before, after) in zip(x.shape, pads, strict=True)]
        paddings = self.const(np.array(pads, np.int32).reshape(-1, 2))
        if value == 0:
            return self.op("PAD", [x, paddings], shape)
        return self.op("PADV2", [x, paddings, self.like(x, value)], shape, data=(0, 2))

    def concat(self, parts: Sequence[Tensor], axis: int) -> Tensor:
        """Joined along an axis."""
        if len(parts) == 1:
            return parts[0]
        shape = list(parts[0].shape)
        shape[axis] = sum(part.shape[axis] for part in parts)
        return self.op("CONCATENATION", list(parts), shape, data=range(len(parts)), axis=axis % len(shape))

    def broadcast(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """Repeated to a shape."""
        if x.shape == tuple(shape):
            return x
        if x.data is not None:
            return constant(np.ascontiguousarray(np.broadcast_to(x.data, shape)), name=x.name)
        return self.op("BROADCAST_TO", [x, self.const(shape, np.int32)], shape)

    def clip(self, x: Tensor, low: float, high: float) -> Tensor:
        """Between two numbers, with the operator that can be fused where there is one."""
        code = _CLIPS.get((low, high)) if x.dtype == np.float32 else None
        if code is not None:
            return self.unary(code, x)
        if low > -np.inf:
            x = self.binary("MAXIMUM", x, self.like(x, low))
        return self.binary("MINIMUM", x, self.like(x, high)) if high < np.inf else x


_CLIPS = {
    (0.0, np.inf): "RELU",
    (0.0, 6.0): "RELU6",
    (-1.0, 1.0): "RELU_N1_TO_1",
    (0.0, 1.0): "RELU_0_TO_1",
}


def reduced(shape: Sequence[int], axes: Sequence[int], *, keep: bool) -> list[int]:
    """A shape without some axes, or with one element in them."""
    gone = {axis % len(shape) for axis in axes} if shape else set()
    return [1 if i in gone else size for i, size in enumerate(shape) if keep or i not in gone]
