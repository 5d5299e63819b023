"""Random ONNX graphs of convolutions, transposes and what runs in any order of axes."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import onnx
from onnx import helper

from tests.exporters.tflite.running import Array, model

CHANNELS = 4  # every axis but the batch is of this size, so that any two tensors can be joined


class Random:
    """A graph as it grows: names of tensors, each [2, 4, 4, 4] in whatever order the graph made."""

    def __init__(self, seed: int, size: int) -> None:
        self.rng, self.numbers = random.Random(seed), np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, Array] = {}
        self.tensors = ["x"]
        for _ in range(size):
            self.tensors.append(self._next())

    def model(self) -> onnx.ModelProto:
        """x[4,4,4,4] to the last three tensors."""
        names = list(dict.fromkeys(self.tensors[-3:]))
        shape = (CHANNELS,) * 4
        return model(self.nodes, {"x": shape}, dict.fromkeys(names, shape), self.constants)

    def _next(self) -> str:
        kinds = [self._conv, self._conv, self._transpose, self._unary, self._binary, self._by_constant]
        kinds += [self._concat, self._pad, self._mean, self._slice, self._split, self._softmax, self._matmul]
        return self.rng.choice(kinds)()

    def _pick(self) -> str:
        return self.rng.choice(self.tensors[-4:])

    def _constant(self, *shape: int) -> str:
        return self._kept(self.numbers.standard_normal(shape).astype(np.float32))

    def _kept(self, array: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(array)
        return name

    def _add(self, kind: str, inputs: list[str], outputs: int = 1, **attributes: Any) -> str:
        names = [f"t{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names[-1]

    def _conv(self) -> str:
        weights = self._constant(CHANNELS, CHANNELS, 3, 3)
        self.constants[weights] = self.constants[weights] / 6
        return self._add("Conv", [self._pick(), weights], pads=[1, 1, 1, 1])

    def _transpose(self) -> str:
        order = self.rng.sample(range(4), 4)
        return self._add("Transpose", [self._pick()], perm=order)

    def _unary(self) -> str:
        return self._add(self.rng.choice(["Relu", "Sigmoid", "Tanh", "Neg", "Abs"]), [self._pick()])

    def _binary(self) -> str:
        return self._add(self.rng.choice(["Add", "Sub", "Mul", "Max"]), [self._pick(), self._pick()])

    def _by_constant(self) -> str:
        shape = self.rng.choice([(), (4,), (4, 1, 1), (1, 4, 1, 1), (4, 4), (4, 1, 4, 1)])
        inputs = [self._pick(), self._constant(*shape)]
        return self._add(self.rng.choice(["Add", "Sub", "Mul"]), self.rng.sample(inputs, 2))

    def _concat(self) -> str:
        axis = self.rng.randrange(4)
        joined = self._add("Concat", [self._pick(), self._pick()], axis=axis)
        start = self.rng.randrange(5)
        bounds = [self._kept(np.array([value])) for value in (start, start + 4, axis)]
        return self._add("Slice", [joined, *bounds])

    def _pad(self) -> str:
        axis, before = self.rng.randrange(4), self.rng.randrange(3)
        pads = np.zeros(8, np.int64)
        pads[axis], pads[axis + 4] = before, 1
        mode = self.rng.choice(["constant", "reflect"])
        padded = self._add("Pad", [self._pick(), self._kept(pads)], mode=mode)
        bounds = [self._kept(np.array([value])) for value in (1, 5, axis)] if before else None
        bounds = bounds or [self._kept(np.array([value])) for value in (0, 4, axis)]
        return self._add("Slice", [padded, *bounds])

    def _mean(self) -> str:
        axes = self._kept(np.array(sorted(self.rng.sample(range(4), self.rng.randint(1, 2)))))
        x = self._pick()
        return self._add("Mul", [x, self._add("ReduceMean", [x, axes], keepdims=1)])

    def _slice(self) -> str:
        axis = self.rng.randrange(4)
        bounds = [self._kept(np.array([value])) for value in (-1, -5, axis, -1)]
        return self._add("Slice", [self._pick(), *bounds])

    def _split(self) -> str:
        axis = self.rng.randrange(4)
        half = self._add("Split", [self._pick()], outputs=2, axis=axis, num_outputs=2)
        return self._add("Concat", [half, half.replace("_1", "_0")], axis=axis)

    def _softmax(self) -> str:
        return self._add("Softmax", [self._pick()], axis=self.rng.randrange(4))

    def _matmul(self) -> str:
        return self._add("MatMul", [self._pick(), self._constant(CHANNELS, CHANNELS)])
