"""What a model file holds: operators, weights, inputs and outputs, read without the libraries of its format.

Only the structure is read, over mmap: a file of 90 MB takes milliseconds.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..bundle import TensorSpec, sniff_format

# By format: the function that reads it.
READERS: dict[str, str] = {
    "onnx": "edgeai.graph.onnx_file:read_onnx",
    "tflite": "edgeai.graph.tflite_file:read_tflite",
}


@dataclass(frozen=True)
class Weights:
    """Constant tensors of one dtype: how many, their elements, and their bytes as they are stored."""

    tensors: int = 0
    elements: int = 0
    size_bytes: int = 0

    def __add__(self, other: Weights) -> Weights:
        return Weights(
            self.tensors + other.tensors,
            self.elements + other.elements,
            self.size_bytes + other.size_bytes,
        )


@dataclass(frozen=True)
class GraphSummary:
    """What a model file holds.

    version: ONNX's IR version, TFLite's schema version. opsets: ONNX's operator sets by domain.
    producer: what wrote the file, in its own words; None where it does not say.
    operators: how many of each, the most frequent first, in all graphs: bodies of If, Loop and WHILE count
        once, however often they run. ONNX's have their domain in front where it is not the standard one.
    weights: by dtype (`f32`, `i8`, `bf16`, ...): initializers and constants; of TFLite the tensors with data.
    inputs, outputs: of the main graph; the shape `("...",)` where the file gives none. Of TFLite by the names
        of the first signature, where there is one.
    graphs: the main one and those inside it, or beside it; ONNX's functions too.
    signatures: TFLite's. metadata: bytes by key. external_files: weights that lie beside the model, by name.
    """

    format: str
    version: int
    opsets: Mapping[str, int] = field(default_factory=dict)
    producer: str | None = None
    operators: Mapping[str, int] = field(default_factory=dict)
    weights: Mapping[str, Weights] = field(default_factory=dict)
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    graphs: int = 1
    signatures: tuple[str, ...] = ()
    metadata: Mapping[str, int] = field(default_factory=dict)
    external_files: tuple[str, ...] = ()

    @property
    def weight_bytes(self) -> int:
        """Of all dtypes."""
        return sum(weights.size_bytes for weights in self.weights.values())


UNKNOWN_RANK: tuple[int | str, ...] = ("...",)
"""The shape of an input or output of which a file says nothing."""


def read_graph(path: str | os.PathLike[str]) -> GraphSummary:
    """What a `.onnx` or `.tflite` file holds. Raises ModelError for what is damaged or neither."""
    file = Path(path)
    module, _, function = READERS[sniff_format(file)].partition(":")
    read: Callable[[Path], GraphSummary] = getattr(importlib.import_module(module), function)
    return read(file)
