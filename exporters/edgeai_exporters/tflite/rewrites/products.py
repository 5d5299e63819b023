"""Formulas that TFLite has one operator for: HARD_SWISH and GELU, found as products in whatever order."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..graph import Graph, Op, Tensor

_CLOSE = 1e-5  # of constants that were rounded to f32 on the way here
_CUBE = 0.044715  # of GELU by tanh: sqrt(2 / pi) (x + 0.044715 x^3)


def recognise_products(graph: Graph) -> bool:
    """Replace x relu6(x + 3) / 6, and x (1 + erf(x / sqrt(2))) / 2 with its cousin by tanh."""
    is_changed = False
    for op in graph:
        if op.code in {"MUL", "DIV"} and "fusedActivationFunction" not in op.options and op in graph:
            factor, parts = factors(graph, op.output)
            if len(parts) == 2 and (found := _match(graph, factor, parts)) is not None:
                is_changed |= _put(graph, op, *found)
    return is_changed


def _match(graph: Graph, factor: float, parts: list[Tensor]) -> tuple[str, dict[str, bool], Tensor] | None:
    for x, other in (parts, parts[::-1]):
        for wanted, matches, code, options in _FORMULAS:
            if math.isclose(factor, wanted, rel_tol=_CLOSE) and matches(graph, x, other):
                return code, dict(options), x
    return None


def _put(graph: Graph, op: Op, code: str, options: dict[str, bool], x: Tensor) -> bool:
    if x.shape != op.output.shape:
        return False
    out = Tensor(op.output.name, x.shape, x.dtype)
    graph.replace(op.output, out)
    graph.remove(op)
    graph.add(code, [x], [out], options, op.node)
    return True


def _is_hard_gate(graph: Graph, x: Tensor, other: Tensor) -> bool:
    relu6 = graph.made_by(other, "RELU6")
    return relu6 is not None and _plus(graph, relu6.inputs[0], 3) is x


def _is_erf_gate(graph: Graph, x: Tensor, other: Tensor) -> bool:
    erf = graph.made_by(_plus(graph, other, 1), "ERF")
    if erf is None:
        return False
    factor, parts = factors(graph, erf.input(0))
    return parts == [x] and math.isclose(factor, math.sqrt(0.5), rel_tol=_CLOSE)


def _is_tanh_gate(graph: Graph, x: Tensor, other: Tensor) -> bool:
    tanh = graph.made_by(_plus(graph, other, 1), "TANH")
    if tanh is None:
        return False
    factor, parts = factors(graph, tanh.input(0))
    add = graph.made_by(parts[0], "ADD") if len(parts) == 1 else None
    if add is None or not math.isclose(factor, math.sqrt(2 / math.pi), rel_tol=1e-4):
        return False
    terms = [factors(graph, tensor) for tensor in add.inputs if tensor is not None]
    return any(
        first == (1.0, [x]) and cube[1] == [x, x, x] and math.isclose(cube[0], _CUBE, rel_tol=1e-4)
        for first, cube in (terms, terms[::-1])
    )


_FORMULAS: tuple[tuple[float, Callable[[Graph, Tensor, Tensor], bool], str, dict[str, bool]], ...] = (
    (1 / 6, _is_hard_gate, "HARD_SWISH", {}),
    (0.5, _is_erf_gate, "GELU", {"approximate": False}),
    (0.5, _is_tanh_gate, "GELU", {"approximate": True}),
)


def factors(graph: Graph, tensor: Tensor) -> tuple[float, list[Tensor]]:
    """A product as a number times tensors of its own shape, taken apart as far as it goes."""
    op = graph.made_by(tensor, "MUL", "DIV", "SQUARE")
    if op is None or "fusedActivationFunction" in op.options:
        return 1.0, [tensor]
    if op.code == "SQUARE":
        factor, parts = factors(graph, op.input(0))
        return factor * factor, parts * 2
    left, right = op.input(0), op.input(1)
    for one, other in ((left, right), (right, left)):
        value = number(other)
        if value is not None and one.shape == tensor.shape and (op.code == "MUL" or other is right):
            factor, parts = factors(graph, one)
            return (factor * value if op.code == "MUL" else factor / value if value else math.inf), parts
    if op.code == "DIV" or left.shape != tensor.shape or right.shape != tensor.shape:
        return 1.0, [tensor]
    (first, ours), (second, theirs) = factors(graph, left), factors(graph, right)
    return first * second, ours + theirs


def number(tensor: Tensor | None) -> float | None:
    """The value of a constant of one element."""
    if tensor is None or tensor.data is None or tensor.size != 1 or tensor.dtype.kind != "f":
        return None
    return float(tensor.data.reshape(()))


def _plus(graph: Graph, tensor: Tensor | None, value: float) -> Tensor | None:
    """What a number was added to."""
    op = graph.made_by(tensor, "ADD")
    if op is None or "fusedActivationFunction" in op.options:
        return None
    for one, other in (op.inputs, op.inputs[::-1]):
        found = number(other)
        if found is not None and math.isclose(found, value, rel_tol=_CLOSE):
            return one
    return None
