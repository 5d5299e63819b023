"""TFLite's two ways of padding windows."""

from __future__ import annotations

SAME, VALID = 0, 1  # schema.Padding


def same_pads(size: int, kernel: int, stride: int, dilation: int, *, lower: bool = False) -> tuple[int, int]:
    """So that ceil(size / stride) outputs come; the odd one after, or before with `lower` (ONNX only)."""
    total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    few, many = total // 2, total - total // 2
    return (many, few) if lower else (few, many)
