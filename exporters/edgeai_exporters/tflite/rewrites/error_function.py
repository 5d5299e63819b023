"""Writes erf by GELU, since TFLite has no operator for it."""

from __future__ import annotations

import math

import numpy as np

from ..graph import Graph, Op, Tensor, constant

# Below this, erf(x) is 2 / sqrt(pi) x to a part in 10^8, and the quotient would lose its digits.
_SMALL = 1e-4


def expand_erf(graph: Graph) -> bool:
    """gelu(y) + gelu(-y) = y erf(y / sqrt(2)), so erf(x) is that over y = sqrt(2) x, and linear around 0."""
    erfs = [op for op in graph if op.code == "ERF"]
    for op in erfs:
        _expand(graph, op)
    return bool(erfs)


def _expand(graph: Graph, op: Op) -> None:
    x, out = op.input(0), op.output
    graph.remove(op)

    def add(code: str, *inputs: Tensor, like: Tensor | None = None, **options: bool) -> Tensor:
        made = like or Tensor(f"{out.name}/{code.lower()}", x.shape, np.dtype(np.float32))
        graph.add(code, inputs, [made], options, op.node)
        return made

    def number(value: float) -> Tensor:
        return constant(value, np.float32, f"{out.name}/constant")

    y = add("MUL", x, number(math.sqrt(2)))
    both = add("ADD", add("GELU", y, approximate=False), add("GELU", add("NEG", y), approximate=False))
    is_small = Tensor(f"{out.name}/less", x.shape, np.dtype(bool))
    graph.add("LESS", [add("ABS", x), number(_SMALL)], [is_small], {}, op.node)
    safe = add("SELECT_V2", is_small, number(1.0), y)
    near = add("MUL", x, number(2 / math.sqrt(math.pi)))
    add("SELECT_V2", is_small, near, add("DIV", both, safe), like=out)
