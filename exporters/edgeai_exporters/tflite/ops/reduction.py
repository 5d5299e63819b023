"""Reductions over axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..build import Builder
from ..graph import Tensor
from ..node import Node
from . import Lowering


def reduction(code: str, before: str = "", after: str = "") -> Lowering:
    """What is one of TFLite's, with something done to each element before and to each result after."""

    def lower(b: Builder, n: Node) -> Tensor:
        x, axes = n[0], _axes(n)
        if axes is None:
            return (
                x
                if n.get("noop_with_empty_axes", 0) and not before and not after
                else _elements(b, n, before, after)
            )
        x = _each(b, before, x)
        y = b.reduce(code, x, axes, keep=bool(n.get("keepdims", 1)))
        return _each(b, after, y)

    def _elements(b: Builder, n: Node, before: str, after: str) -> Tensor:
        return _each(b, after, _each(b, before, n[0]))

    return lower


def _axes(n: Node) -> list[int] | None:
    """None where nothing is reduced."""
    axes = n.ints(1, "axes")
    if not axes:
        return None if n.get("noop_with_empty_axes", 0) else list(range(n[0].rank))
    return [axis % n[0].rank for axis in axes]


def _each(b: Builder, code: str, x: Tensor) -> Tensor:
    if not code:
        return x
    if code == "ABS" and x.dtype == np.int64:
        return b.binary("MAXIMUM", x, b.unary("NEG", x))
    if code == "SQUARE" and x.dtype.kind != "f":
        return b.mul(x, x)
    return b.unary(code, x)


def log_sum_exp(b: Builder, n: Node) -> Tensor:
    """With the largest taken out first, so that nothing overflows."""
    axes, keep = _axes(n), bool(n.get("keepdims", 1))
    if axes is None:
        return n[0]
    largest = b.reduce("REDUCE_MAX", n[0], axes)
    total = b.reduce("SUM", b.unary("EXP", b.sub(n[0], largest)), axes)
    y = b.add(b.unary("LOG", total), largest)
    return b.reshape(y, n.shape) if not keep else y


def arg(code: str) -> Lowering:
    """The first of equals; the last is found from the other end."""

    def lower(b: Builder, n: Node) -> Tensor:
        x, axis = n[0], n.get("axis", 0) % n[0].rank
        is_last = bool(n.get("select_last_index", 0))
        if is_last:
            x = b.op("REVERSE_V2", [x, b.const([axis], np.int32)], x.shape)
        shape = [size for i, size in enumerate(x.shape) if i != axis]
        found = b.op(code, [x, b.const(axis, np.int32)], shape, np.int32, outputType=2)
        if is_last:
            found = b.sub(b.const(x.shape[axis] - 1, np.int32), found)
        return b.reshape(b.cast(found, np.int64), n.shape)

    return lower


def cumulative_sum(b: Builder, n: Node) -> Tensor:
    """Along a constant axis."""
    axis = n.array(1, "axis")
    assert axis is not None
    at = b.const(int(axis.reshape(())) % n[0].rank, np.int32)
    options: dict[str, Any] = {"exclusive": bool(n.get("exclusive", 0)), "reverse": bool(n.get("reverse", 0))}
    return b.op("CUMSUM", [n[0], at], n.shape, **options)
