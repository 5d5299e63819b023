"""What the rewrites make of small models: fewer operators, the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("ai_edge_litert")

from onnx import helper  # noqa: E402

from edgeai_exporters.tflite import write_tflite  # noqa: E402
from tests.exporters.tflite.running import Array, LiteRT, codes, model, normal, operators, run_onnx  # noqa: E402

IMAGE = (1, 8, 10, 12)
SCALAR = {
    "half": np.float32(0.5),
    "one": np.float32(1),
    "root": np.float32(np.sqrt(0.5)),
    "three": np.float32(3),
}
SCALAR |= {"six": np.float32(6), "zero": np.float32(0), "two": np.float32(2), "sixth": np.float32(1 / 6)}


def node(kind: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs.split(), output.split(), **attributes)


def conv(x: str, y: str, weights: str = "w", **attributes: Any) -> onnx.NodeProto:
    return node("Conv", f"{x} {weights}", y, pads=[1, 1, 1, 1], **attributes)


def written(
    tmp_path: Path,
    nodes: Sequence[onnx.NodeProto],
    shape: tuple[int, ...] = IMAGE,
    out: tuple[int | str, ...] | None = None,
    constants: dict[str, Array] | None = None,
) -> list[str]:
    """The operators of what becomes of `x -> y`, after a look at its numbers."""
    weights = {"w": normal(8, 8, 3, 3, seed=1) / 8, **(constants or {})}
    used = {name for each in nodes for name in each.input}
    given = {name: array for name, array in (SCALAR | weights).items() if name in used}
    made = model(list(nodes), {"x": shape}, {"y": out or shape}, given)
    path = tmp_path / "small.tflite"
    write_tflite(made, path)
    x = normal(*shape)
    want = run_onnx(made, {"x": x})["y"]
    np.testing.assert_allclose(LiteRT(path).run({"x": x})["y"], want, rtol=1e-4, atol=1e-5)
    return codes(path)


def test_padding_and_activation_go_into_the_convolution(tmp_path: Path) -> None:
    assert written(tmp_path, [conv("x", "a"), node("Relu", "a", "y")]) == [
        "TRANSPOSE",
        "CONV_2D",
        "TRANSPOSE",
    ]
    options = operators(tmp_path / "small.tflite")[1][1]
    assert (options.padding, options.fusedActivationFunction) == (0, 1)  # SAME, RELU


def test_clip_to_6_is_relu6(tmp_path: Path) -> None:
    assert "CONV_2D" in written(tmp_path, [conv("x", "a"), node("Clip", "a zero six", "y")])
    assert operators(tmp_path / "small.tflite")[1][1].fusedActivationFunction == 3  # RELU6


def test_padding_of_a_stride_that_is_not_same_stays(tmp_path: Path) -> None:
    found = written(tmp_path, [conv("x", "y", strides=[2, 2])], out=(1, 8, 5, 6))
    assert found == ["TRANSPOSE", "PAD", "CONV_2D", "TRANSPOSE"]


def test_batch_normalization_goes_into_the_weights(tmp_path: Path) -> None:
    constants = {name: np.abs(normal(8, seed=seed)) + 0.5 for seed, name in enumerate(["s", "o", "m", "v"])}
    nodes = [conv("x", "a"), node("BatchNormalization", "a s o m v", "y")]
    assert written(tmp_path, nodes, constants=constants) == ["TRANSPOSE", "CONV_2D", "TRANSPOSE"]


def test_groups_of_one_channel_are_a_depthwise_convolution(tmp_path: Path) -> None:
    found = written(tmp_path, [conv("x", "y", "k", group=8)], constants={"k": normal(8, 1, 3, 3)})
    assert found == ["TRANSPOSE", "DEPTHWISE_CONV_2D", "TRANSPOSE"]


PLUS_3 = [node("Add", "x three", "a"), node("Clip", "a zero six", "b")]
HARD_SWISHES = [
    [*PLUS_3, node("Mul", "x b", "c"), node("Div", "c six", "y")],
    [*PLUS_3, node("Mul", "b sixth", "c"), node("Mul", "c x", "y")],
    [node("HardSigmoid", "x", "a", alpha=1 / 6, beta=0.5), node("Mul", "x a", "y")],
    [node("HardSwish", "x", "y")],
]
BY_ERF = [node("Mul", "x root", "a"), node("Erf", "a", "b"), node("Add", "one b", "c")]
DIVIDED = [node("Sqrt", "two", "s"), node("Div", "x s", "a"), *BY_ERF[1:]]
GELUS = [
    [*BY_ERF, node("Mul", "x c", "d"), node("Mul", "d half", "y")],
    [*BY_ERF, node("Mul", "x half", "d"), node("Mul", "d c", "y")],
    [*DIVIDED, node("Mul", "c half", "d"), node("Mul", "d x", "y")],
]


@pytest.mark.parametrize("nodes", HARD_SWISHES)
def test_hard_swish_is_found_however_it_is_spelled(tmp_path: Path, nodes: list[onnx.NodeProto]) -> None:
    assert written(tmp_path, nodes) == ["HARD_SWISH"]


@pytest.mark.parametrize("nodes", GELUS)
def test_gelu_is_found_however_it_is_spelled(tmp_path: Path, nodes: list[onnx.NodeProto]) -> None:
    assert written(tmp_path, nodes) == ["GELU"]


def test_gelu_by_tanh_is_found(tmp_path: Path) -> None:
    constants = {"c": np.float32(0.044715), "k": np.float32(np.sqrt(2 / np.pi))}
    nodes = [
        node("Pow", "x three", "a"),
        node("Mul", "a c", "b"),
        node("Add", "x b", "d"),
        node("Mul", "d k", "e"),
    ]
    nodes += [
        node("Tanh", "e", "f"),
        node("Add", "f one", "g"),
        node("Mul", "x g", "h"),
        node("Mul", "h half", "y"),
    ]
    assert written(tmp_path, nodes, constants=constants) == ["GELU"]
    assert operators(tmp_path / "small.tflite")[0][1].approximate


def test_erf_alone_is_exact_around_0_and_far_out(tmp_path: Path) -> None:
    made = model([node("Erf", "x", "y")], {"x": (9,)}, {"y": (9,)})
    write_tflite(made, tmp_path / "erf.tflite")
    x = np.array([-50, -3, -1, -1e-5, 0, 1e-20, 1e-3, 2, 40], np.float32)
    got = LiteRT(tmp_path / "erf.tflite").run({"x": x})["y"]
    np.testing.assert_allclose(got, run_onnx(made, {"x": x})["y"], rtol=0, atol=1e-6)


def test_a_residual_block_needs_no_transpose_inside(tmp_path: Path) -> None:
    nodes = [conv("x", "a"), node("Sigmoid", "a", "b"), node("Mul", "a b", "c"), conv("c", "d")]
    nodes += [node("Concat", "d c", "e", axis=1), node("Slice", "e s e1 axes", "f"), node("Add", "f a", "g")]
    nodes += [node("ReduceMean", "g hw", "h", keepdims=1), node("Mul", "g h", "i"), conv("i", "y")]
    constants = {"s": np.array([4]), "e1": np.array([12]), "axes": np.array([1]), "hw": np.array([2, 3])}
    found = written(tmp_path, nodes, constants=constants)
    assert (found[0], found[-1], found.count("TRANSPOSE")) == ("TRANSPOSE", "TRANSPOSE", 2)


def test_transposes_of_the_model_itself_vanish_where_channels_are_last_anyway(tmp_path: Path) -> None:
    nodes = [node("Transpose", "x", "a", perm=[0, 3, 1, 2]), conv("a", "b"), node("Relu", "b", "c")]
    nodes += [conv("c", "d"), node("Transpose", "d", "y", perm=[0, 2, 3, 1])]
    assert written(tmp_path, nodes, (1, 10, 12, 8)) == ["CONV_2D", "CONV_2D"]


def test_flattened_channels_are_sorted_in_the_weights(tmp_path: Path) -> None:
    nodes = [conv("x", "a"), node("Flatten", "a", "b"), node("Gemm", "b m", "y")]
    found = written(tmp_path, nodes, out=(1, 5), constants={"m": normal(960, 5) / 30})
    assert found == ["TRANSPOSE", "CONV_2D", "RESHAPE", "FULLY_CONNECTED"]


def test_sounds_are_convolved_without_transposes_between(tmp_path: Path) -> None:
    nodes = [
        node("Conv", "x k", "a", pads=[1, 1]),
        node("Relu", "a", "b"),
        node("Conv", "b k", "c", pads=[1, 1]),
    ]
    nodes += [node("BatchNormalization", "c s s s s", "d"), node("Relu", "d", "y")]
    constants = {"k": normal(8, 8, 3) / 5, "s": np.linspace(0.5, 2, 8, dtype=np.float32)}
    found = written(tmp_path, nodes, (1, 8, 50), constants=constants)
    assert [code for code in found if code != "RESHAPE"] == ["TRANSPOSE", "CONV_2D", "CONV_2D", "TRANSPOSE"]


def test_what_is_computed_twice_is_computed_once(tmp_path: Path) -> None:
    nodes = [node("Exp", "x", "a"), node("Exp", "x", "b"), node("Add", "a b", "y")]
    assert written(tmp_path, nodes) == ["EXP", "ADD"]


def test_layer_normalization_and_attention_have_the_operators_one_would_write(tmp_path: Path) -> None:
    nodes = [
        node("MatMul", "x q", "a"),
        node("MatMul", "x k", "b"),
        node("Transpose", "b", "c", perm=[0, 2, 1]),
    ]
    nodes += [node("MatMul", "a c", "d"), node("Softmax", "d", "e", axis=-1), node("MatMul", "e x", "y")]
    constants = {"q": normal(16, 16) / 4, "k": normal(16, 16, seed=3) / 4}
    found = written(tmp_path, nodes, (1, 6, 16), constants=constants)
    assert sorted(found) == [
        "BATCH_MATMUL",
        "BATCH_MATMUL",
        "FULLY_CONNECTED",
        "FULLY_CONNECTED",
        "SOFTMAX",
        "TRANSPOSE",
    ]


def test_a_split_with_a_part_that_nobody_reads_becomes_slices(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Split", ["x"], ["a", "b", "c"], axis=1, num_outputs=3),
        node("Add", "a c", "y"),
    ]
    shapes = ((1, 9, 2), (1, 3, 2))
    assert written(tmp_path, nodes, *shapes) == ["SLICE", "SLICE", "ADD"]
    nodes[1] = helper.make_node("Sum", ["a", "b", "c"], ["y"])
    assert written(tmp_path, nodes, *shapes) == ["SPLIT", "ADD", "ADD"]
