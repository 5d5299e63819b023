"""Drops conversions that are taken back: what was computed in float32 stays in it."""

from __future__ import annotations

from ..graph import Graph

# Conversion to these and back gives the same numbers, or better ones: float16 rounds on the way.
_THROUGH = {
    ("float32", "float16"),
    ("float32", "float64"),
    ("float16", "float32"),
    ("int32", "int64"),
}


def drop_casts(graph: Graph) -> bool:
    """There and back."""
    is_changed = False
    for op in graph.ordered():
        before = graph.made_by(op.inputs[0], "CAST") if op.code == "CAST" else None
        x = before.inputs[0] if before is not None else None
        if before is None or x is None or x.dtype != op.output.dtype or graph.is_output(op.output):
            continue
        if (x.dtype.name, before.output.dtype.name) in _THROUGH:
            graph.replace(op.output, x)
            graph.remove(op)
            is_changed = True
    return is_changed
