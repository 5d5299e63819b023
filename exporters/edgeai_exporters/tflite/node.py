"""An ONNX node as its lowering sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..arrays import Array
from .build import Builder
from .graph import Tensor


@dataclass(frozen=True)
class Node:
    """Attributes and inputs of a node, and what its outputs have to look like.

    inputs: None where an optional one is absent. shapes, dtypes: of the outputs, empty if not asked for.
    wanted: whether each output is used. opset: version of its domain.
    """

    op: str
    name: str
    attributes: Mapping[str, Any]
    inputs: Sequence[Tensor | None]
    outputs: Sequence[str]
    shapes: Sequence[tuple[int, ...]]
    dtypes: Sequence[np.dtype[Any]]
    opset: int
    builder: Builder = field(repr=False)

    def __getitem__(self, index: int) -> Tensor:
        """An input that must be there."""
        tensor = self.input(index)
        if tensor is None:
            self.builder.refuse(f"its input {index} is missing")
        return tensor

    def input(self, index: int) -> Tensor | None:
        """An input, None where it is absent."""
        return self.inputs[index] if index < len(self.inputs) else None

    def array(self, index: int, what: str) -> Array | None:
        """A constant input; None where it is absent. Refuses one that is only known when the model runs."""
        tensor = self.input(index)
        if tensor is not None and tensor.data is None:
            self.builder.refuse(f"its {what} must be a constant")
        return None if tensor is None else tensor.data

    def ints(self, index: int, attribute: str) -> list[int] | None:
        """What older opsets have as an attribute and newer ones as a constant input."""
        if attribute in self.attributes:
            return [int(value) for value in np.atleast_1d(self.attributes[attribute])]
        array = self.array(index, attribute)
        return None if array is None else [int(value) for value in array.reshape(-1)]

    def get(self, attribute: str, default: Any) -> Any:
        """An attribute."""
        value = self.attributes.get(attribute, default)
        return value.decode() if isinstance(value, bytes) else value

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the first output."""
        return self.shapes[0]
