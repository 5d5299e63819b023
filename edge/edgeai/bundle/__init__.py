"""What travels from the workstation to the board: models, their variants, their steps and what proves them.

A bare `.onnx` or `.tflite` behaves as a bundle of one model with one variant and an implied manifest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bare import bare_bundle, bare_variant, sniff_format
from .types import ANY, NUMPY_DTYPES, Bundle, Model, Needs, Quantization, TensorSpec, Variant, list_specs

if TYPE_CHECKING:
    from .declared import (
        Batch,
        Condition,
        Context,
        Golden,
        Input,
        Internal,
        Loop,
        RunStage,
        SizeRange,
        Source,
        Stage,
        State,
        StepCall,
        StepStage,
        Window,
    )

__all__ = [
    "ANY",
    "Batch",
    "Bundle",
    "Condition",
    "Context",
    "Golden",
    "Input",
    "Internal",
    "Loop",
    "Model",
    "NUMPY_DTYPES",
    "Needs",
    "Quantization",
    "RunStage",
    "SizeRange",
    "Source",
    "Stage",
    "State",
    "StepCall",
    "StepStage",
    "TensorSpec",
    "Variant",
    "Window",
    "bare_bundle",
    "bare_variant",
    "list_specs",
    "sniff_format",
]


def __getattr__(name: str) -> object:
    """What a manifest declares is found on first use: a bare file has none of it."""
    if name not in __all__:
        raise AttributeError(f"module 'edgeai.bundle' has no attribute {name!r}")
    from . import declared

    return getattr(declared, name)
