"""Gives every node a name of its own, since layers are kept, excluded and reported by the names of nodes."""

from __future__ import annotations

from collections import Counter

from onnx import ModelProto

from . import PassResult
from .nodes import all_nodes


def name_nodes(model: ModelProto) -> PassResult:
    """Names for nodes that have none or share one, in subgraphs too: `Conv_12`, by operator and place.

    A name that is there and that no other node has is left as it is; names of tensors do not change.
    """
    counts = Counter(node.name for node in all_nodes(model.graph))
    if all(name and count == 1 for name, count in counts.items()):
        return PassResult(model, modified=False)
    named = ModelProto()
    named.CopyFrom(model)
    taken = set(counts)
    for index, node in enumerate(all_nodes(named.graph)):
        if not node.name or counts[node.name] > 1:
            node.name = _free(f"{node.op_type}_{index}", taken)
            taken.add(node.name)
    return PassResult(named, modified=True)


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
