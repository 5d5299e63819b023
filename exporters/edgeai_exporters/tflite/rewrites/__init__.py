"""Rewrites of the TFLite graph, one idea a file, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable

from ..graph import Graph
from .activations import fuse_activations
from .casts import drop_casts
from .duplicates import merge_duplicates
from .error_function import expand_erf
from .into_weights import fold_into_weights
from .layout import choose_layout
from .padding import fuse_padding
from .products import recognise_products
from .reshapes import (
    drop_reduced_axes,
    join_reshapes,
    sink_reshapes,
    sink_transposes,
    transposes_into_weights,
)
from .splits import slice_unused_splits

Rewrite = Callable[[Graph], bool]

REWRITES: tuple[Rewrite, ...] = (
    drop_casts,
    merge_duplicates,
    recognise_products,
    choose_layout,
    sink_transposes,
    sink_reshapes,
    join_reshapes,
    transposes_into_weights,
    fuse_padding,
    fold_into_weights,
    fuse_activations,
)
LAST: tuple[Rewrite, ...] = (drop_reduced_axes, slice_unused_splits, expand_erf)
_ROUNDS = 50  # more than any graph needs: each round does something that no other undoes


def rewrite(graph: Graph) -> None:
    """Run all until none changes anything, then those that replace what TFLite lacks."""
    graph.drop_dead()
    for _ in range(_ROUNDS):
        changes = [_run(graph, step) for step in REWRITES]
        if not any(changes):
            break
    for step in LAST:
        _run(graph, step)


def _run(graph: Graph, step: Rewrite) -> bool:
    is_changed = step(graph)
    graph.drop_dead()
    return is_changed
