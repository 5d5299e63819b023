"""Which layers of a graph are alike: of the same cost, and in the same role."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeai.extras import require

RADIUS = 2
"""How many nodes away the surroundings count for a role: enough to tell a query from a value, whose matrices
have one size."""


@dataclass(frozen=True)
class Part:
    """One layer.

    cost: equal where layers cost the same; role: where their surroundings are the same. is_light: whether it
    has no weights to speak of, so that quantizing it makes no file smaller.
    """

    name: str
    operator: str
    cost: str
    role: str
    is_light: bool = False


def read_parts(files: Sequence[Path], layers: Sequence[str]) -> dict[str, Part]:
    """The layers by name, each from the first file that has it.

    Of one that no file has, and in a format other than ONNX, nothing is known: it is a kind of its own.
    """
    known: dict[str, Part] = {}
    for file in files:
        if file.suffix == ".onnx":
            known = {**_read_onnx(file), **known}
    return {name: known.get(name) or Part(name, "", name, name) for name in layers}


def alike(parts: Mapping[str, Part], key: str) -> list[tuple[str, ...]]:
    """Groups of layers with the same `cost` or `role`, each and all in the order of the graph."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name, part in parts.items():
        groups[getattr(part, key)].append(name)
    return [tuple(names) for names in groups.values()]


def _read_onnx(file: Path) -> dict[str, Part]:
    onnx = require("onnx", "quant", "searching for sensitive layers")
    graph = onnx.load(file, load_external_data=False).graph
    costs, roles, constants = _costs(graph), _roles(graph), _constants(graph)
    return {
        node.name: Part(
            node.name, node.op_type, costs[node.name], roles[node.name], _is_light(node, constants)
        )
        for node in graph.node
    }


def _costs(graph: Any) -> dict[str, str]:
    """By node: operator, attributes, and the shapes of what is known of inputs and outputs."""
    shapes = _constants(graph)
    for value in (*graph.value_info, *graph.input, *graph.output):
        kind = value.type.tensor_type
        if kind.HasField("shape"):
            shapes[value.name] = tuple(each.dim_param or each.dim_value for each in kind.shape.dim)
    return {
        node.name: _short(
            node.op_type,
            sorted(_attribute(each) for each in node.attribute),
            [shapes.get(name) for name in (*node.input, *node.output)],
        )
        for node in graph.node
    }


def _roles(graph: Any) -> dict[str, str]:
    """By node: Weisfeiler and Lehman's labels after RADIUS rounds: what it and its surroundings are."""
    constants = _constants(graph)
    made = {name: place for place, node in enumerate(graph.node) for name in node.output}
    before = [[made[name] for name in node.input if name in made] for node in graph.node]
    behind: list[list[int]] = [[] for _ in graph.node]
    for place, sources in enumerate(before):
        for source in sources:
            behind[source].append(place)
    labels = [_short(node.op_type, [constants.get(name) for name in node.input]) for node in graph.node]
    for _ in range(RADIUS):
        labels = [
            _short(own, [labels[i] for i in before[place]], sorted(labels[i] for i in behind[place]))
            for place, own in enumerate(labels)
        ]
    return {node.name: label for node, label in zip(graph.node, labels, strict=True)}


def _constants(graph: Any) -> dict[str, tuple[int | str, ...]]:
    return {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}


def _is_light(node: Any, constants: Mapping[str, tuple[int | str, ...]]) -> bool:
    # Biases and scales of a normalisation have one axis.
    return not any(len(constants.get(name, ())) > 1 for name in node.input)


def _attribute(attribute: Any) -> str:
    # A subgraph or a tensor says little of cost and may be large.
    return f"{attribute.name}={attribute.i},{list(attribute.ints)},{attribute.s!r}"


def _short(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
