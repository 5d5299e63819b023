"""Lowerings of ONNX operators, by family: `(builder, node) -> tensor or tensors`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from ..build import Builder
from ..graph import Tensor
from ..node import Node

Lowering: TypeAlias = Callable[[Builder, Node], "Tensor | Sequence[Tensor | None]"]
