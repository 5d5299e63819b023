"""Writes the models of tflite-runtime's self-test, and the outputs that they must give.

    python tests/edge/backends/make_selftest_models.py

run in the checkout with `pip install 'edgeai[tflite]'`, writes `edge/edgeai/backends/selftest/`: a model
of one operator for each kind of quantized operator, and `expected.json`. The expected outputs are computed
by the numpy code below in float64 from the dequantized weights; `litert` says whether ai-edge-litert agrees.
Weights and inputs are patterns of integers, and scales are small integers times a power of two, so that every
machine writes the same bytes.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SELFTEST = Path(__file__).parents[3] / "edge" / "edgeai" / "backends" / "selftest"
# An error as a share of the greatest expected value. Quantizing the activations to int8 costs up to .03;
# kernels that are wrong were off by .8 or more.
TOLERANCE = 0.05

_OPERATORS = schema.BuiltinOperator
_TYPES = {
    "f32": schema.TensorType.FLOAT32,
    "i32": schema.TensorType.INT32,
    "i8": schema.TensorType.INT8,
    "i4": schema.TensorType.INT4,
}
_STEP = 2.0**-10
_KERNEL = 2


@dataclass(frozen=True)
class Weights:
    """Integers and their scales, one for all or one for each channel along `axis`."""

    values: np.ndarray
    dtype: str
    scales: np.ndarray
    axis: int

    @property
    def real(self) -> np.ndarray:
        """The numbers that they stand for."""
        sizes = [1] * self.values.ndim
        sizes[self.axis] = -1
        return self.values * self.scales.reshape(sizes)


@dataclass(frozen=True)
class Case:
    """A model of one operator, its input and the right output, both as the file's tensors hold them."""

    name: str
    model: bytes
    input: np.ndarray
    expected: np.ndarray


class Writer:
    """A TFLite file with one chain of operators."""

    def __init__(self) -> None:
        self._model = schema.ModelT()
        self._model.version = 3
        self._model.buffers, self._model.operatorCodes = [schema.BufferT()], []
        self._graph = schema.SubGraphT()
        self._graph.tensors, self._graph.operators = [], []

    def tensor(
        self,
        name: str,
        dtype: str,
        shape: Sequence[int],
        data: np.ndarray | None = None,
        *,
        scales: Sequence[float] = (),
        zero_point: int = 0,
        axis: int = 0,
    ) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.type, tensor.shape, tensor.buffer = name, _TYPES[dtype], list(shape), 0
        if data is not None:
            buffer = schema.BufferT()
            packed = _pack_int4(data) if dtype == "i4" else data
            buffer.data = np.frombuffer(packed.tobytes(), np.uint8)
            tensor.buffer = len(self._model.buffers)
            self._model.buffers.append(buffer)
        if len(scales):
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = [float(scale) for scale in scales]
            tensor.quantization.zeroPoint = [zero_point] * len(scales)
            tensor.quantization.quantizedDimension = axis
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def weights(self, name: str, weights: Weights) -> int:
        axis = weights.axis if len(weights.scales) > 1 else 0  # as converters write it; depthwise insists
        values = weights.values
        return self.tensor(name, weights.dtype, values.shape, values, scales=weights.scales, axis=axis)

    def operator(self, name: str, inputs: list[int], output: int) -> None:
        """`name` as in the schema's list.

        The version stays 1, as litert-quantizer 0.11 leaves it. A converter that writes the version in which
        such weights came in gets a refusal from the library itself: 2.14 has FULLY_CONNECTED up to 10.
        """
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(_OPERATORS, name)
        code.version = 1
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self._model.operatorCodes)
        operator.inputs, operator.outputs = inputs, [output]
        operator.builtinOptionsType, operator.builtinOptions = _options(name)
        self._model.operatorCodes.append(code)
        self._graph.operators.append(operator)

    def finish(self, inputs: list[int], outputs: list[int]) -> bytes:
        self._graph.inputs, self._graph.outputs = inputs, outputs
        self._model.subgraphs = [self._graph]
        return _pack(self._model)


def cases() -> Iterator[Case]:
    """One case for each kind of quantized operator that the self-test knows."""
    for scales in ("channel", "tensor"):
        for dtype in ("i8", "i4"):
            yield _float_case("FULLY_CONNECTED", dtype, scales)
            yield _float_case("CONV_2D", dtype, scales)
        yield _float_case("DEPTHWISE_CONV_2D", "i8", scales)
        yield _float_case("BATCH_MATMUL", "i8", scales)
        yield _lookup_case(scales)
        for operator in ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D"):
            yield _static_case(operator, scales)


