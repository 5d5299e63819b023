"""Costs of whole graphs against what ONNX Runtime really computes, and against liveness by brute force."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, shape_inference

from edgeai.graph.costs import costs

Arrays = Mapping[str, NDArray[Any]]

FEEDS: dict[str, Callable[[], dict[str, NDArray[Any]]]] = {
    "ppocr-cls": lambda: {"x": np.zeros((1, 3, 48, 192), np.float32)},
    "ppocr-rec": lambda: {"x": np.zeros((2, 3, 48, 160), np.float32)},
    "ppocr-det": lambda: {"x": np.zeros((1, 3, 96, 160), np.float32)},
    "magika": lambda: {"bytes": np.zeros((3, 2048), np.int32)},
    "basic-pitch-onnx": lambda: {"serving_default_input_2:0": np.zeros((1, 43844, 1), np.float32)},
}


@pytest.fixture(params=list(FEEDS))
def ran(
    request: pytest.FixtureRequest, public_model: Callable[[str], Path], tmp_path: Path
) -> tuple[Path, onnx.ModelProto, dict[str, NDArray[Any]]]:
    """A model as a file that says its shapes, and every array that there was in a run of it."""
    feed = FEEDS[request.param]()
    model = onnx.load(public_model(request.param))
    for value in model.graph.input:
        if value.name in feed:
            value.type.tensor_type.shape.ClearField("dim")
            for size in feed[value.name].shape:
                value.type.tensor_type.shape.dim.add(dim_value=size)
    kept = {value.name for value in model.graph.output}
    names = [name for node in model.graph.node for name in node.output if name]
    tapped = onnx.ModelProto()
    tapped.CopyFrom(model)
    tapped.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in kept)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        tapped.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    outputs = [output.name for output in session.get_outputs()]
    arrays = dict(zip(outputs, session.run(None, feed), strict=True)) | feed
    inferred = shape_inference.infer_shapes(model)
    del inferred.graph.value_info[:]
    inferred.graph.value_info.extend(
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(arrays[name].dtype), arrays[name].shape
        )
        for name in names
        if name not in kept
    )
    for value in inferred.graph.output:
        value.CopyFrom(helper.make_tensor_value_info(value.name, TensorProto.FLOAT, arrays[value.name].shape))
    onnx.save(inferred, tmp_path / "described.onnx")
    return tmp_path / "described.onnx", model, arrays


def by_hand(model: onnx.ModelProto, arrays: Arrays) -> int:
    """Multiply-accumulates, by what the operators' documentation says that they compute."""
    shapes = {name: array.shape for name, array in arrays.items()}
    shapes |= {weight.name: tuple(weight.dims) for weight in model.graph.initializer}
    total = 0
    for node in model.graph.node:
        out = shapes[node.output[0]]
        if node.op_type == "Conv":
            total += math.prod(out) * math.prod(shapes[node.input[1]][1:])
        elif node.op_type == "ConvTranspose":
            total += math.prod(shapes[node.input[0]]) * math.prod(shapes[node.input[1]][1:])
        elif node.op_type == "MatMul":
            total += math.prod(out) * shapes[node.input[0]][-1]
        elif node.op_type == "Gemm":
            turned = any(each.name == "transA" and each.i for each in node.attribute)
            total += math.prod(out) * shapes[node.input[0]][0 if turned else 1]
        else:
            assert node.op_type not in {"LSTM", "GRU", "RNN", "Einsum", "If", "Loop"}
    return total


def without_sharing(model: onnx.ModelProto, arrays: Arrays) -> tuple[int, int]:
    """Bytes that are alive at once where nothing shares memory, and the most that one operator touches.

    Constants, and what is computed of them alone, count as well where they are arrays of the run.
    """
    nodes = list(model.graph.node)
    ends = [value.name for value in (*model.graph.input, *model.graph.output)]
    first = {name: -1 for name in ends if name not in {out for node in nodes for out in node.output}}
    last = dict.fromkeys(ends, len(nodes))
    for index, node in enumerate(nodes):
        for name in node.output:
            first.setdefault(name, index)
            last[name] = max(last.get(name, index), index)
        for name in node.input:
            last[name] = max(last.get(name, index), index)
    made_of_constants = {name for node in nodes if node.op_type == "Constant" for name in node.output}
    sizes = {name: array.nbytes for name, array in arrays.items() if name not in made_of_constants}
    highest = touched = 0
    for index, node in enumerate(nodes):
        alive = (name for name in first if first[name] <= index <= last[name])
        highest = max(highest, sum(sizes.get(name, 0) for name in alive))
        if node.op_type in {"Conv", "MatMul", "Gemm", "Concat", "Transpose", "ConvTranspose"}:
            touched = max(touched, sum(sizes.get(name, 0) for name in {*node.input, *node.output}))
    return highest, touched


def test_multiply_accumulates_are_those_of_the_arrays_that_a_run_computes(
    ran: tuple[Path, onnx.ModelProto, dict[str, NDArray[Any]]],
) -> None:
    path, model, arrays = ran
    found = costs(path)
    assert found.unavailable == {}
    assert found.multiply_accumulates == by_hand(model, arrays)


def test_activations_lie_between_one_operators_and_what_no_sharing_would_take(
    ran: tuple[Path, onnx.ModelProto, dict[str, NDArray[Any]]],
) -> None:
    path, model, arrays = ran
    highest, touched = without_sharing(model, arrays)
    found = costs(path).activation_bytes
    assert found is not None
    assert touched <= found <= highest


@pytest.mark.parametrize("seed", range(30))
def test_liveness_of_made_up_graphs_is_that_of_brute_force(seed: int, tmp_path: Path) -> None:
    """Concat neither shares memory nor works in place, so that every value has its own."""
    draw = random.Random(seed)
    sizes, nodes = {"x": draw.randint(1, 50)}, []
    for index in range(draw.randint(2, 25)):
        inputs = draw.choices(list(sizes)[-6:], k=draw.randint(1, 3))
        nodes.append(helper.make_node("Concat", inputs, [f"v{index}"], axis=0))
        sizes[f"v{index}"] = sum(sizes[name] for name in inputs)
    outputs = {nodes[-1].output[0], draw.choice(nodes).output[0]}

    def value(name: str) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [sizes[name]])

    between = [value(name) for name in sizes if name not in outputs | {"x"}]
    graph = helper.make_graph(nodes, "g", [value("x")], [value(name) for name in outputs], value_info=between)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "a.onnx")
    arrays = {name: np.zeros(size, np.float32) for name, size in sizes.items()}
    assert costs(tmp_path / "a.onnx").activation_bytes == without_sharing(model, arrays)[0]
