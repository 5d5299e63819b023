"""State that stays in the file from run to run, as LiteRT's resource variables."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .graph import Op, Tensor, constant

HANDLE = np.dtype("V1")
"""Stands for the element type of a variable's handle, which numpy does not have."""
_START = 1  # the second subgraph sets variables to zeros

States = Mapping[str, tuple[Tensor, Tensor]]


def variables(states: States) -> tuple[list[Op], list[Op], list[Op]]:
    """Operators that read the variables and that keep new values, and the subgraph that starts them."""
    if not states:
        return [], [], []
    before = [Op("CALL_ONCE", [], [], {"initSubgraphIndex": _START})]
    after: list[Op] = []
    start: list[Op] = []
    for name, (read, kept) in states.items():
        handle, first = _handle(name), _handle(name)
        before += [handle, Op("READ_VARIABLE", [handle.output], [read])]
        after.append(Op("ASSIGN_VARIABLE", [handle.output, kept], []))
        zeros = constant(np.zeros(read.shape, read.dtype), name=f"{name}/zeros")
        start += [first, Op("ASSIGN_VARIABLE", [first.output, zeros], [])]
    return before, after, start


def _handle(name: str) -> Op:
    return Op("VAR_HANDLE", [], [Tensor(f"{name}/handle", (), HANDLE)], {"container": "", "sharedName": name})
