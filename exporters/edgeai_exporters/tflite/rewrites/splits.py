"""Slices instead of a split whose parts are not all used.

LiteRT gives a tensor that nobody reads no memory, which trips whoever looks at all, as calibration does.
"""

from __future__ import annotations

import numpy as np

from ..graph import Graph, Op, Tensor, constant


def slice_unused_splits(graph: Graph) -> bool:
    """One SLICE for each part that somebody reads."""
    is_changed = False
    for op in graph.ordered():
        if op.code != "SPLIT":
            continue
        used = [bool(graph.users(part)) or graph.is_output(part) for part in op.outputs]
        if not all(used):
            _slice(graph, op, used)
            is_changed = True
    return is_changed


def _slice(graph: Graph, op: Op, used: list[bool]) -> None:
    (axis,), x = op.ints(0), op.input(1)
    graph.remove(op)
    for index, part in enumerate(op.outputs):
        if used[index]:
            begin = [index * size if i == axis % x.rank else 0 for i, size in enumerate(part.shape)]
            inputs: list[Tensor] = [x, constant(begin, np.int32), constant(part.shape, np.int32)]
            graph.add("SLICE", inputs, [part], node=op.node)
