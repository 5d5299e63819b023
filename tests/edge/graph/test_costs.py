"""Costs against counts by hand, published figures, and the same model in two formats."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, shape_inference

from edgeai.errors import ModelError
from edgeai.graph.costs import costs
from tests import tiny_models

Shapes = dict[str, Sequence[int | str]]


def save(
    path: Path,
    nodes: list[Any],
    inputs: Shapes,
    outputs: Shapes,
    weights: dict[str, Any] | None = None,
    between: Shapes | None = None,
    domains: tuple[str, ...] = (),
) -> Path:
    """An ONNX file of f32; weights are arrays."""

    def values(shapes: Shapes) -> list[Any]:
        return [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()
        ]

    graph = helper.make_graph(
        nodes,
        "g",
        values(inputs),
        values(outputs),
        [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()],
        value_info=values(between or {}),
    )
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(domain, 1) for domain in domains)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def node(operator: str, inputs: str, outputs: str = "y", **attributes: Any) -> Any:
    return helper.make_node(operator, inputs.split(" "), outputs.split(" "), **attributes)


def zeros(*shape: int, dtype: str = "float32") -> Any:
    return np.zeros(shape, dtype)


# --- arithmetic


@pytest.mark.parametrize(
    ("made", "inputs", "output", "weights", "count"),
    [
        (node("Conv", "x w"), {"x": [1, 3, 10, 10]}, [1, 16, 8, 8], {"w": zeros(16, 3, 3, 3)}, 64 * 16 * 27),
        (
            node("Conv", "x w", group=8),
            {"x": [2, 8, 6, 6]},
            [2, 8, 4, 4],
            {"w": zeros(8, 1, 3, 3)},
            2 * 8 * 16 * 9,
        ),
        (node("Conv", "x w"), {"x": [1, 4, 20]}, [1, 5, 18], {"w": zeros(5, 4, 3)}, 18 * 5 * 12),
        (
            node("ConvTranspose", "x w"),
            {"x": [1, 4, 5, 5]},
            [1, 6, 7, 7],
            {"w": zeros(4, 6, 3, 3)},
            25 * 4 * 54,
        ),
        (node("Gemm", "x w"), {"x": [2, 30]}, [2, 7], {"w": zeros(30, 7)}, 2 * 30 * 7),
        (node("Gemm", "x w", transA=1, transB=1), {"x": [30, 2]}, [2, 7], {"w": zeros(7, 30)}, 2 * 30 * 7),
        (
            node("MatMul", "x z"),
            {"x": [4, 6, 5, 32], "z": [4, 6, 32, 9]},
            [4, 6, 5, 9],
            {},
            24 * 5 * 32 * 9,
        ),
        (node("MatMul", "x w"), {"x": [2, 5, 16]}, [2, 5, 3], {"w": zeros(16, 3)}, 2 * 5 * 16 * 3),
        (
            node("Einsum", "x z", equation="bhqd,bhkd->bhqk"),
            {"x": [2, 3, 5, 8], "z": [2, 3, 7, 8]},
            [2, 3, 5, 7],
            {},
            2 * 3 * 5 * 7 * 8,
        ),
        (node("Einsum", "x", equation="ij->ji"), {"x": [3, 4]}, [4, 3], {}, 0),
        (
            node("LSTM", "x w r", hidden_size=6),
            {"x": [10, 2, 4]},
            [10, 1, 2, 6],
            {"w": zeros(1, 24, 4), "r": zeros(1, 24, 6)},
            20 * 24 * 10,
        ),
        (
            node("GRU", "x w r", hidden_size=6, direction="bidirectional"),
            {"x": [10, 2, 4]},
            [10, 2, 2, 6],
            {"w": zeros(2, 18, 4), "r": zeros(2, 18, 6)},
            20 * 2 * 18 * 10,
        ),
        (node("Relu", "x"), {"x": [1, 1000]}, [1, 1000], {}, 0),
        (node("MaxPool", "x", kernel_shape=[2, 2]), {"x": [1, 4, 9, 9]}, [1, 4, 8, 8], {}, 0),
    ],
    ids=lambda value: value.op_type if hasattr(value, "op_type") else "",
)
def test_multiply_accumulates_are_those_counted_by_hand(
    made: Any, inputs: Shapes, output: list[int], weights: dict[str, Any], count: int, tmp_path: Path
) -> None:
    found = costs(save(tmp_path / "a.onnx", [made], inputs, {"y": output}, weights))
    assert found.multiply_accumulates == count
    assert found.by_operator == ({made.op_type: count} if count else {})


@pytest.mark.parametrize(
    ("operator", "inputs", "shapes", "output", "count"),
    [
        ("MatMulNBits", "x w s", {"x": [2, 8, 64], "w": [32, 2, 16], "s": [64]}, [2, 8, 32], 16 * 64 * 32),
        ("FusedMatMul", "x z", {"x": [4, 64, 8], "z": [4, 64, 3]}, [4, 8, 3], 4 * 8 * 64 * 3),
        (
            "MultiHeadAttention",
            "q k v",
            {"q": [2, 5, 48], "k": [2, 7, 48], "v": [2, 7, 24]},
            [2, 5, 24],
            2 * 5 * 7 * 48 + 2 * 5 * 7 * 24,
        ),
        (
            "Attention",
            "x w b",
            {"x": [2, 5, 48], "w": [48, 144], "b": [144]},
            [2, 5, 48],
            10 * 48 * 144 + 2 * 2 * 25 * 48,
        ),
    ],
)
def test_the_runtimes_own_operators_are_counted(
    operator: str, inputs: str, shapes: Shapes, output: list[int], count: int, tmp_path: Path
) -> None:
    attributes = {"transA": 1} if operator == "FusedMatMul" else {}
    made = node(operator, inputs, domain="com.microsoft", **attributes)
    found = costs(save(tmp_path / "a.onnx", [made], shapes, {"y": output}, domains=("com.microsoft",)))
    assert found.multiply_accumulates == count
    assert found.notes == ()


def test_an_operator_that_nobody_knows_is_named(tmp_path: Path) -> None:
    made = node("Warp", "x", domain="acme")
    found = costs(save(tmp_path / "a.onnx", [made], {"x": [4]}, {"y": [4]}, domains=("acme",)))
    assert found.multiply_accumulates == 0
    assert found.notes == ("the arithmetic of acme.Warp is not known and counts as none",)


# Table 2 of "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (Sandler et al., 2018): t, c, n, s.
_MOBILENET_V2 = [
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
]  # fmt: skip


def mobilenet_v2(path: Path) -> Path:
    """Convolutions as in the paper at 224 x 224, with empty weights; shapes inferred by onnx."""
    nodes: list[Any] = []
    weights: dict[str, Any] = {}
    last = "x"

    def conv(source: int, out: int, kernel: int, stride: int = 1, group: int = 1) -> None:
        nonlocal last
        name = f"c{len(nodes)}"
        weights[f"{name}.w"] = zeros(out, source // group, kernel, kernel)
        edge = kernel // 2
        nodes.append(
            helper.make_node(
                "Conv",
                [last, f"{name}.w"],
                [name],
                strides=[stride] * 2,
                pads=[edge] * 4,
                group=group,
                kernel_shape=[kernel] * 2,
            )
        )
        last = name

    conv(3, 32, 3, 2)
    source = 32
    for expand, out, count, stride in _MOBILENET_V2:
        for index in range(count):
            before, wide = last, source * expand
            if expand > 1:
                conv(source, wide, 1)
            conv(wide, wide, 3, stride if index == 0 else 1, group=wide)
            conv(wide, out, 1)
            if index:
                nodes.append(helper.make_node("Add", [before, last], [f"a{len(nodes)}"]))
                last = nodes[-1].output[0]
            source = out
    conv(320, 1280, 1)
    weights["fc"] = zeros(1280, 1000)
    nodes += [
        helper.make_node("GlobalAveragePool", [last], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "fc"], ["y"]),
    ]
    save(path, nodes, {"x": [1, 3, 224, 224]}, {"y": [1, 1000]}, weights)
    onnx.save(shape_inference.infer_shapes(onnx.load(path)), path)
    return path


def test_mobilenet_v2_has_the_published_300_million(tmp_path: Path) -> None:
    found = costs(mobilenet_v2(tmp_path / "m.onnx"))
    assert found.multiply_accumulates == 300_774_272  # torchvision publishes 0.3 GMACs for its weights
    # The widest place: 96 channels at 112 x 112 become as many at 56 x 56; the picture is the caller's.
    assert found.activation_bytes == 4 * (3 * 224**2 + 96 * 112**2 + 96 * 56**2)
    assert found.weight_bytes == 4 * sum(
        math.prod(weight.dims) for weight in onnx.load(tmp_path / "m.onnx").graph.initializer
    )


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [
        ("basic-pitch-onnx", "basic-pitch-tflite", 524_079_648),
        ("face-onnx", "face-tflite", 30_760_960),
    ],
)
def test_a_model_costs_the_same_in_both_formats(
    public_model: Callable[[str], Path], one: str, other: str, count: int, tmp_path: Path
) -> None:
    described = tmp_path / "described.onnx"
    model = onnx.load(public_model(one))
    for size in model.graph.input[0].type.tensor_type.shape.dim:
        size.dim_value = size.dim_value or 1
    onnx.save(shape_inference.infer_shapes(model, data_prop=True), described)
    in_onnx, in_tflite = costs(described), costs(public_model(other))
    assert in_onnx.multiply_accumulates == in_tflite.multiply_accumulates == count
    assert in_onnx.activation_bytes == in_tflite.activation_bytes


def test_an_int8_model_with_state_is_counted(public_model: Callable[[str], Path]) -> None:
    found = costs(public_model("okay-nabu"))
    assert found.multiply_accumulates == 36_480
    assert found.by_operator.keys() == {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}
    assert found.unavailable == {}


# --- activations


def activations(
    tmp_path: Path, nodes: list[Any], between: Shapes, outputs: Shapes, **more: Any
) -> int | None:
    """Of a graph with the input x: f32[10], in elements."""
    found = costs(save(tmp_path / "a.onnx", nodes, {"x": [10]}, outputs, between=between, **more))
    return None if found.activation_bytes is None else found.activation_bytes // 4


def test_what_nobody_needs_any_more_is_free(tmp_path: Path) -> None:
    chain = [node("Tile", "x r", "a"), node("Tile", "a r", "b"), node("Tile", "b r", "y")]
    between: Shapes = {"a": [20], "b": [40]}
    weights = {"r": np.array([2])}
    # x lives throughout; at the last node b and y are there, and a is not.
    assert activations(tmp_path, chain, between, {"y": [80]}, weights=weights) == 10 + 40 + 80


def test_a_residual_is_kept_until_it_is_added(tmp_path: Path) -> None:
    nodes = [
        node("Tile", "x r", "a"),
        node("Tile", "a r", "b"),
        node("ReduceSum", "b", "c"),
        node("Add", "a c"),
    ]
    between: Shapes = {"a": [20], "b": [40], "c": [1]}
    weights = {"r": np.array([2])}
    # The sum is written over a.
    assert activations(tmp_path, nodes, between, {"y": [20]}, weights=weights) == 10 + 20 + 40 + 1


def test_views_and_what_works_element_by_element_need_nothing_of_their_own(tmp_path: Path) -> None:
    nodes = [
        node("Tile", "x r", "a"),
        node("Reshape", "a s", "b"),
        node("Relu", "b", "c"),
        node("Sigmoid", "c", "d"),
        node("Reshape", "d t"),
    ]
    weights = {"r": np.array([3]), "s": np.array([3, 10]), "t": np.array([30])}
    between: Shapes = {"a": [30], "b": [3, 10], "c": [3, 10], "d": [3, 10]}
    assert activations(tmp_path, nodes, between, {"y": [30]}, weights=weights) == 10 + 30


def test_a_view_keeps_what_it_looks_at(tmp_path: Path) -> None:
    nodes = [
        node("Tile", "x r", "a"),
        node("Reshape", "a s", "b"),
        node("Relu", "a", "c"),
        node("Add", "b c"),
    ]
    weights = {"r": np.array([3]), "s": np.array([30])}
    between: Shapes = {"a": [30], "b": [30], "c": [30]}
    assert activations(tmp_path, nodes, between, {"y": [30]}, weights=weights) == 10 + 30 + 30


def test_between_quantized_operators_bytes_are_bytes(tmp_path: Path) -> None:
    """x -> Q, DQ -> Conv -> Relu -> Q, DQ -> Conv -> y: the first convolution gives bytes."""
    scale, zero = np.float32(0.1), np.uint8(0)
    weights = {"s": scale, "z": zero, "zw": np.int8(0)}
    weights |= {"wq": zeros(8, 2, 1, dtype="int8"), "vq": zeros(1, 8, 1, dtype="int8")}
    nodes = [
        node("QuantizeLinear", "x s z", "xq"),
        node("DequantizeLinear", "xq s z", "xd"),
        node("DequantizeLinear", "wq s zw", "w"),
        node("Conv", "xd w", "a"),
        node("Relu", "a", "b"),
        node("QuantizeLinear", "b s z", "bq"),
        node("DequantizeLinear", "bq s z", "bd"),
        node("DequantizeLinear", "vq s zw", "v"),
        node("Conv", "bd v", "y"),
    ]
    path = save(tmp_path / "q.onnx", nodes, {"x": [1, 2, 100]}, {"y": [1, 1, 100]}, weights)
    onnx.save(shape_inference.infer_shapes(onnx.load(path)), path)
    found = costs(path)
    assert found.multiply_accumulates == 100 * 16 + 100 * 8
    # Where 8 channels of bytes become real values, which the second convolution, not quantized, reads.
    assert found.activation_bytes == 4 * 200 + 800 + 4 * 800


def test_of_an_if_the_dearest_branch_counts(tmp_path: Path) -> None:
    def branch(name: str, width: int) -> Any:
        made = [
            helper.make_node("MatMul", ["x", f"w{width}"], [f"m{name}"]),
            node("ReduceSum", f"m{name}", name),
        ]
        out = helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1])
        between = helper.make_tensor_value_info(f"m{name}", TensorProto.FLOAT, [1, width])
        weights = [numpy_helper.from_array(zeros(10, width), f"w{width}")]
        return helper.make_graph(made, name, [], [out], weights, value_info=[between])

    made = helper.make_node("If", ["c"], ["y"], then_branch=branch("t", 50), else_branch=branch("e", 7))
    path = save(tmp_path / "if.onnx", [made], {"x": [1, 10]}, {"y": [1, 1]}, {"c": np.array(True)})
    found = costs(path)
    assert found.multiply_accumulates == 500
    assert found.activation_bytes == 4 * (10 + 1 + 50 + 1)
    assert found.weight_bytes == 4 * 570 + 1
    assert found.notes == ("of If the dearest branch is counted of which shapes are known",)


# --- what is not known


def test_sizes_of_symbolic_dimensions_are_the_callers(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.onnx", [node("Gemm", "x w")], {"x": ["N", 30]}, {"y": ["N", 7]}, {"w": zeros(30, 7)}
    )
    assert costs(path, {"N": 4}).multiply_accumulates == 4 * 210
    found = costs(path)
    assert (found.multiply_accumulates, found.activation_bytes, found.peak_memory_bytes) == (None, None, None)
    assert found.unavailable == {
        "multiply_accumulates": "the shapes around Gemm are not in the file",
        "activation_bytes": "the shape of x is not in the file",
        "peak_memory_bytes": "the activations are unknown",
    }
    assert found.weight_bytes == 840
    told = found.to_json()
    assert told["inputs"] == {"x": None}
    assert "multiply_accumulates" not in told
    assert costs(path, shapes={"x": (4, 30), "y": (4, 7)}).multiply_accumulates == 840


def test_shapes_that_contradict_the_operator_are_unknown(tmp_path: Path) -> None:
    path = save(tmp_path / "a.onnx", [node("Gemm", "x w")], {"x": []}, {"y": [1]}, {"w": zeros(1, 1)})
    assert costs(path).multiply_accumulates is None


def test_tflite_takes_other_sizes_by_index(tmp_path: Path) -> None:
    path = tiny_models.linear_tflite(tmp_path / "a.tflite")
    assert costs(path).activation_bytes == 4 * (4 + 4)  # the sum is written over the product
    shapes = {0: (6, 4), 3: (6, 4), 4: (6, 4)}
    found = costs(path, shapes=shapes)
    assert found.activation_bytes == 6 * 4 * (4 + 4)
    assert found.inputs == {"x": (6, 4)}


def test_it_is_json(tmp_path: Path) -> None:
    found = costs(tiny_models.linear_onnx(tmp_path / "a.onnx", (2, 4)))
    assert json.loads(json.dumps(found.to_json())) == {
        "inputs": {"x": [2, 4]},
        "operators": {"Mul": 1, "Add": 1},
        "weight_bytes": 8,
        "multiply_accumulates": 0,
        "unavailable": {
            "activation_bytes": "the shape of doubled is not in the file",
            "peak_memory_bytes": "the activations are unknown",
        },
    }


def test_what_is_damaged_says_so(tmp_path: Path, public_model: Callable[[str], Path]) -> None:
    whole = public_model("face-onnx").read_bytes()
    for length in range(100, len(whole), len(whole) // 50):
        (tmp_path / "cut.onnx").write_bytes(whole[:length])
        with pytest.raises(ModelError):
            costs(tmp_path / "cut.onnx")


def test_costs_have_no_numpy(tmp_path: Path) -> None:
    path = tiny_models.linear_onnx(tmp_path / "a.onnx")
    code = f"from edgeai.graph.costs import costs; costs({str(path)!r})"
    code += "; import sys; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