def cnn(scales: str | None) -> bytes:
    """A convolution and a dense layer, f32[1,4,4,8] -> f32[1,10], as dynamic-range quantization leaves them.

    scales: "channel" or "tensor" for int8 weights, None for float weights.
    """
    writer = Writer()
    image = writer.tensor("image", "f32", [1, 4, 4, 8])
    features = writer.tensor("features", "f32", [1, 4, 4, 8])
    scores = writer.tensor("scores", "f32", [1, 10])
    kernel = _pattern_weights([8, _KERNEL, _KERNEL, 8], 0, "i8", scales or "tensor")
    dense = _pattern_weights([10, 128], 0, "i8", scales or "tensor")
    for operator, name, weights, source, target in (
        ("CONV_2D", "conv/kernel", kernel, image, features),
        ("FULLY_CONNECTED", "dense/kernel", dense, features, scores),
    ):
        if scales:
            tensor = writer.weights(name, weights)
        else:
            tensor = writer.tensor(name, "f32", weights.values.shape, weights.real.astype(np.float32))
        bias = writer.tensor("bias", "f32", [len(weights.values)], np.zeros(len(weights.values), np.float32))
        writer.operator(operator, [source, tensor, bias], target)
    return writer.finish([image], [scores])


def with_subgraph_of(model: bytes, other: bytes) -> bytes:
    """A model with the main graph of another as a second subgraph, which nothing calls."""
    first, second = (schema.ModelT.InitFromPackedBuf(file, 0) for file in (model, other))
    graph = second.subgraphs[0]
    for tensor in graph.tensors:
        tensor.buffer += len(first.buffers)
    for operator in graph.operators:
        operator.opcodeIndex += len(first.operatorCodes)
    first.buffers += second.buffers
    first.operatorCodes += second.operatorCodes
    first.subgraphs.append(graph)
    return _pack(first)


def main() -> None:
    """Write the folder anew."""
    for stale in SELFTEST.glob("*"):
        stale.unlink()
    SELFTEST.mkdir(exist_ok=True)
    every = list(cases())
    for case in every:
        (SELFTEST / f"{case.name}.tflite").write_bytes(case.model)
    (SELFTEST / "expected.json").write_text(expectations(every))


def expectations(every: list[Case]) -> str:
    """The text of `expected.json`: one line for all inputs, one for each kind."""
    lines = [f'"input": {json.dumps(_pattern(48).tolist())}']
    for case in every:
        facts = {
            "litert": bool(error(case, run_litert(case.model, case.input)) <= TOLERANCE),
            "expected": [float(f"{value:.4g}") for value in case.expected.ravel()],
        }
        lines.append(f"{json.dumps(case.name)}: {json.dumps(facts)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def error(case: Case, output: np.ndarray) -> float:
    """Greatest difference as a share of the greatest expected value; NaN stays NaN."""
    difference = np.abs(output.astype(np.float64) - case.expected).max()
    return float(difference / np.abs(case.expected).max())


def run_litert(model: bytes, value: np.ndarray) -> np.ndarray:
    """The output of a model with one input and one output."""
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], value)
    interpreter.invoke()
    output: np.ndarray = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return output


def _float_case(operator: str, dtype: str, scales: str) -> Case:
    """Float activations against integer weights ("hybrid"), as dynamic-range quantization leaves them."""
    weights = _pattern_weights(*_weight_shape(operator), dtype, scales)
    value = _pattern_input(operator).astype(np.float32)
    bias = None if operator == "BATCH_MATMUL" else np.arange(_channels(weights), dtype=np.float32) - 4
    expected = _compute(operator, value.astype(np.float64), weights.real, bias)
    writer = Writer()
    tensors = [writer.tensor("x", "f32", value.shape), writer.weights("w", weights)]
    if bias is not None:
        tensors.append(writer.tensor("b", "f32", bias.shape, bias))
    output = writer.tensor("y", "f32", expected.shape)
    writer.operator(operator, tensors, output)
    model = writer.finish([tensors[0]], [output])
    return Case(_name(operator, "f32", dtype, scales), model, value, expected)


def _static_case(operator: str, scales: str) -> Case:
    """Integers all the way, as static quantization leaves them."""
    weights = _pattern_weights(*_weight_shape(operator), "i8", scales)
    value = _pattern_input(operator).astype(np.int8)
    scale, zero_point = 2.0**-3, 3
    bias = (np.arange(_channels(weights)) * 40 - 150).astype(np.int32)
    real = _compute(
        operator, (value - float(zero_point)) * scale, weights.real, bias * weights.scales * scale
    )
    output_scale, output_zero = 2.0 ** math.ceil(math.log2(np.abs(real).max() / 100)), -2
    expected = np.clip(np.round(real / output_scale) + output_zero, -128, 127)
    writer = Writer()
    tensors = [
        writer.tensor("x", "i8", value.shape, scales=[scale], zero_point=zero_point),
        writer.weights("w", weights),
        writer.tensor("b", "i32", bias.shape, bias, scales=weights.scales * scale),
    ]
    output = writer.tensor("y", "i8", expected.shape, scales=[output_scale], zero_point=output_zero)
    writer.operator(operator, tensors, output)
    model = writer.finish([tensors[0]], [output])
    return Case(_name(operator, "i8", "i8", scales), model, value, expected)


