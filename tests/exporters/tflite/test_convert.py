"""The writer's interface: shapes, constants, states, loops, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("ai_edge_litert")

from onnx import TensorProto, helper  # noqa: E402

from edgeai.errors import ExportError, ModelNotFound, UnsupportedOperator  # noqa: E402
from edgeai_exporters.tflite import write_tflite  # noqa: E402
from tests.exporters.tflite.running import LiteRT, codes, model, normal, run_onnx  # noqa: E402


def node(kind: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs.split(), output.split(), **attributes)


def test_open_axes_are_1_where_no_shape_is_given(tmp_path: Path) -> None:
    made = model([node("Relu", "x", "y")], {"x": ("n", 3)}, {"y": ("n", 3)})
    assert write_tflite(made, tmp_path / "m.tflite").inputs == {"x": (1, 3)}
    assert write_tflite(made, tmp_path / "m.tflite", shapes={"x": (7, 3)}).outputs == {"y": (7, 3)}


@pytest.mark.parametrize(
    ("shapes", "what"),
    [
        ({"z": (1, 3)}, "no input 'z'"),
        ({"x": (1, 4)}, "is ?x3; 1x4 does not fit"),
        ({"x": (3,)}, "3 does not fit"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]], what: str
) -> None:
    made = model([node("Relu", "x", "y")], {"x": ("n", 3)}, {"y": ("n", 3)})
    with pytest.raises(ExportError) as error:
        write_tflite(made, tmp_path / "m.tflite", shapes=shapes)
    assert what in str(error.value)


def test_an_unknown_operator_is_refused_by_name_and_nothing_is_written(tmp_path: Path) -> None:
    nodes = [node("Relu", "x", "a"), node("GridSample", "a g", "y", name="warp")]
    made = model(nodes, {"x": (1, 1, 4, 4), "g": (1, 4, 4, 2)}, {"y": (1, 1, 4, 4)})
    why = r"GridSample 'warp': the TFLite writer has no form for GridSample; .*--format onnx"
    with pytest.raises(UnsupportedOperator, match=why):
        write_tflite(made, tmp_path / "m.tflite")
    assert list(tmp_path.iterdir()) == []


def test_an_operator_of_somebody_else_is_refused_by_name(tmp_path: Path) -> None:
    made = model([node("Relu", "x", "y")], {"x": (3,)}, {"y": (3,)})
    made.graph.node[0].domain = "com.example"
    made.opset_import.append(helper.make_opsetid("com.example", 1))
    with pytest.raises(UnsupportedOperator, match=r"no form for Relu of com\.example"):
        write_tflite(made, tmp_path / "m.tflite")


def test_a_shape_that_depends_on_the_data_is_refused(tmp_path: Path) -> None:
    made = model(
        [node("NonZero", "x", "i"), node("Cast", "i", "y", to=TensorProto.FLOAT)],
        {"x": (3,)},
        {"y": (1, "n")},
    )
    with pytest.raises(UnsupportedOperator, match="NonZero"):
        write_tflite(made, tmp_path / "m.tflite")


def test_what_is_no_onnx_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"absent\.onnx does not exist"):
        write_tflite(tmp_path / "absent.onnx", tmp_path / "m.tflite")
    (tmp_path / "text.onnx").write_bytes(b"no model at all")
    with pytest.raises(ExportError, match=r"text\.onnx cannot be read as ONNX"):
        write_tflite(tmp_path / "text.onnx", tmp_path / "m.tflite")


def test_an_output_may_be_an_input_or_a_constant_or_another_output(tmp_path: Path) -> None:
    nodes = [
        node("Identity", "x", "same"),
        node("Identity", "c", "fixed"),
        node("Relu", "x", "a"),
        node("Identity", "a", "b"),
    ]
    made = model(
        nodes, {"x": (3,)}, {"same": (3,), "fixed": (2,), "a": (3,), "b": (3,)}, {"c": np.float32([4, 5])}
    )
    write_tflite(made, tmp_path / "m.tflite")
    got = LiteRT(tmp_path / "m.tflite").run({"x": normal(3)})
    for name, array in run_onnx(made, {"x": normal(3)}).items():
        np.testing.assert_array_equal(got[name], array)


def test_a_constant_input_chooses_the_branch(tmp_path: Path) -> None:
    def branch(kind: str) -> onnx.GraphProto:
        out = helper.make_tensor_value_info(f"{kind}_out", TensorProto.FLOAT, (3,))
        return helper.make_graph([node(kind, "x", f"{kind}_out")], kind, [], [out])

    made = model(
        [
            node("Cast", "flag", "is_set", to=TensorProto.BOOL),
            node("If", "is_set", "y", then_branch=branch("Exp"), else_branch=branch("Neg")),
        ],
        {"x": (3,), "flag": ()},
        {"y": (3,)},
    )
    write_tflite(made, tmp_path / "m.tflite", constants={"flag": np.float32(0)})
    assert codes(tmp_path / "m.tflite") == ["NEG"]
    with pytest.raises(UnsupportedOperator, match="If 'y': its condition is not a constant"):
        write_tflite(made, tmp_path / "m.tflite")


def test_a_loop_with_a_known_number_of_turns_is_unrolled(tmp_path: Path) -> None:
    values = [
        helper.make_tensor_value_info(name, kind, ())
        for name, kind in (("i", TensorProto.INT64), ("go", TensorProto.BOOL))
    ]
    state = helper.make_tensor_value_info("s", TensorProto.FLOAT, (3,))
    outs = [
        helper.make_tensor_value_info("go_on", TensorProto.BOOL, ()),
        *(helper.make_tensor_value_info(name, TensorProto.FLOAT, (3,)) for name in ("t", "seen")),
    ]
    inner = [
        node("Identity", "go", "go_on"),
        node("Add", "s x", "u"),
        node("Tanh", "u", "t"),
        node("Identity", "t", "seen"),
    ]
    body = helper.make_graph(inner, "body", [*values, state], outs)
    made = model(
        [node("Loop", "n yes x", "y all", body=body)],
        {"x": (3,)},
        {"y": (3,), "all": (4, 3)},
        {"n": np.int64(4), "yes": np.array(True)},
    )
    write_tflite(made, tmp_path / "m.tflite")
    got = LiteRT(tmp_path / "m.tflite").run({"x": normal(3)})
    for name, array in run_onnx(made, {"x": normal(3)}).items():
        np.testing.assert_allclose(got[name], array, atol=1e-6)


def test_a_state_lives_in_the_file_and_starts_at_zeros(tmp_path: Path) -> None:
    made = model(
        [node("Add", "x s", "t"), node("Mul", "t t", "y")], {"x": (2,), "s": (2,)}, {"y": (2,), "t": (2,)}
    )
    write_tflite(made, tmp_path / "m.tflite", states={"s": "t"})
    counter = LiteRT(tmp_path / "m.tflite")
    results = [counter.run({"x": np.float32([1, 2])})["y"].tolist() for _ in range(3)]
    assert results == [[1, 4], [4, 16], [9, 36]]
    with pytest.raises(ExportError, match="no pair of an input and an output"):
        write_tflite(made, tmp_path / "m.tflite", states={"s": "z"})
    with pytest.raises(ExportError, match="variables have one size"):
        write_tflite(made, tmp_path / "m.tflite", states={"s": "t"}, resizable_batch=True)


def test_a_batch_is_left_open_through_reshapes_and_constants_for_every_sample(tmp_path: Path) -> None:
    nodes = [
        node("Shape", "x", "n", start=0, end=1),
        node("Concat", "n k", "shape", axis=0),
        node("Expand", "c shape", "first"),
    ]
    nodes += [
        node("Concat", "first x", "a", axis=1),
        node("Reshape", "a flat", "b"),
        node("MatMul", "b w", "y"),
    ]
    constants = {"k": np.array([1, 4]), "c": normal(1, 1, 4), "flat": np.array([0, 16]), "w": normal(16, 5)}
    made = model(nodes, {"x": ("n", 3, 4)}, {"y": ("n", 5)}, constants)
    written = write_tflite(made, tmp_path / "m.tflite", shapes={"x": (2, 3, 4)}, resizable_batch=True)
    assert (written.inputs, written.outputs) == ({"x": (-1, 3, 4)}, {"y": (-1, 5)})
    for batch in (1, 2, 5):
        x = normal(batch, 3, 4, seed=batch)
        got = LiteRT(tmp_path / "m.tflite", {"x": x.shape}).run({"x": x})["y"]
        np.testing.assert_allclose(got, run_onnx(made, {"x": x})["y"], atol=1e-5)
    assert LiteRT(tmp_path / "m.tflite").run({"x": normal(2, 3, 4)})["y"].shape == (2, 5)  # as it is written


def test_a_model_for_one_batch_cannot_be_resized(tmp_path: Path) -> None:
    made = model([node("Reshape", "x s", "y")], {"x": (1, 3, 4)}, {"y": (1, 12)}, {"s": np.array([1, 12])})
    with pytest.raises(UnsupportedOperator, match="made for a batch of 1; export it with an open batch"):
        write_tflite(made, tmp_path / "m.tflite", resizable_batch=True)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
def test_recurrent_nets_of_many_steps_equal_onnx_runtime(
    tmp_path: Path, kind: str, gates: int, direction: str
) -> None:
    count, hidden = 1 + (direction == "bidirectional"), 7
    constants = {
        "w": normal(count, gates * hidden, 5, seed=1) / 2,
        "r": normal(count, gates * hidden, hidden, seed=2) / 2,
        "b": normal(count, 2 * gates * hidden, seed=3) / 2,
        "h": normal(count, 2, hidden, seed=4),
    }
    net = node(kind, "x w r b", "y last", hidden_size=hidden, direction=direction)
    net.input.extend(["", "h"])
    shapes = {"y": (30, count, 2, hidden), "last": (count, 2, hidden)}
    made = model([net], {"x": (30, 2, 5)}, shapes, constants)
    write_tflite(made, tmp_path / "m.tflite")
    x = normal(30, 2, 5)
    got = LiteRT(tmp_path / "m.tflite").run({"x": x})
    for name, array in run_onnx(made, {"x": x}).items():
        np.testing.assert_allclose(got[name], array, atol=1e-5)


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    nodes = [
        node("Conv", "x w", "a"),
        node("Relu", "a", "b"),
        node("Conv", "b w", "c"),
        node("Add", "b2 c", "y"),
    ]
    nodes.insert(3, node("Slice", "b s e ax", "b2"))
    constants = {
        "w": normal(4, 4, 3, 3),
        "s": np.array([1, 1]),
        "e": np.array([-1, -1]),
        "ax": np.array([2, 3]),
    }
    made = model(nodes, {"x": (1, 4, 12, 12)}, {"y": (1, 4, 8, 8)}, constants)
    paths = [tmp_path / f"{i}.tflite" for i in range(2)]
    for path in paths:
        write_tflite(made, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_an_operator_set_with_other_rules_is_refused(tmp_path: Path) -> None:
    add = node("Add", "x c", "y", broadcast=1, axis=0)
    made = model([add], {"x": (3, 2)}, {"y": (3, 2)}, {"c": normal(3)}, opset=6)
    made.graph.input.append(helper.make_tensor_value_info("c", TensorProto.FLOAT, (3,)))
    with pytest.raises(UnsupportedOperator, match="before 7 broadcast by rules of their own"):
        write_tflite(made, tmp_path / "m.tflite")


def test_a_quantized_model_is_refused_with_what_to_give_instead(tmp_path: Path) -> None:
    constants = {"s": np.float32(0.1), "z": np.uint8(128)}
    nodes = [node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "y")]
    with pytest.raises(UnsupportedOperator, match="give the float model"):
        write_tflite(model(nodes, {"x": (3,)}, {"y": (3,)}, constants), tmp_path / "m.tflite")


@pytest.mark.parametrize("opset", [9, 11, 13, 20])
def test_operator_sets_from_9_on_are_read(tmp_path: Path, opset: int) -> None:
    attributes = {"axes": [1], "keepdims": 0}
    nodes = [
        node("ReduceMax", "x", "a", **attributes) if opset < 18 else node("ReduceMax", "x i", "a", keepdims=0)
    ]
    nodes += [node("Clip", "a", "b", min=-1.0, max=1.0) if opset < 11 else node("Clip", "a low high", "b")]
    nodes += [node("Softmax", "b", "y", axis=1)]
    constants = {"i": np.array([1])} if opset >= 18 else {}
    constants |= {"low": np.float32(-1), "high": np.float32(1)} if opset >= 11 else {}
    made = model(nodes, {"x": (2, 3, 4, 5)}, {"y": (2, 4, 5)}, constants, opset=opset)
    write_tflite(made, tmp_path / "m.tflite")
    x = normal(2, 3, 4, 5)
    got = LiteRT(tmp_path / "m.tflite").run({"x": x})["y"]
    np.testing.assert_allclose(got, run_onnx(made, {"x": x})["y"], atol=1e-6)
