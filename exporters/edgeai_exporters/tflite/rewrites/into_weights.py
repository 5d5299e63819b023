"""Folds a factor or an offset by channel, as of batch normalization, into the weights in front of it."""

from __future__ import annotations

import numpy as np

from ...arrays import Array
from ..graph import Graph, Op, Tensor, constant

# By operator: where its weights and its bias are, and the axis of the weights that counts output channels.
_WEIGHTS = {
    "CONV_2D": (1, 2, 0),
    "DEPTHWISE_CONV_2D": (1, 2, 3),
    "FULLY_CONNECTED": (1, 2, 0),
    "TRANSPOSE_CONV": (1, 3, 0),
}


def fold_into_weights(graph: Graph) -> bool:
    """Take up ADD, SUB, MUL and DIV by constants that have one number a channel."""
    is_changed = False
    for op in graph.ordered():
        while op.code in _WEIGHTS and "fusedActivationFunction" not in op.options and _fold_next(graph, op):
            is_changed = True
    return is_changed


def _fold_next(graph: Graph, op: Op) -> bool:
    after = graph.only_user(op.output)
    weights, bias = _parts(op)
    if after is None or after.code not in {"ADD", "SUB", "MUL", "DIV"} or weights is None:
        return False
    values = _by_channel(op, after)
    if values is None or weights.data is None or (bias is not None and bias.data is None):
        return False
    _change(graph, op, after.code, values)
    _skip(graph, op, after)
    return True


def _parts(op: Op) -> tuple[Tensor | None, Tensor | None]:
    at, bias_at, _ = _WEIGHTS[op.code]
    return op.inputs[at], op.inputs[bias_at] if bias_at < len(op.inputs) else None


def _by_channel(op: Op, after: Op) -> Array | None:
    """The constant as one number a channel; None where it is something else."""
    left, right = after.inputs
    if left is op.output:
        other = right
    elif after.code in {"ADD", "MUL"}:
        other = left
    else:
        return None
    channels = op.output.shape[-1]
    if other is None or other.data is None or after.output.shape != op.output.shape:
        return None
    if other.size == 1:
        return np.full(channels, other.data.reshape(()), np.float64)
    if other.size == channels == other.shape[-1]:
        return np.asarray(other.data.reshape(channels), np.float64)
    return None


def _change(graph: Graph, op: Op, code: str, values: Array) -> None:
    at, bias_at, axis = _WEIGHTS[op.code]
    weights, (_, bias) = op.input(at), _parts(op)
    offset = np.zeros(len(values)) if bias is None else np.asarray(bias.data, np.float64)
    if code in {"MUL", "DIV"}:
        factor = values if code == "MUL" else 1 / values
        by_channel = [-1 if i == axis else 1 for i in range(weights.rank)]
        scaled = np.asarray(op.array(at), np.float64) * factor.reshape(by_channel)
        graph.set_input(op, at, constant(scaled, np.float32, weights.name))
        offset = offset * factor
    else:
        offset = offset + values if code == "ADD" else offset - values
    name = bias.name if bias is not None else f"{op.output.name}/bias"
    while len(op.inputs) <= bias_at:
        op.inputs.append(None)
    graph.set_input(op, bias_at, constant(offset, np.float32, name))


def _skip(graph: Graph, op: Op, after: Op) -> None:
    """Let the operator write what the one after it wrote."""
    out = after.output
    if "fusedActivationFunction" in after.options:
        op.options["fusedActivationFunction"] = after.options["fusedActivationFunction"]
    graph.remove(after)
    graph.set_output(op, out)
