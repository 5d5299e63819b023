"""Joins reshapes, drops idle ones, and moves them behind operators that do not care, so that others meet."""

from __future__ import annotations

import numpy as np

from ..graph import Graph, Op, Tensor, constant
from .agnostic import ELEMENT_BY_ELEMENT

_REDUCTIONS = {"MEAN", "SUM", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ANY", "REDUCE_ALL"}
_WITH_CONSTANTS = {"ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM"}


def join_reshapes(graph: Graph) -> bool:
    """A reshape of a reshape is one; one to the same shape is none."""
    is_changed = False
    for op in graph.ordered():
        if op.code != "RESHAPE" or op not in graph:
            continue
        x = op.input(0)
        before = graph.made_by(x, "RESHAPE")
        if before is not None and before.inputs[0] is not None and before.inputs[0].data is None:
            graph.set_input(op, 0, before.inputs[0])
            is_changed = True
        elif x.shape == op.output.shape and x.data is None and not _is_interface(graph, op):
            graph.replace(op.output, x)
            graph.remove(op)
            is_changed = True
    return is_changed


def _is_interface(graph: Graph, op: Op) -> bool:
    """An output that would be an input, a constant or another output needs the copy."""
    if not graph.is_output(op.output):
        return False
    return graph.maker(op.input(0)) is None or graph.is_output(op.input(0))


def drop_reduced_axes(graph: Graph) -> bool:
    """A reshape after a reduction that only drops what it reduced is its `keepDims`."""
    changes = [_drop_axes(graph, op) for op in graph.ordered() if op.code == "RESHAPE"]
    return any(changes)


def _drop_axes(graph: Graph, op: Op) -> bool:
    x = op.input(0)
    reduction = graph.made_by(x, *_REDUCTIONS)
    if reduction is None or graph.only_user(x) is not op or not reduction.options["keepDims"]:
        return False
    gone = {axis % x.rank for axis in reduction.ints(1)}
    if tuple(size for axis, size in enumerate(x.shape) if axis not in gone) != op.output.shape:
        return False
    reduction.options["keepDims"] = False
    out = op.output
    graph.remove(op)
    graph.set_output(reduction, out)
    return True


def sink_reshapes(graph: Graph) -> bool:
    """Reshape after what works element by element instead of before it."""
    is_changed = False
    for op in graph.ordered():
        if op.code in ELEMENT_BY_ELEMENT and op in graph and len(op.outputs) == 1:
            is_changed |= _sink(graph, op)
    return is_changed


def _sink(graph: Graph, op: Op) -> bool:
    data = [tensor for tensor in op.inputs if tensor is not None and tensor.data is None]
    reshapes = [graph.made_by(tensor, "RESHAPE") for tensor in data]
    sources = {reshape.inputs[0].shape for reshape in reshapes if reshape is not None and reshape.inputs[0]}
    if not reshapes or None in reshapes or len(sources) != 1:
        return False
    if any(graph.only_user(tensor) is not op for tensor in data):
        return False
    if any(tensor.shape != op.output.shape for tensor in data):
        return False
    source = sources.pop()
    fixed = [_constant_in(tensor, op.output.shape, source) for tensor in op.inputs if tensor is not None]
    if any(tensor is None for tensor in fixed):
        return False
    for index, tensor in enumerate(op.inputs):
        if tensor is None:
            continue
        reshape = graph.made_by(tensor, "RESHAPE") if tensor.data is None else None
        now = reshape.inputs[0] if reshape is not None else fixed[index]
        assert now is not None
        graph.set_input(op, index, now)
    old = op.output
    inner = Tensor(old.name, source, old.dtype)
    old.name = f"{old.name}/reshape"
    graph.set_output(op, inner)
    graph.add("RESHAPE", [inner, constant(old.shape, np.int32)], [old], node=op.node)
    return True


def _constant_in(tensor: Tensor, shape: tuple[int, ...], source: tuple[int, ...]) -> Tensor | None:
    """A constant as it is before the reshape: single numbers, and one a channel where channels stay."""
    if tensor.data is None or tensor.rank == 0:
        return tensor
    if tensor.size == 1:
        return constant(tensor.data.reshape(()), name=tensor.name)
    if source and shape[-1] == source[-1] == tensor.shape[-1] == tensor.size:
        return constant(tensor.data.reshape(-1), name=tensor.name)
    return None


def sink_transposes(graph: Graph) -> bool:
    """Transpose after a reshape that only adds or drops axes of one element instead of before it."""
    is_changed = False
    for op in graph.ordered():
        transpose = graph.made_by(op.inputs[0], "TRANSPOSE") if op.code == "RESHAPE" else None
        if transpose is None or graph.only_user(transpose.output) is not op:
            continue
        turned, out = transpose.output.shape, op.output
        if [size for size in turned if size != 1] != [size for size in out.shape if size != 1]:
            continue
        is_changed |= _swap(graph, op, transpose.input(0), transpose.ints(1))
    return is_changed


def _swap(graph: Graph, op: Op, x: Tensor, order: list[int]) -> bool:
    """The long axes in the order of x first, then the transpose; the short ones stay where they end up."""
    out = op.output
    long_axes = [axis for axis, size in enumerate(out.shape) if size != 1]
    of_x = [axis for axis in order if x.shape[axis] != 1]  # long_axes[i] is axis of_x[i] of x
    ranks = [sorted(of_x).index(axis) for axis in of_x]
    turn = list(range(out.rank))
    for place, rank in zip(long_axes, ranks, strict=True):
        turn[place] = long_axes[rank]
    shape = [0] * out.rank
    for axis, source in enumerate(turn):
        shape[source] = out.shape[axis]
    inner = Tensor(f"{out.name}/reshape", tuple(shape), out.dtype)
    graph.remove(op)
    graph.add("RESHAPE", [x, constant(inner.shape, np.int32)], [inner], node=op.node)
    graph.add("TRANSPOSE", [inner, constant(turn, np.int32)], [out], node=op.node)
    return True


def transposes_into_weights(graph: Graph) -> bool:
    """Flattened channels-last instead of channels-first: the columns of the weights move, not the data."""
    is_changed = False
    for op in graph.ordered():
        reshape = graph.made_by(op.inputs[0], "RESHAPE") if op.code == "FULLY_CONNECTED" else None
        transpose = graph.made_by(reshape.inputs[0], "TRANSPOSE") if reshape is not None else None
        if reshape is None or transpose is None or graph.only_user(reshape.output) is not op:
            continue
        if graph.only_user(transpose.output) is not reshape:
            continue
        is_changed |= _move_columns(graph, op, reshape, transpose)
    return is_changed


def _move_columns(graph: Graph, op: Op, reshape: Op, transpose: Op) -> bool:
    order, weights = transpose.ints(1), op.input(1)
    flat, turned = reshape.output.shape, transpose.output.shape
    if weights.data is None or order[0] != 0 or len(flat) != 2 or flat[0] != turned[0]:
        return False
    back = np.argsort(order[1:])
    apart = weights.data.reshape(weights.shape[0], *turned[1:])
    moved = apart.transpose(0, *(1 + back)).reshape(weights.shape)
    graph.set_input(op, 1, constant(np.ascontiguousarray(moved), name=weights.name))
    graph.set_input(reshape, 0, transpose.input(0))
    return True
