"""Computes once what is computed twice."""

from __future__ import annotations

from collections.abc import Hashable

from ..graph import Graph, Op, Tensor

_COMPARED_BYTES = 4096  # larger constants count as equal only when they are one


def merge_duplicates(graph: Graph) -> bool:
    """Operators with equal inputs and options."""
    first: dict[Hashable, Op] = {}
    is_changed = False
    for op in graph.ordered():
        key = (op.code, tuple(_key(t) for t in op.inputs), tuple(sorted(op.options.items())))
        other = first.setdefault(key, op)
        if other is op or any(graph.is_output(tensor) for tensor in op.outputs):
            continue
        for old, new in zip(op.outputs, other.outputs, strict=True):
            graph.replace(old, new)
        graph.remove(op)
        is_changed = True
    return is_changed


def _key(tensor: Tensor | None) -> Hashable:
    if tensor is None or tensor.data is None or tensor.data.nbytes > _COMPARED_BYTES:
        return tensor if tensor is None else id(tensor)
    return (tensor.dtype.name, tensor.shape, tensor.data.tobytes())
