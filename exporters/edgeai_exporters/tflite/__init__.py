"""Our own writer of TFLite files from ONNX models; OPERATORS.md lists the operators that it knows."""

from __future__ import annotations

from typing import Any

__all__ = ["write_tflite"]


def __getattr__(name: str) -> Any:
    """`write_tflite` is imported when it is asked for, since it needs onnx and ai-edge-litert."""
    if name != "write_tflite":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from edgeai.extras import require

    require("onnx", "tflite-export", "writing TFLite")
    require("ai_edge_litert", "tflite-export", "writing TFLite")
    from .convert import write_tflite

    return write_tflite
