"""Small generated ONNX models whose layers are large enough to shrink: a CNN, and MatMuls between
normalisations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

Array = NDArray[Any]


def save(model: ModelProto, path: Path) -> Path:
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return path


def model_of(
    nodes: list[Any], inputs: dict[str, list[Any]], outputs: dict[str, list[Any]], weights: dict[str, Array]
) -> ModelProto:
    """f32 in and out, opset 17, IR 8."""
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def cnn(width: int = 32, seed: int = 0) -> ModelProto:
    """x[N,3,H,W] -> y[N,600]: convolutions, one depthwise, a residual, a pool and a Gemm; its nodes have no
    names."""
    rng = np.random.default_rng(seed)

    def weight(*shape: int) -> Array:
        return (rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))).astype(np.float32)

    weights = {
        "w1": weight(width, 3, 3, 3),
        "w2": weight(width, 1, 3, 3),
        "w3": weight(width, width, 3, 3),
        "w4": weight(width, width, 1, 1),
        "w5": weight(600, width),
        **{f"b{n}": rng.standard_normal(width).astype(np.float32) * 0.1 for n in (1, 2, 3, 4)},
        "b5": rng.standard_normal(600).astype(np.float32) * 0.1,
    }
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "w1", "b1"], ["c1"], pads=[1] * 4),
        node("Relu", ["c1"], ["r1"]),
        node("Conv", ["r1", "w2", "b2"], ["c2"], pads=[1] * 4, group=width),
        node("Relu", ["c2"], ["r2"]),
        node("Conv", ["r2", "w3", "b3"], ["c3"], pads=[1] * 4),
        node("Conv", ["c3", "w4", "b4"], ["c4"]),
        node("Add", ["c4", "r1"], ["a"]),
        node("GlobalAveragePool", ["a"], ["g"]),
        node("Flatten", ["g"], ["f"]),
        node("Gemm", ["f", "w5", "b5"], ["y"], transB=1),
    ]
    return model_of(nodes, {"x": ["N", 3, "H", "W"]}, {"y": ["N", 600]}, weights)


def feed_forward(width: int = 64, depth: int = 2, seed: int = 0) -> ModelProto:
    """x[N,T,width] -> y[N,T,width]: residual blocks of normalisation, MatMul, bias, GELU by Erf, MatMul,
    bias."""
    rng = np.random.default_rng(seed)
    nodes, now = [], "x"
    weights: dict[str, Array] = {
        name: np.array(value, np.float32) for name, value in (("half", 0.5), ("one", 1), ("root", np.sqrt(2)))
    }
    node = helper.make_node
    for n in range(depth):
        weights |= {
            f"g{n}": rng.uniform(0.5, 1.5, width).astype(np.float32),
            f"o{n}": rng.standard_normal(width).astype(np.float32) * 0.1,
            f"u{n}": (rng.standard_normal((width, 4 * width)) / np.sqrt(width)).astype(np.float32),
            f"d{n}": (rng.standard_normal((4 * width, width)) / np.sqrt(4 * width)).astype(np.float32),
            f"ub{n}": rng.standard_normal(4 * width).astype(np.float32) * 0.1,
            f"db{n}": rng.standard_normal(width).astype(np.float32) * 0.1,
        }
        nodes += [
            node("LayerNormalization", [now, f"g{n}", f"o{n}"], [f"n{n}"], f"norm{n}", axis=-1),
            node("MatMul", [f"n{n}", f"u{n}"], [f"m{n}"], f"up{n}"),
            node("Add", [f"m{n}", f"ub{n}"], [f"h{n}"], f"up_bias{n}"),
            node("Div", [f"h{n}", "root"], [f"e{n}"], f"scale{n}"),
            node("Erf", [f"e{n}"], [f"f{n}"], f"erf{n}"),
            node("Add", [f"f{n}", "one"], [f"p{n}"], f"plus{n}"),
            node("Mul", ["half", f"p{n}"], [f"q{n}"], f"halve{n}"),
            node("Mul", [f"h{n}", f"q{n}"], [f"a{n}"], f"gelu{n}"),
            node("MatMul", [f"a{n}", f"d{n}"], [f"k{n}"], f"down{n}"),
            node("Add", [f"k{n}", f"db{n}"], [f"l{n}"], f"down_bias{n}"),
            node("Add", [f"l{n}", now], [f"y{n}"], f"residual{n}"),
        ]
        now = f"y{n}"
    nodes[-1].output[0] = "y"
    return model_of(nodes, {"x": ["N", "T", width]}, {"y": ["N", "T", width]}, weights)


def images(count: int, seed: int = 1, size: tuple[int, int] = (16, 16)) -> list[dict[str, Array]]:
    """Smooth pictures for `cnn`, each of other brightness; f32 [1,3,H,W]."""
    rng = np.random.default_rng(seed)
    coarse = rng.standard_normal((count, 1, 3, 4, 4)).astype(np.float32)
    grown = coarse.repeat(size[0] // 4, axis=3).repeat(size[1] // 4, axis=4)
    return [{"x": picture} for picture in grown]


def sequences(count: int, width: int = 64, seed: int = 1) -> list[dict[str, Array]]:
    """Sequences of 3 to 9 steps for `feed_forward`; f32 [1,T,width]."""
    rng = np.random.default_rng(seed)
    return [
        {"x": rng.standard_normal((1, rng.integers(3, 10), width)).astype(np.float32)} for _ in range(count)
    ]


def weights(path: Path) -> dict[str, Array]:
    """The constant second inputs of nodes, by the nodes' names."""
    from edgeai_exporters.passes.name_nodes import name_nodes

    graph = name_nodes(onnx.load(path)).model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    return {
        node.name: constants[node.input[1]]
        for node in graph.node
        if len(node.input) > 1 and node.input[1] in constants
    }