def _lookup_case(scales: str) -> Case:
    weights = _pattern_weights([8, 6], 0, "i8", scales)
    ids = (_pattern(3) % 8).astype(np.int32)
    writer = Writer()
    x, table = writer.tensor("x", "i32", ids.shape), writer.weights("w", weights)
    y = writer.tensor("y", "f32", [3, 6])
    writer.operator("EMBEDDING_LOOKUP", [x, table], y)
    model = writer.finish([x], [y])
    return Case(_name("EMBEDDING_LOOKUP", "i32", "i8", scales), model, ids, weights.real[ids])


def _name(operator: str, activations: str, weights: str, scales: str) -> str:
    return f"{operator.lower()}-{activations}-{weights}-{scales}"


def _weight_shape(operator: str) -> tuple[list[int], int]:
    """Shape, and the axis of the output channels."""
    return {
        "FULLY_CONNECTED": ([6, 20], 0),
        "CONV_2D": ([6, _KERNEL, _KERNEL, 4], 0),
        "DEPTHWISE_CONV_2D": ([1, _KERNEL, _KERNEL, 12], 3),
        "BATCH_MATMUL": ([1, 12, 6], 2),
    }[operator]


def _pattern_input(operator: str) -> np.ndarray:
    shape = {
        "FULLY_CONNECTED": [2, 20],
        "CONV_2D": [1, 2, 3, 4],
        "DEPTHWISE_CONV_2D": [1, 2, 2, 12],
        "BATCH_MATMUL": [1, 2, 12],
    }[operator]
    return _pattern(math.prod(shape)).reshape(shape)


def _pattern(size: int) -> np.ndarray:
    index = np.arange(size)
    return (index * 37 + index * index * 5) % 101 - 50


def _pattern_weights(shape: list[int], axis: int, dtype: str, scales: str) -> Weights:
    index = np.arange(math.prod(shape))
    levels = 127 if dtype == "i8" else 7
    values = ((index * 53 + index * index * 7) % (2 * levels + 1) - levels).astype(np.int8).reshape(shape)
    # Scales that differ by the number of channels: taking one for another is seen at once.
    steps = np.arange(1, shape[axis] + 1) if scales == "channel" else np.array([3])
    return Weights(values, dtype, (steps * _STEP).astype(np.float32), axis)


def _channels(weights: Weights) -> int:
    return int(weights.values.shape[weights.axis])


def _compute(operator: str, x: np.ndarray, w: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    if operator == "BATCH_MATMUL":
        return np.asarray(x @ w)
    assert bias is not None
    if operator == "FULLY_CONNECTED":
        return np.asarray(x @ w.T + bias)
    # SAME with a kernel of 2 pads one row below and one column to the right.
    padded = np.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)))
    height, width = x.shape[1:3]
    total: Any = bias
    for row in range(_KERNEL):
        for column in range(_KERNEL):
            window = padded[:, row : row + height, column : column + width]
            kernel = w[:, row, column]
            total = total + (window @ kernel.T if operator == "CONV_2D" else window * kernel[0])
    return np.asarray(total)


def _options(operator: str) -> tuple[int, Any]:
    kinds = schema.BuiltinOptions
    if operator == "FULLY_CONNECTED":
        return kinds.FullyConnectedOptions, schema.FullyConnectedOptionsT()
    if operator == "BATCH_MATMUL":
        return kinds.BatchMatMulOptions, schema.BatchMatMulOptionsT()
    if operator == "EMBEDDING_LOOKUP":
        return kinds.NONE, None
    depthwise = operator == "DEPTHWISE_CONV_2D"
    options = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
    options.padding = schema.Padding.SAME
    options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
    if depthwise:
        options.depthMultiplier = 1
    return (kinds.DepthwiseConv2DOptions if depthwise else kinds.Conv2DOptions), options


def _pack(model: schema.ModelT) -> bytes:
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _pack_int4(values: np.ndarray) -> np.ndarray:
    """Two in a byte, the first in the low half."""
    halves = values.ravel().astype(np.uint8) & 15
    return np.asarray(halves[0::2] | (halves[1::2] << 4))


if __name__ == "__main__":
    main()
