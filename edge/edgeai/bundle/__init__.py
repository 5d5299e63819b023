"""What travels from the workstation to the board: models, their variants, their steps and what proves them.

A bare `.onnx` or `.tflite` behaves as a bundle of one model with one variant and an implied manifest.
"""

from __future__ import annotations

from .bare import bare_bundle, bare_variant, sniff_format
from .types import (
    ANY,
    NUMPY_DTYPES,
    Batch,
    Bundle,
    Condition,
    Context,
    Golden,
    Input,
    Internal,
    Loop,
    Model,
    Needs,
    Quantization,
    RunStage,
    SizeRange,
    Source,
    Stage,
    State,
    StepCall,
    StepStage,
    TensorSpec,
    Variant,
    Window,
    list_specs,
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
