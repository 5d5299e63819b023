"""Static int8 of ONNX: QuantizeLinear and DequantizeLinear around the layers, with ranges from
calibration."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnx import ModelProto
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from ..arrays import Feed
from ..passes.bias_of_quantized import bias_of_quantized
from .calibrating import calibrate
from .feeds import check_feeds
from .onnx_model import constants_into_initializers, read_onnx, unkept, weighted, write_onnx
from .onnx_quantizing import finished, ready

OPERATORS = ("Conv", "ConvTranspose", "MatMul", "Gemm")
"""What has weights: the layers that a search may keep."""
FOLLOWERS = (
    *(
        "Relu",
        "Clip",
        "LeakyRelu",
        "Sigmoid",
        "MaxPool",
        "AveragePool",
        "GlobalAveragePool",
        "Add",
        "Mul",
        "Concat",
    ),
    *("Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Pad", "Resize", "Slice", "Split"),
)
"""What ONNX Runtime's CPU kernels also do in 8 bits, where what comes in is 8 bits already: it saves going to
float and back between two layers."""


def prepare(
    model: Path,
    calibration: Sequence[Feed],
    *,
    activations: str = "u8",
    method: str = "minmax",
    per_channel: bool = True,
    reduce_range: bool = False,
    follow: bool = True,
    float_bias: bool = False,
) -> Static:
    """See `Prepare`. Weights are s8 and symmetric.

    activations: `u8` with a zero point, or `s8` with zero point 0 (TensorRT, Arm). method: see `calibrating`.
    reduce_range: weights of 7 bits, see `onnx_dynamic`. follow: whether operators between the layers are
    quantized too. float_bias: biases stay f32, as TensorRT wants them.
    """
    check_feeds(model, calibration, f"static int8 with {method}")
    ready_model = ready(constants_into_initializers(read_onnx(model)))
    ranges = calibrate(ready_model, calibration, method, (*OPERATORS, *FOLLOWERS))
    layers = tuple(name for name in weighted(ready_model, OPERATORS) if _is_known(ready_model, name, ranges))
    options = {
        "ActivationSymmetric": activations == "s8",
        "WeightSymmetric": True,
        "QuantizeBias": not float_bias,
        # The output of these in float is free of a second rounding, and ONNX Runtime has kernels for it.
        "OpTypesToExcludeOutputQuantization": ["MatMul", "Gemm"],
    }
    kind = QuantType.QInt8 if activations == "s8" else QuantType.QUInt8
    return Static(ready_model, layers, str(model), ranges, kind, per_channel, reduce_range, follow, options)


@dataclass(frozen=True)
class Static:
    """See `Prepared`."""

    model: ModelProto
    layers: tuple[str, ...]
    told: str
    ranges: Mapping[str, Any]
    activations: QuantType
    per_channel: bool
    reduce_range: bool
    follow: bool
    options: Mapping[str, Any]

    def write(self, out: Path, keep: Collection[str] = ()) -> None:
        """See `Prepared.write`."""
        write_onnx(finished(self.quantized(unkept(self.layers, keep, self.told))), out)

    def quantized(self, layers: Sequence[str]) -> ModelProto:
        """The model with these layers quantized."""
        model = ModelProto()
        model.CopyFrom(self.model)
        if not layers:
            return model
        nodes = _with_followers(model, layers, self.ranges) if self.follow else list(layers)
        quantizer = QDQQuantizer(
            model,
            self.per_channel,
            self.reduce_range,
            QuantType.QInt8,
            self.activations,
            dict(self.ranges),
            nodes,
            [],
            [*OPERATORS, *FOLLOWERS],
            dict(self.options),
        )
        quantizer.quantize_model()
        return bias_of_quantized(quantizer.model.model).model


def _is_known(model: ModelProto, layer: str, ranges: Mapping[str, Any]) -> bool:
    """Whether the layer's input and output have ranges; what a library could not infer a type of has none."""
    node = next(node for node in model.graph.node if node.name == layer)
    return node.input[0] in ranges and node.output[0] in ranges


def _with_followers(model: ModelProto, layers: Sequence[str], ranges: Mapping[str, Any]) -> list[str]:
    """The layers, and the operators all of whose inputs come, step by step, from nothing but quantized ones.

    So an operator behind a layer that is kept in float stays in float as well.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    chosen, quantized, names = set(layers), set[str](), []
    for node in model.graph.node:
        if node.name in chosen:
            names.append(node.name)
            if node.op_type not in {"MatMul", "Gemm"}:
                quantized.update(node.output)
        elif node.op_type in FOLLOWERS and not node.domain:
            data = [name for name in node.input if name and name not in constants]
            floats = [name for name in data if name in ranges]
            if floats and quantized.issuperset(floats) and all(name in ranges for name in node.output):
                names.append(node.name)
                quantized.update(node.output)
    return names