def attention(width: int = 64, heads: int = 4, seed: int = 0) -> ModelProto:
    """x[N,T,width] -> y[N,T,width]: one layer of self-attention as torch exports it, a residual and its
    norm."""
    rng = np.random.default_rng(seed)
    size = width // heads
    weights: dict[str, Array] = {
        **{
            f"w{n}": (rng.standard_normal((width, width)) / np.sqrt(width)).astype(np.float32) for n in "qkvo"
        },
        **{f"b{n}": (rng.standard_normal(width) * 0.1).astype(np.float32) for n in "qkvo"},
        "root": np.array(np.sqrt(size), np.float32),
        "gain": rng.uniform(0.5, 1.5, width).astype(np.float32),
        "offset": np.zeros(width, np.float32),
        "split": np.array([0, 0, heads, size]),
        "joined": np.array([0, 0, width]),
    }
    node, nodes = helper.make_node, []
    for n, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        nodes += [
            node("MatMul", ["x", f"w{n}"], [f"m{n}"], f"matmul_{n}"),
            node("Add", [f"m{n}", f"b{n}"], [f"a{n}"], f"bias_{n}"),
            node("Reshape", [f"a{n}", "split"], [f"s{n}"], f"split_{n}"),
            node("Transpose", [f"s{n}"], [f"t{n}"], f"turn_{n}", perm=order),
        ]
    nodes += [
        node("MatMul", ["tq", "tk"], ["scores"], "scores"),
        node("Div", ["scores", "root"], ["scaled"], "scale"),
        node("Softmax", ["scaled"], ["shares"], "softmax", axis=-1),
        node("MatMul", ["shares", "tv"], ["mixed"], "mix"),
        node("Transpose", ["mixed"], ["turned"], "turn_back", perm=[0, 2, 1, 3]),
        node("Reshape", ["turned", "joined"], ["together"], "join"),
        node("MatMul", ["together", "wo"], ["mo"], "matmul_o"),
        node("Add", ["mo", "bo"], ["ao"], "bias_o"),
        node("Add", ["ao", "x"], ["sum"], "residual"),
        node("LayerNormalization", ["sum", "gain", "offset"], ["y"], "norm", axis=-1),
    ]
    return model_of(nodes, {"x": ["N", "T", width]}, {"y": ["N", "T", width]}, weights)


def normalized_cnn(width: int = 8, seed: int = 0) -> ModelProto:
    """x[N,3,H,W] -> y[N,width,H,W]: convolution, batch normalisation, Relu."""
    rng = np.random.default_rng(seed)
    weights = {
        "w": (rng.standard_normal((width, 3, 3, 3)) / 5).astype(np.float32),
        "scale": rng.uniform(0.5, 2, width).astype(np.float32),
        "offset": rng.standard_normal(width).astype(np.float32),
        "mean": rng.standard_normal(width).astype(np.float32),
        "variance": rng.uniform(0.5, 2, width).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], "conv", pads=[1] * 4),
        helper.make_node("BatchNormalization", ["c", "scale", "offset", "mean", "variance"], ["n"], "norm"),
        helper.make_node("Relu", ["n"], ["y"], "relu"),
    ]
    return model_of(nodes, {"x": ["N", 3, "H", "W"]}, {"y": ["N", width, "H", "W"]}, weights)
