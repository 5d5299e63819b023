"""Puts padding into convolutions and pools where it is what TFLite calls SAME."""

from __future__ import annotations

import numpy as np

from ..graph import Graph, Op
from ..padding import SAME, same_pads

_LEAST = float(np.finfo(np.float32).min)


def fuse_padding(graph: Graph) -> bool:
    """PAD before CONV_2D and DEPTHWISE_CONV_2D, and the least number's before MAX_POOL_2D."""
    is_changed = False
    for op in graph.ordered():
        pad = graph.made_by(op.inputs[0], "PAD", "PADV2") if op.code in _KERNELS and op.inputs else None
        if pad is None or op.options["padding"] == SAME or not _fits(op, pad):
            continue
        graph.set_input(op, 0, pad.input(0))
        op.options["padding"] = SAME
        is_changed = True
    return is_changed


def _fits(op: Op, pad: Op) -> bool:
    x, amounts = pad.input(0), pad.input(1)
    if amounts.data is None or x.data is not None:
        return False
    if op.code == "MAX_POOL_2D":
        if pad.code == "PAD" or pad.input(2).data is None or float(pad.array(2).reshape(())) != _LEAST:
            return False
    elif pad.code == "PADV2":
        return False
    kernel = _KERNELS[op.code](op)
    steps = (op.options["strideH"], op.options["strideW"])
    spread = (op.options.get("dilationHFactor", 1), op.options.get("dilationWFactor", 1))
    wanted = [
        (0, 0),
        *(same_pads(*axis) for axis in zip(x.shape[1:3], kernel, steps, spread, strict=True)),
        (0, 0),
    ]
    return [tuple(row) for row in amounts.data.tolist()] == wanted


def _size_of_weights(op: Op) -> tuple[int, int]:
    _, height, width, _ = op.input(1).shape
    return height, width


def _size_of_window(op: Op) -> tuple[int, int]:
    return op.options["filterHeight"], op.options["filterWidth"]


_KERNELS = {
    "CONV_2D": _size_of_weights,
    "DEPTHWISE_CONV_2D": _size_of_weights,
    "MAX_POOL_2D": _size_of_window,
}
