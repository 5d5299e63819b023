"""Reads what describes a tensor in an ONNX file: name, type and shape. Field numbers: onnx/onnx.proto."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..bundle import ANY, TensorSpec
from ..errors import one_line
from . import UNKNOWN_RANK
from .mapped import MOST_DIMENSIONS
from .protobuf import Wire, block, signed, varint

# Tags of the fields that are read, by message.
_DIM, _DIMS, _DTYPE, _NAME = varint(1), block(1), varint(2), block(8)
_STRING, _RAW, _EXTERNAL = block(6), block(9), block(13)
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

BITS: dict[str, int] = dict(_TYPES.values())
"""Of an element, by our name of its type; 0 where it has no fixed size."""

# TypeProto: its field for each kind of value that is no plain tensor.
_NO_TENSORS = {4: "sequence", 5: "map", 7: "opaque", 8: "sparse", 9: "optional"}


@dataclass(frozen=True)
class Constant:
    """A constant tensor without its values. external: the file that holds them, where it is another one."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size_bytes: int
    external: str | None

    @property
    def elements(self) -> int:
        """How many."""
        return math.prod(self.shape)


class Values:
    """Reads descriptions of tensors out of one file."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def constant(self, start: int, end: int) -> Constant:
        """A TensorProto."""
        wire, name, code, external = self._wire, "", 0, None
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
                key, value = self.entry(at, to)
                external = wire.text(*value) if key == "location" else external
        dtype, bits = _TYPES.get(code, (f"type {code}", 0))
        elements = _elements(dims, name)
        size_bytes = -(-elements * bits // 8) if bits else text_bytes or raw_bytes
        if bits and raw_bytes and raw_bytes != size_bytes:
            raise ValueError(f"tensor {one_line(name, 80)!r} has {raw_bytes} bytes instead of {size_bytes}")
        return Constant(name, dtype, tuple(dims), size_bytes, external)

    def spec(self, start: int, end: int) -> TensorSpec:
        """A ValueInfoProto: an input, an output, or a value in between."""
        name, dtype, shape = "", "?", UNKNOWN_RANK
        for tag, at, to in self._wire.fields(start, end):
            if tag == _VALUE_NAME:
                name = self._wire.text(at, to)
            elif tag == _VALUE_TYPE:
                dtype, shape = self._type(at, to)
        return TensorSpec(name, dtype, shape)

    def entry(self, start: int, end: int) -> tuple[str, tuple[int, int]]:
        """The key of a StringStringEntryProto, and where its value lies."""
        key, value = "", (start, start)
        for tag, at, to in self._wire.fields(start, end):
            if tag == _KEY:
                key = self._wire.text(at, to)
            elif tag == _VALUE:
                value = at, to
        return key, value

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


def _elements(dims: list[int], name: str) -> int:
    if len(dims) > MOST_DIMENSIONS or any(signed(size) < 0 for size in dims):
        raise ValueError(f"tensor {one_line(name, 80)!r} has no possible shape")
    return math.prod(dims)
