"""A model's graph as nodes and the tensors between them, whatever its format: what `costs` counts on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Key = str | int
"""Of a tensor: its name in ONNX, its index in TFLite."""

Shape = tuple[int, ...]

MOST_GRAPHS = 1000
"""Inside each other and beside, each as often as it is called: no real model has so many, and a damaged one
may call itself up to a count that no computer gets to the end of."""

DEEPEST = 50
"""Of graphs within graphs; real models have two or three."""


@dataclass(frozen=True)
class Tensor:
    """A tensor. bits: of an element, 0 where it has no fixed size. shape: None where a size is unknown."""

    name: str
    bits: int
    shape: Shape | None
    is_constant: bool = False

    @property
    def elements(self) -> int | None:
        """How many; None where the shape is unknown."""
        return None if self.shape is None else math.prod(self.shape)

    @property
    def size_bytes(self) -> int | None:
        """None where the shape is unknown; 0 of texts and other elements without a size."""
        return None if self.shape is None else -(-math.prod(self.shape) * self.bits // 8)


@dataclass(frozen=True)
class Node:
    """One operator. inputs: None for one that is left out. bodies: graphs inside it, by role.

    attributes: whole numbers, lists of them and texts, as far as counting needs them.
    """

    operator: str
    inputs: tuple[Key | None, ...]
    outputs: tuple[Key | None, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    bodies: tuple[Network, ...] = ()


@dataclass(frozen=True)
class Network:
    """Nodes in an order in which they can run. tensors: those of the graphs around it, too."""

    nodes: tuple[Node, ...]
    tensors: Mapping[Key, Tensor]
    inputs: tuple[Key, ...]
    outputs: tuple[Key, ...]

    def of(self, keys: tuple[Key | None, ...]) -> list[Tensor | None]:
        """The tensors with these keys; None for one that is left out or not described."""
        return [None if key is None else self.tensors.get(key) for key in keys]


def uses(node: Node) -> Iterator[Key]:
    """What a node reads: its inputs, and what its bodies take from the graphs around them."""
    yield from (key for key in node.inputs if key is not None)
    for body in node.bodies:
        made = {*body.inputs, *(key for inner in body.nodes for key in inner.outputs)}
        for inner in body.nodes:
            yield from (key for key in uses(inner) if key not in made)
        yield from (key for key in body.outputs if key not in made)
