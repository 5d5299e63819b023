"""Which element types LiteRT's kernels take; others are cast to one that holds them, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np

_F32 = ("float32",)
_NUMBERS = ("float32", "int32", "int64")
_MOVED = ("float32", "int32", "int64", "int8", "uint8", "int16", "bool")

# By operator: element types of its data that LiteRT 2.3's kernels take (tflite/kernels/*.cc). int8, uint8 and
# int16 are left out where the kernel takes them for quantized numbers.
KERNELS: dict[str, tuple[str, ...]] = {
    "ABS": ("float32", "int32"),
    "ADD": _NUMBERS,
    "SUB": _NUMBERS,
    "MUL": _NUMBERS,
    "DIV": ("float32", "int32"),
    "FLOOR_DIV": ("float32", "int32"),
    "FLOOR_MOD": _NUMBERS,
    "POW": ("float32", "int32"),
    "MAXIMUM": _NUMBERS,
    "MINIMUM": _NUMBERS,
    "NEG": _NUMBERS,
    "SIGN": ("float32", "int32"),
    "SQUARE": _F32,
    "SQUARED_DIFFERENCE": ("float32", "int32"),
    "SQRT": _F32,
    "RSQRT": _F32,
    "EXP": _F32,
    "LOG": _F32,
    "SIN": _F32,
    "COS": _F32,
    "TANH": _F32,
    "LOGISTIC": _F32,
    "CEIL": _F32,
    "FLOOR": _F32,
    "ROUND": _F32,
    "RELU": _F32,
    "RELU6": _F32,
    "RELU_N1_TO_1": _F32,
    "RELU_0_TO_1": _F32,
    "LEAKY_RELU": _F32,
    "PRELU": _F32,
    "ELU": _F32,
    "GELU": _F32,
    "ERF": _F32,
    "HARD_SWISH": _F32,
    "ATAN2": _F32,
    "SOFTMAX": _F32,
    "LOG_SOFTMAX": _F32,
    "EQUAL": (*_NUMBERS, "bool"),
    "NOT_EQUAL": (*_NUMBERS, "bool"),
    "LESS": _NUMBERS,
    "LESS_EQUAL": _NUMBERS,
    "GREATER": _NUMBERS,
    "GREATER_EQUAL": _NUMBERS,
    "LOGICAL_AND": ("bool",),
    "LOGICAL_OR": ("bool",),
    "LOGICAL_NOT": ("bool",),
    "BITWISE_XOR": ("int8", "uint8", "int16", "uint16", "int32", "uint32"),
    "RIGHT_SHIFT": ("int8", "uint8", "int16", "uint16", "int32", "uint32"),
    "SELECT_V2": _MOVED,
    "CONV_2D": _F32,
    "DEPTHWISE_CONV_2D": _F32,
    "CONV_3D": _F32,
    "TRANSPOSE_CONV": _F32,
    "MAX_POOL_2D": _F32,
    "AVERAGE_POOL_2D": _F32,
    "FULLY_CONNECTED": _F32,
    "BATCH_MATMUL": ("float32", "int32"),
    "EMBEDDING_LOOKUP": _F32,
    "SUM": _NUMBERS,
    "MEAN": _F32,
    "REDUCE_PROD": _NUMBERS,
    "REDUCE_MAX": _NUMBERS,
    "REDUCE_MIN": _NUMBERS,
    "REDUCE_ANY": ("bool",),
    "REDUCE_ALL": ("bool",),
    "ARG_MAX": ("float32", "int32"),
    "ARG_MIN": ("float32", "int32"),
    "CUMSUM": _NUMBERS,
    "TOPK_V2": _NUMBERS,
    "TRANSPOSE": _MOVED,
    "CONCATENATION": _MOVED,
    "SLICE": _MOVED,
    "STRIDED_SLICE": _MOVED,
    "SPLIT": ("float32", "int32"),
    "PAD": ("float32", "int32", "int64"),
    "PADV2": ("float32", "int32", "int64"),
    "MIRROR_PAD": ("float32", "int32", "int64"),
    "TILE": ("float32", "int32", "int64", "bool"),
    "BROADCAST_TO": _MOVED,
    "GATHER": _MOVED,
    "GATHER_ND": _MOVED,
    "SCATTER_ND": ("float32", "int32", "int64"),
    "REVERSE_V2": _MOVED,
    "REVERSE_SEQUENCE": ("float32", "int32", "int64"),
    "DEPTH_TO_SPACE": ("float32", "int32", "int64"),
    "SPACE_TO_DEPTH": ("float32", "int32", "int64"),
    "RESIZE_BILINEAR": _F32,
    "RESIZE_NEAREST_NEIGHBOR": _F32,
    "LOCAL_RESPONSE_NORMALIZATION": _F32,
}

# What a type may be computed in, in order of preference: without loss, but for float64, which LiteRT lacks.
_WIDER: dict[str, tuple[str, ...]] = {
    "float16": ("float32",),
    "float64": ("float32",),
    "bool": ("int32",),
    "int8": ("int32", "float32"),
    "uint8": ("int32", "float32"),
    "int16": ("int32", "float32"),
    "uint16": ("int32", "float32"),
    "uint32": ("int64",),
    "int32": ("int64",),
}


def computed_in(code: str, dtype: np.dtype[Any]) -> np.dtype[Any] | None:
    """The type in which the operator's kernel computes what has this type; None where no kernel can."""
    kernels = KERNELS.get(code)
    if kernels is None or dtype.name in kernels:
        return dtype
    for wider in _WIDER.get(dtype.name, ()):
        if wider in kernels:
            return np.dtype(wider)
    return None
