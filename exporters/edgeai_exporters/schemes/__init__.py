"""Ways to make a model smaller or faster, each with the layers that it can leave in float.

prepared = scheme.load_prepare()(model, calibration)   # once: reads the model, calibrates
prepared.layers                                        # what the scheme would change
prepared.write(out, keep={"conv1"})                    # as often as a search likes: fast, no calibration
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from ..arrays import Feed


class Prepared(Protocol):
    """A model made ready for a scheme: calibrated once, written as often as wanted."""

    @property
    def layers(self) -> Sequence[str]:
        """Names of the layers that the scheme would change, in the order of the graph.

        ONNX: names of nodes, which the file written carries even where the source left them empty. TFLite:
        names of the operators' first output tensors.
        """

    def write(self, out: Path, keep: Collection[str] = ()) -> None:
        """Write the variant to `out`; the layers in `keep` stay in float. The same bytes each time.

        Raises ExportError for a name that is not in `layers`. Nothing half-written is left behind.
        """


Prepare: TypeAlias = "Callable[[Path, Sequence[Feed]], Prepared]"
"""(model, calibration) -> Prepared. The model file is read here and never changed; calibration may be empty
where the scheme does not need it. Raises ExportError where the model or a feed does not fit."""


@dataclass(frozen=True)
class Scheme:
    """A row of the table.

    format: of what goes in and comes out, `onnx` or `tflite`. precision: as the manifest spells it.
    needs_calibration: whether `prepare` wants feeds. cpu: features of /proc/cpuinfo without which it is no
        gain.
    options: keyword arguments of `prepare`. float_io: whether inputs and outputs stay as the source has them.
    kept: what the layers in `keep` have: `f32`, or a precision that is all but exact and faster.
    competes: whether it is tried where nobody names it; others seldom win and take long.
    is_fallback: for CPUs that another row of the same kind does not suit, which is better where it does.
    """

    name: str
    format: str
    precision: str
    prepare: str
    help: str
    needs_calibration: bool = False
    cpu: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    float_io: bool = True
    kept: str = "f32"
    competes: bool = True
    is_fallback: bool = False

    @property
    def is_for_size(self) -> bool:
        """Whether weights alone are smaller and the arithmetic stays as it is: no layer is faster for it."""
        return self.precision in {"w8", "w4", "f16"}

    @property
    def saturates(self) -> bool:
        """Whether sums of products may overflow 16 bits on x86 without VNNI; `reduce_range` prevents it."""
        return self.format == "onnx" and self.precision in {"int8", "int8-sym", "int8-dynamic"}

    def load_prepare(self) -> Prepare:
        """The function that makes a model ready, with the row's options."""
        module, _, function = self.prepare.partition(":")
        prepare: Prepare = functools.partial(
            getattr(importlib.import_module(module, __package__), function), **self.options
        )
        return prepare


_HERE = "edgeai_exporters.schemes"

