"""Operators that can run with the axes of their tensors in another order, and what changes in them then."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..graph import Graph, Op, Tensor, constant

Order = tuple[int, ...]
"""Axis i of the tensor in the new order is axis order[i] of the tensor in the old one."""


def then(first: Sequence[int], second: Sequence[int]) -> Order:
    """One order for two transposes, one after the other."""
    return tuple(first[axis] for axis in second)


def inverse(order: Sequence[int]) -> Order:
    """The order that takes it back."""
    return tuple(int(axis) for axis in np.argsort(order))


def ordered(shape: Sequence[int], order: Sequence[int]) -> Order:
    """A shape after the transpose."""
    return tuple(shape[axis] for axis in order)


def can_run_in(op: Op, order: Order) -> bool:
    """Whether the operator can run in this order."""
    return (
        op.code in CHANGES
        and is_agnostic(op)
        and (op.code not in _ALONG_THE_LAST.split() or order[-1] == len(order) - 1)
        and (op.code not in _FIRST_STAYS or order[0] == 0)
    )


def is_agnostic(op: Op) -> bool:
    """Whether it can run in another order at all."""
    rank = op.output.rank
    if op.code not in CHANGES or rank < 2 or any(tensor.rank != rank for tensor in op.outputs):
        return False
    data = data_inputs(op)
    if not data or any(tensor.rank != rank for tensor in data):
        return False
    return not op.code.startswith(("MEAN", "SUM", "REDUCE_")) or bool(op.options.get("keepDims"))


def data_inputs(op: Op) -> list[Tensor]:
    """Inputs that are neither constants nor single numbers without axes."""
    return [tensor for tensor in op.inputs if tensor is not None and tensor.data is None and tensor.rank]


def change(graph: Graph, op: Op, order: Order) -> None:
    """Adapt the operator's options and constants; its outputs and other inputs are the caller's."""
    CHANGES[op.code](graph, op, order)


def _nothing(graph: Graph, op: Op, order: Order) -> None:
    pass


def _constants(graph: Graph, op: Op, order: Order) -> None:
    """Constants that broadcast with the others."""
    for index, tensor in enumerate(op.inputs):
        if tensor is not None and tensor.data is not None and tensor.rank:
            full = tensor.data.reshape((1,) * (len(order) - tensor.rank) + tensor.shape)
            moved = np.ascontiguousarray(full.transpose(order))
            graph.set_input(op, index, constant(moved, name=tensor.name))


def _slope(graph: Graph, op: Op, order: Order) -> None:
    """PRELU's slope lacks the batch axis."""
    moved = np.ascontiguousarray(op.array(1).transpose([axis - 1 for axis in order[1:]]))
    graph.set_input(op, 1, constant(moved, name=op.input(1).name))


def _joined(graph: Graph, op: Op, order: Order) -> None:
    _constants(graph, op, order)
    op.options["axis"] = order.index(op.options["axis"] % len(order))


def _axes_input(index: int) -> Callable[[Graph, Op, Order], None]:
    """A constant input that names axes."""

    def adapt(graph: Graph, op: Op, order: Order) -> None:
        axes = op.input(index)
        moved = [order.index(axis % len(order)) for axis in op.ints(index)]
        graph.set_input(op, index, constant(np.reshape(moved, axes.shape), np.int32, axes.name))

    return adapt


def _rows(*indices: int) -> Callable[[Graph, Op, Order], None]:
    """Constant inputs with an entry for each axis."""

    def adapt(graph: Graph, op: Op, order: Order) -> None:
        for index in indices:
            moved = op.array(index)[list(order)]
            graph.set_input(op, index, constant(moved, name=op.input(index).name))

    return adapt


_SINGLE = (
    "ABS CAST CEIL COS ELU ERF EXP FLOOR GELU HARD_SWISH LEAKY_RELU LOG LOGICAL_NOT LOGISTIC NEG RELU RELU6 "
    "RELU_0_TO_1 RELU_N1_TO_1 ROUND RSQRT SIGN SIN SQRT SQUARE TANH"
)
_BROADCAST = (
    "ADD SUB MUL DIV FLOOR_DIV FLOOR_MOD POW MAXIMUM MINIMUM SQUARED_DIFFERENCE ATAN2 EQUAL NOT_EQUAL LESS "
    "LESS_EQUAL GREATER GREATER_EQUAL LOGICAL_AND LOGICAL_OR SELECT_V2"
)
ELEMENT_BY_ELEMENT = frozenset(_SINGLE.split()) | frozenset(_BROADCAST.split())
_ALONG_THE_LAST = "SOFTMAX LOG_SOFTMAX FULLY_CONNECTED"  # the last axis has to stay the last
_REDUCTIONS = "MEAN SUM REDUCE_PROD REDUCE_MAX REDUCE_MIN REDUCE_ANY REDUCE_ALL"

CHANGES: dict[str, Callable[[Graph, Op, Order], None]] = {
    **dict.fromkeys(_SINGLE.split(), _nothing),
    **dict.fromkeys(_BROADCAST.split(), _constants),
    **dict.fromkeys(_REDUCTIONS.split(), _axes_input(1)),
    "PRELU": _slope,
    **dict.fromkeys(_ALONG_THE_LAST.split(), _nothing),
    "CONCATENATION": _joined,
    "PAD": _rows(1),
    "PADV2": _rows(1),
    "MIRROR_PAD": _rows(1),
    "SLICE": _rows(1, 2),
    "STRIDED_SLICE": _rows(1, 2, 3),
    "TILE": _rows(1),
    "BROADCAST_TO": _rows(1),
    "SPLIT": _axes_input(0),
    "REVERSE_V2": _axes_input(1),
    "CUMSUM": _axes_input(1),
}
_FIRST_STAYS = {"PRELU"}  # its slope has no batch axis
