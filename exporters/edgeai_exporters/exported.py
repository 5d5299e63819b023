"""What a source gives: one float model file, and how to run the original that it was made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .arrays import Feed, Outputs


@dataclass(frozen=True)
class Exported:
    """A source as a model file.

    name: what the user would call it, such as the file's stem; letters, digits, `-`, `_`, `.`.
    format: `onnx` or `tflite`. path: one file, weights inside; ONNX with IR version <= 10 and opset <= 20,
        which onnxruntime 1.23.2 (the last on JetPack 6's Python 3.10) still reads.
    reference: runs the original itself, such as the PyTorch module; None where the file is the original.
    examples: inputs that the source came with, if any.
    provenance: JSON-able: source kind, path, sha256, framework and versions, and what was done.
    """

    name: str
    format: str
    path: Path
    reference: Callable[[Feed], Outputs] | None = None
    examples: tuple[Feed, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
