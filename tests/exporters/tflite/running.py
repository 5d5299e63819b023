"""Runs TFLite files with LiteRT itself, and ONNX models with ONNX Runtime, one thread each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.schema_py_generated import BuiltinOperator, Model, ModelT
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Array = NDArray[Any]
Feeds = Mapping[str, Array]


class LiteRT:
    """A TFLite file, ready to run."""

    def __init__(self, path: Path, shapes: Mapping[str, tuple[int, ...]] | None = None) -> None:
        self._interpreter = Interpreter(model_path=str(path), num_threads=1)
        signature = self._interpreter._get_full_signature_list()["serving_default"]
        self._inputs, self._outputs = signature["inputs"], signature["outputs"]
        for name, shape in (shapes or {}).items():
            self._interpreter.resize_tensor_input(self._inputs[name], shape)
        self._interpreter.allocate_tensors()

    def run(self, feeds: Feeds) -> dict[str, Array]:
        for name, index in self._inputs.items():
            self._interpreter.set_tensor(index, feeds[name])
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(index) for name, index in self._outputs.items()}


def run_onnx(model: onnx.ModelProto | Path, feeds: Feeds) -> dict[str, Array]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    source = str(model) if isinstance(model, Path) else model.SerializeToString()
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))


def operators(path: Path) -> list[tuple[str, Any]]:
    """Operators of the main graph in order, as the schema spells them, with their options."""
    model = ModelT.InitFromObj(Model.GetRootAs(path.read_bytes()))
    names = {value: key for key, value in vars(BuiltinOperator).items() if isinstance(value, int)}
    codes = [names[code.builtinCode] for code in model.operatorCodes]
    return [(codes[op.opcodeIndex], op.builtinOptions) for op in model.subgraphs[0].operators]


def codes(path: Path) -> list[str]:
    return [code for code, _ in operators(path)]


def model(
    nodes: list[onnx.NodeProto],
    inputs: Mapping[str, tuple[int | str, ...]],
    outputs: Mapping[str, tuple[int | str, ...]],
    constants: Mapping[str, Array] | None = None,
    opset: int = 18,
) -> onnx.ModelProto:
    """A small ONNX model of f32 tensors."""
    graph = helper.make_graph(
        nodes,
        "small",
        [
            helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
            for name, shape in inputs.items()
        ],
        [
            helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
            for name, shape in outputs.items()
        ],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    onnx.checker.check_model(made)
    return made


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
