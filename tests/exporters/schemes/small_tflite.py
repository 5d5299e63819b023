"""A small TFLite model written with the format's own schema: two convolutions, a mean and a fully connected
layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
WIDTH, CLASSES, SIDE = 32, 600, 16


def cnn(out: Path) -> Path:
    """x[1,16,16,3] -> y[1,600]: CONV_2D with RELU, DEPTHWISE_CONV_2D with RELU, CONV_2D, MEAN,
    FULLY_CONNECTED."""
    rng = np.random.default_rng(0)

    def weight(*shape: int, fan: int) -> Array:
        return (rng.standard_normal(shape) * np.sqrt(2 / fan)).astype(np.float32)

    file = _File()
    x = file.tensor("x", [1, SIDE, SIDE, 3])
    one = file.convolution("one", x, 3, weight(WIDTH, 3, 3, 3, fan=27))
    two = file.depthwise("two", one, weight(1, 3, 3, WIDTH, fan=9))
    three = file.convolution("three", two, WIDTH, weight(WIDTH, 1, 1, WIDTH, fan=WIDTH))
    mean = file.mean("mean", three)
    y = file.fully_connected("y", mean, weight(CLASSES, WIDTH, fan=WIDTH))
    out.write_bytes(file.finish(x, y))
    return out


def images(count: int, seed: int = 1) -> list[dict[str, Array]]:
    """The pictures of `small_models.images`, f32 [1,16,16,3]."""
    from . import small_models

    return [
        {"x": np.ascontiguousarray(feed["x"].transpose(0, 2, 3, 1))}
        for feed in small_models.images(count, seed)
    ]


def weights(path: Path) -> dict[str, Array]:
    """The constant second inputs of operators, by the names of the operators' outputs."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(path.read_bytes(), 0))
    graph = model.subgraphs[0]
    found = {}
    for op in graph.operators:
        tensor = graph.tensors[op.inputs[1]] if len(op.inputs) > 1 else None
        if tensor is not None and model.buffers[tensor.buffer].data is not None:
            dtype = {0: np.float32, 1: np.float16, 9: np.int8}.get(tensor.type, np.uint8)
            name = graph.tensors[op.outputs[0]].name.decode()
            found[name] = np.frombuffer(bytes(model.buffers[tensor.buffer].data), dtype)
    return found


class _File:
    def __init__(self) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.schema: Any = schema
        self.buffers, self.tensors, self.operators, self.codes = [schema.BufferT()], [], [], []

    def tensor(self, name: str, shape: list[int], data: Array | None = None) -> int:
        tensor = self.schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, shape, 0
        tensor.type = 2 if data is not None and data.dtype == np.int32 else 0  # INT32, FLOAT32
        if data is not None:
            buffer = self.schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            self.buffers.append(buffer)
            tensor.buffer = len(self.buffers) - 1
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def operator(self, code: str, options: str, inputs: list[int], output: int, **values: Any) -> int:
        op, entry = self.schema.OperatorT(), self.schema.OperatorCodeT()
        entry.builtinCode = getattr(self.schema.BuiltinOperator, code)
        entry.deprecatedBuiltinCode, entry.version = min(entry.builtinCode, 127), 1
        self.codes.append(entry)
        op.opcodeIndex, op.inputs, op.outputs = len(self.codes) - 1, inputs, [output]
        op.builtinOptionsType = getattr(self.schema.BuiltinOptions, options)
        op.builtinOptions = getattr(self.schema, f"{options}T")()
        for name, value in values.items():
            setattr(op.builtinOptions, name, value)
        self.operators.append(op)
        return output

    def _bias(self, name: str, size: int) -> int:
        return self.tensor(f"{name}_bias", [size], np.linspace(-0.1, 0.1, size, dtype=np.float32))

    def convolution(self, name: str, x: int, _channels: int, weight: Array) -> int:
        inputs = [x, self.tensor(f"{name}_w", list(weight.shape), weight), self._bias(name, len(weight))]
        out = self.tensor(name, [1, SIDE, SIDE, len(weight)])
        return self.operator(
            "CONV_2D", "Conv2DOptions", inputs, out, strideH=1, strideW=1, fusedActivationFunction=1
        )

    def depthwise(self, name: str, x: int, weight: Array) -> int:
        inputs = [x, self.tensor(f"{name}_w", list(weight.shape), weight), self._bias(name, weight.shape[3])]
        out = self.tensor(name, [1, SIDE, SIDE, weight.shape[3]])
        return self.operator(
            "DEPTHWISE_CONV_2D",
            "DepthwiseConv2DOptions",
            inputs,
            out,
            strideH=1,
            strideW=1,
            depthMultiplier=1,
            fusedActivationFunction=1,
        )

    def mean(self, name: str, x: int) -> int:
        axes = self.tensor(f"{name}_axes", [2], np.array([1, 2], np.int32))
        return self.operator("MEAN", "ReducerOptions", [x, axes], self.tensor(name, [1, WIDTH]))

    def fully_connected(self, name: str, x: int, weight: Array) -> int:
        inputs = [x, self.tensor(f"{name}_w", list(weight.shape), weight), self._bias(name, len(weight))]
        out = self.tensor(name, [1, len(weight)])
        return self.operator("FULLY_CONNECTED", "FullyConnectedOptions", inputs, out)

    def finish(self, x: int, y: int) -> bytes:
        import flatbuffers

        graph, model, signature = self.schema.SubGraphT(), self.schema.ModelT(), self.schema.SignatureDefT()
        graph.name, graph.tensors, graph.operators = "main", self.tensors, self.operators
        graph.inputs, graph.outputs = [x], [y]
        signature.signatureKey, signature.subgraphIndex = "serving_default", 0
        signature.inputs, signature.outputs = [self._named("x", x)], [self._named("y", y)]
        model.version, model.description, model.buffers = 3, "small", self.buffers
        model.operatorCodes, model.subgraphs, model.signatureDefs = self.codes, [graph], [signature]
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _named(self, name: str, tensor: int) -> Any:
        entry = self.schema.TensorMapT()
        entry.name, entry.tensorIndex = name, tensor
        return entry