# In order of preference. A scheme is one file and a row here; tests/exporters/test_scheme_contract.py takes
# it up.
SCHEMES: tuple[Scheme, ...] = (
    Scheme(
        "int8-static",
        "onnx",
        "int8",
        f"{_HERE}.onnx_static:prepare",
        "weights s8, activations u8 by their least and greatest value in the calibration data",
        needs_calibration=True,
    ),
    Scheme(
        "int8-static-layers",
        "onnx",
        "int8",
        f"{_HERE}.onnx_static:prepare",
        "the same for layers with weights alone: what lies between them stays in float, and is more exact",
        needs_calibration=True,
        options={"follow": False},
    ),
    Scheme(
        "int8-static-percentile",
        "onnx",
        "int8",
        f"{_HERE}.onnx_static:prepare",
        "as int8-static, without the outermost 0.001 % of values",
        needs_calibration=True,
        options={"method": "percentile"},
        competes=False,
    ),
    Scheme(
        "int8-static-entropy",
        "onnx",
        "int8",
        f"{_HERE}.onnx_static:prepare",
        "as int8-static, with the ranges that lose the least information",
        needs_calibration=True,
        options={"method": "entropy"},
        competes=False,
    ),
    Scheme(
        "int8-static-sym",
        "onnx",
        "int8-sym",
        f"{_HERE}.onnx_static:prepare",
        "weights and activations s8 with zero point 0: Arm",
        needs_calibration=True,
        options={"activations": "s8"},
    ),
    Scheme(
        "int8-static-tensorrt",
        "onnx",
        "int8-sym",
        f"{_HERE}.onnx_static:prepare",
        "weights and activations s8 with zero point 0, biases f32: TensorRT",
        needs_calibration=True,
        options={"activations": "s8", "float_bias": True, "follow": False},
    ),
    Scheme(
        "int8-dynamic",
        "onnx",
        "int8-dynamic",
        f"{_HERE}.onnx_dynamic:prepare",
        "weights of MatMul, Gemm and embeddings s8, activations u8 by what they hold at each run",
    ),
    Scheme(
        "int8-dynamic-smooth",
        "onnx",
        "int8-dynamic",
        f"{_HERE}.onnx_dynamic:prepare",
        "the same, with uneven channels evened out first",
        needs_calibration=True,
        options={"smoothed": True},
    ),
    Scheme(
        "int8-mixed",
        "onnx",
        "int8-dynamic",
        f"{_HERE}.onnx_dynamic:prepare",
        "as int8-dynamic-smooth; layers that do not bear it have weights of 8 bits in blocks, not float",
        needs_calibration=True,
        options={"smoothed": True, "mixed": True},
        kept="w8",
        competes=False,
    ),
    Scheme(
        "int8-weights",
        "onnx",
        "w8",
        f"{_HERE}.onnx_nbits:prepare",
        "weights of MatMul and Gemm of 8 bits in blocks of 32, embeddings s8: nearly exact, small",
        options={"bits": 8, "block": 32},
    ),
    Scheme(
        "int4-weights",
        "onnx",
        "w4",
        f"{_HERE}.onnx_nbits:prepare",
        "weights of MatMul and Gemm of 4 bits in blocks of 32, embeddings s8: smallest",
        options={"bits": 4, "block": 32},
    ),
    Scheme(
        "f16",
        "onnx",
        "f16",
        f"{_HERE}.onnx_half:prepare",
        "f16 inside, f32 in and out: half the size; faster on GPUs",
    ),
    Scheme(
        "int8-static",
        "tflite",
        "int8",
        f"{_HERE}.tflite_quantizing:prepare",
        "weights and activations s8, inputs and outputs f32",
        needs_calibration=True,
        options={"kind": "static"},
    ),
    Scheme(
        "int8-static-io",
        "tflite",
        "int8",
        f"{_HERE}.tflite_quantizing:prepare",
        "the same with inputs and outputs s8, for accelerators and microcontrollers",
        needs_calibration=True,
        options={"kind": "static", "float_io": False},
        float_io=False,
    ),
    Scheme(
        "int8-dynamic",
        "tflite",
        "int8-dynamic",
        f"{_HERE}.tflite_quantizing:prepare",
        "weights s8, activations s8 row by row by what they hold at each run",
        options={"kind": "dynamic"},
    ),
    Scheme(
        "int16x8",
        "tflite",
        "int16x8",
        f"{_HERE}.tflite_quantizing:prepare",
        "weights s8, activations s16, inputs and outputs f32: nearly exact; slow on CPUs, for NPUs",
        needs_calibration=True,
        options={"kind": "static", "activation_bits": 16},
        competes=False,
    ),
    Scheme(
        "int8-weights",
        "tflite",
        "w8",
        f"{_HERE}.tflite_quantizing:prepare",
        "weights s8, computed in float",
        options={"kind": "weights"},
    ),
    Scheme(
        "int4-weights",
        "tflite",
        "w4",
        f"{_HERE}.tflite_quantizing:prepare",
        "weights s4, computed in float: smallest",
        options={"kind": "weights", "bits": 4},
    ),
    Scheme(
        "f16",
        "tflite",
        "f16",
        f"{_HERE}.tflite_quantizing:prepare",
        "weights f16, computed in float: half the size",
        options={"kind": "weights", "bits": 16},
    ),
)
