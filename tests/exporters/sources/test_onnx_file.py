"""ONNX files as sources: what is kept as it is, what is brought into range, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnxruntime", minversion="1.31")
onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

import edgeai  # noqa: E402
from edgeai.errors import ExportError, ModelError, UnsupportedOperator, UsageError  # noqa: E402
from edgeai_exporters.sources import SourceOptions, open_source  # noqa: E402
from tests.tiny_models import linear_onnx  # noqa: E402


def model_of(
    nodes: list[Any], opset: int = 13, ir: int = 8, weights: dict[str, Any] | None = None, **more: Any
) -> Any:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (weights or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset), *more.pop("opsets", [])]
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir, **more)


def save(path: Path, model: Any, **more: Any) -> str:
    onnx.save(model, path, **more)
    return str(path)


def test_a_file_that_needs_nothing_is_copied_byte_by_byte(tmp_path: Path) -> None:
    source = linear_onnx(tmp_path / "my model!.onnx")
    exported = open_source(str(source), tmp_path / "out")
    assert (exported.name, exported.format) == ("my-model", "onnx")
    assert exported.path == tmp_path / "out" / "my-model.onnx"
    assert exported.path.read_bytes() == source.read_bytes()
    assert exported.reference is None
    assert exported.provenance["source"] == "onnx"
    assert exported.provenance["done"] == []


def test_weights_beside_the_model_are_taken_in(tmp_path: Path) -> None:
    weight = np.arange(1600, dtype=np.float32).reshape(4, 400)
    made = model_of([helper.make_node("MatMul", ["x", "w"], ["y"])], weights={"w": weight})
    source = save(tmp_path / "m.onnx", made, save_as_external_data=True, location="w.bin", size_threshold=0)
    exported = open_source(source, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["m.onnx"]
    with edgeai.load(exported.path) as session:
        assert np.array_equal(session.run({"x": np.eye(4, dtype=np.float32)})["y"], weight)
    with (tmp_path / "w.bin").open("r+b") as file:
        file.truncate(6000)
    with pytest.raises(
        ModelError, match=r"weights of 'w' lie in 'w\.bin', which has 6,000 of 6,400 bytes; copy"
    ):
        open_source(source, tmp_path / "out2")
    (tmp_path / "w.bin").unlink()
    with pytest.raises(
        ModelError, match=r"weights of 'w' lie in 'w\.bin', which is not there; put that file"
    ):
        open_source(source, tmp_path / "out2")
    assert list((tmp_path / "out2").iterdir()) == []


@pytest.mark.parametrize("opset", [11, 12])
def test_an_old_operator_set_is_lifted_and_gives_the_same(tmp_path: Path, opset: int) -> None:
    # Softmax of 12 flattens to two dimensions and that of 13 does not: nodes around it must make up for it.
    made = model_of(
        [
            helper.make_node("Reshape", ["x", "shape"], ["r"]),
            helper.make_node("Softmax", ["r"], ["s"], axis=1),
            helper.make_node("Squeeze", ["s"], ["y"], axes=[0]),
        ],
        opset,
        weights={"shape": np.array([1, 2, -1, 2], np.int64)},
    )
    exported = open_source(save(tmp_path / "old.onnx", made), tmp_path / "out")
    written = onnx.load(exported.path)
    assert written.opset_import[0].version == 13
    assert exported.provenance["done"] == [
        "shapes of 1 outputs inferred",
        f"opset {opset} to 13, differs by 0 on random inputs",
    ]
    feed = {"x": np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)}
    with edgeai.load(tmp_path / "old.onnx") as before, edgeai.load(exported.path) as after:
        assert np.array_equal(before.run(feed)["y"], after.run(feed)["y"])


def test_a_newer_operator_set_is_converted_down_and_gives_the_same(tmp_path: Path) -> None:
    made = model_of(
        [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("Identity", ["r"], ["y"])], 22, 11
    )
    exported = open_source(save(tmp_path / "new.onnx", made), tmp_path / "out")
    written = onnx.load(exported.path)
    assert (written.opset_import[0].version, written.ir_version) == (20, 10)
    with edgeai.load(exported.path) as session:
        x = np.array([[-1, 2, -3, 4]], np.float32)
        assert session.run({"x": x})["y"].tolist() == [[0, 2, 0, 4]]


def test_what_cannot_be_converted_down_is_refused_with_what_to_do(tmp_path: Path) -> None:
    made = model_of(
        [helper.make_node("RMSNormalization", ["x", "w"], ["y"])], 23, 11, {"w": np.ones(4, np.float32)}
    )
    with pytest.raises(
        ExportError,
        match=r"is of opset 23, and 13 to 20 are used here.*export it again with opset_version=18",
    ):
        open_source(save(tmp_path / "new.onnx", made), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_newer_ir_version_and_weights_among_the_inputs_are_put_right(tmp_path: Path) -> None:
    made = model_of([helper.make_node("Mul", ["x", "two"], ["y"])], 18, 11, {"two": np.float32(2)})
    made.graph.input.append(helper.make_tensor_value_info("two", TensorProto.FLOAT, []))
    exported = open_source(save(tmp_path / "m.onnx", made), tmp_path / "out")
    written = onnx.load(exported.path)
    assert written.ir_version == 10
    assert [value.name for value in written.graph.input] == ["x"]


def test_a_custom_operator_is_named_with_its_domain_and_what_to_do(tmp_path: Path) -> None:
    made = model_of(
        [helper.make_node("Fancy", ["x"], ["y"], "the_fancy_one", domain="acme")],
        opsets=[helper.make_opsetid("acme", 1)],
    )
    with pytest.raises(
        UnsupportedOperator,
        match=r"node 'the_fancy_one' is the custom operator acme::Fancy.*standard operators",
    ):
        open_source(save(tmp_path / "m.onnx", made), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_custom_operator_inside_a_branch_is_found(tmp_path: Path) -> None:
    branch = helper.make_graph(
        [helper.make_node("Fancy", ["x"], ["b"], domain="acme")],
        "branch",
        [],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, None)],
    )
    nodes = [helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)]
    made = model_of(nodes, weights={"c": np.array(True)}, opsets=[helper.make_opsetid("acme", 1)])
    with pytest.raises(UnsupportedOperator, match="acme::Fancy"):
        open_source(save(tmp_path / "m.onnx", made), tmp_path / "out")


def test_an_operator_that_its_opset_does_not_have_is_named(tmp_path: Path) -> None:
    made = model_of([helper.make_node("Gelu", ["x"], ["y"], "activation")], 13)
    with pytest.raises(
        UnsupportedOperator, match="node 'activation' is Gelu, which ONNX opset 13 does not have"
    ):
        open_source(save(tmp_path / "m.onnx", made), tmp_path / "out")


def test_a_functions_own_operator_is_no_custom_one(tmp_path: Path) -> None:
    function = helper.make_function(
        "acme",
        "Double",
        ["a"],
        ["b"],
        [helper.make_node("Add", ["a", "a"], ["b"])],
        [helper.make_opsetid("", 13)],
    )
    made = model_of(
        [helper.make_node("Double", ["x"], ["y"], domain="acme")],
        opsets=[helper.make_opsetid("acme", 1)],
        functions=[function],
    )
    exported = open_source(save(tmp_path / "m.onnx", made), tmp_path / "out")
    with edgeai.load(exported.path) as session:
        assert session.run({"x": np.ones((1, 4), np.float32)})["y"].tolist() == [[2, 2, 2, 2]]


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_file_that_is_cut_short_is_refused(tmp_path: Path, keep: float) -> None:
    source = linear_onnx(tmp_path / "m.onnx")
    content = source.read_bytes()
    source.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(ModelError, match=r"m\.onnx"):
        open_source(str(source), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_graph_that_is_not_valid_is_refused(tmp_path: Path) -> None:
    made = model_of([helper.make_node("Add", ["x", "absent"], ["y"])])
    with pytest.raises(ModelError, match=r"m\.onnx is not valid ONNX.*export it again"):
        open_source(save(tmp_path / "m.onnx", made), tmp_path / "out")


@pytest.mark.parametrize("name", ["ppocr-cls", "ppocr-det", "ppocr-rec"])
def test_models_of_opset_11_and_12_give_the_same_after_lifting(
    public_model: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    source = public_model(name)
    exported = open_source(str(source), tmp_path, SourceOptions(seed=1))
    assert onnx.load(exported.path).opset_import[0].version == 13
    size = (48, 192) if name != "ppocr-det" else (96, 160)
    x = np.random.default_rng(7).uniform(-1, 1, (2, 3, *size)).astype(np.float32)
    with edgeai.load(source, threads=1) as before, edgeai.load(exported.path, threads=1) as after:
        key = before.inputs[0].name
        for one, other in zip(before.run({key: x}).values(), after.run({key: x}).values(), strict=True):
            assert np.abs(one - other).max() <= 1e-6


def test_open_sizes_are_fixed_wherever_their_dimension_stands(tmp_path: Path) -> None:
    source = str(linear_onnx(tmp_path / "m.onnx"))
    exported = open_source(source, tmp_path / "out", SourceOptions(shapes={"": (3, 4)}))
    with edgeai.load(exported.path) as session:
        assert [spec.shape for spec in (*session.inputs, *session.outputs)] == [(3, 4), (3, 4)]
        (name,) = (spec.name for spec in session.inputs)
        assert session.run({name: np.ones((3, 4), np.float32)})
    assert exported.provenance["done"] == [f"sizes of {name} fixed"]
    kept = open_source(source, tmp_path / "open", SourceOptions(shapes={name: ("batch", 4)}))
    with edgeai.load(kept.path) as session:
        assert session.inputs[0].shape == ("N", 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (SourceOptions(shapes={"": (2, 2)}), r"m\.onnx: shape 2x2 does not fit input '\w+', which is Nx4"),
        (SourceOptions(shapes={"": (2, 4, 1)}), "shape 2x4x1 does not fit input"),
        (SourceOptions(shapes={"nope": (2, 4)}), r"no input is called 'nope'; inputs: \w+"),
        (SourceOptions(dims={"N": (1, 8)}), "has dimensions of its own; leave --dim out"),
    ],
)
def test_sizes_that_do_not_fit_are_refused_and_nothing_is_left(
    options: SourceOptions, message: str, tmp_path: Path
) -> None:
    source = str(linear_onnx(tmp_path / "m.onnx"))
    with pytest.raises(UsageError, match=message):
        open_source(source, tmp_path / "out", options)
    assert list((tmp_path / "out").iterdir()) == []
