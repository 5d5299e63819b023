"""Puts an activation into the operator in front of it."""

from __future__ import annotations

import numpy as np

from ..graph import Graph

ACTIVATIONS = {"RELU", "RELU6", "RELU_N1_TO_1"}
_TAKES_ONE = {
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "TRANSPOSE_CONV",
    "CONV_3D",
    "FULLY_CONNECTED",
    "MAX_POOL_2D",
    "AVERAGE_POOL_2D",
    "ADD",
    "SUB",
    "MUL",
    "DIV",
}


def fuse_activations(graph: Graph) -> bool:
    """Of what nobody else reads."""
    is_changed = False
    for op in graph.ordered():
        after = graph.only_user(op.output) if op.code in _TAKES_ONE else None
        if after is None or after.code not in ACTIVATIONS or "fusedActivationFunction" in op.options:
            continue
        if op.output.dtype != np.float32:
            continue
        out = after.output
        op.options["fusedActivationFunction"] = after.code
        graph.remove(after)
        graph.set_output(op, out)
        is_changed = True
    return is_changed
