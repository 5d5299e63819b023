"""OpenVINO beyond the contract: the same names and numbers as the other backends, and what it must refuse."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeai
from edgeai.backends import (
    BACKENDS,
    Runner,
    RunOptions,
    backends_for,
    choose_backend,
    is_installed,
    load_backend,
)
from edgeai.backends.tuning import Tuning
from edgeai.bundle.bare import bare_variant
from edgeai.device import load_profile
from edgeai.errors import BackendMissing, InputError, ModelError
from edgeai.measure.inputs import candidate_shapes, synthetic_inputs
from tests.damaged_models import LoadChild, damaged_models
from tests.tiny_models import linear_onnx, linear_tflite

if not is_installed("openvino"):
    pytest.skip("OpenVINO is not installed: pip install 'edgeai[openvino]'", allow_module_level=True)

PublicModel = Callable[[str], Path]
SELFTEST = Path(edgeai.__file__).parent / "backends/selftest"
ONE_THREAD = RunOptions()
X = np.arange(8, dtype=np.float32).reshape(2, 4)


def opened(path: Path, options: RunOptions = ONE_THREAD, backend: str = "openvino") -> Runner:
    return load_backend(backend).open(bare_variant(path), options)


def onnx_model(path: Path, nodes: list[Any], inputs: dict[str, list[Any]], outputs: dict[str, Any]) -> Path:
    from onnx import TensorProto, helper, save

    sides = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in side.items()]
        for side in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, "g", *sides)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def node(kind: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    from onnx import helper

    return helper.make_node(kind, inputs.split(), outputs.split(), **attributes)


# --- The same as others ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "other", "shapes"),
    [
        ("face-onnx", "onnxruntime", [{}]),  # four outputs
        ("ppocr-cls", "onnxruntime", [{"x": (1, 3, 48, 192)}, {"x": (2, 3, 48, 96)}, {"x": (1, 3, 48, 192)}]),
        ("face-tflite", "litert", [{}]),
        ("basic-pitch-tflite", "litert", [{"input_2": (1, 43844, 1)}]),  # named by its signature
    ],
)
def test_a_public_model_is_what_it_is_on_the_other_backend(
    model: str, other: str, shapes: list[dict[str, tuple[int, ...]]], public_model: PublicModel
) -> None:
    path = public_model(model)
    ours, theirs = opened(path), opened(path, backend=other)
    assert ours.inputs == theirs.inputs
    assert [(spec.name, spec.dtype) for spec in ours.outputs] == [(s.name, s.dtype) for s in theirs.outputs]
    for sizes in shapes:
        chosen = next(iter(candidate_shapes(theirs.inputs, sizes, None)))
        feed = synthetic_inputs(theirs.inputs, chosen, {}, 0)
        expected, got = theirs.run(feed), ours.run(feed)
        assert list(got) == list(expected)
        for name, array in expected.items():
            np.testing.assert_allclose(got[name], array, rtol=1e-3, atol=1e-3 * np.abs(array).max())


def test_tflite_is_run_with_any_batch_into_the_callers_array(tmp_path: Path) -> None:
    runner = opened(linear_tflite(tmp_path / "linear.tflite"))
    assert [str(spec) for spec in (*runner.inputs, *runner.outputs)] == ["x: f32[?, 4]", "y: f32[?, 4]"]
    for batch in (2, 1, 2):
        y = np.empty((batch, 4), np.float32)
        assert runner.run({"x": X[:batch]}, {"y": y})["y"] is y
        np.testing.assert_array_equal(y, 2 * X[:batch] + 1)


def test_outputs_of_one_tensor_and_of_an_input_keep_their_names(tmp_path: Path) -> None:
    nodes = [node("Add", "b a", "sum"), node("Identity", "sum", "twin"), node("Identity", "a", "same")]
    shape = ["N", 2]
    path = onnx_model(
        tmp_path / "names.onnx",
        nodes,
        {"b": shape, "unused": shape, "a": shape},
        dict.fromkeys(("same", "twin", "sum"), shape),
    )
    runner = opened(path)
    assert [spec.name for spec in runner.inputs] == ["b", "unused", "a"]
    a, b = np.float32([[1, 2]]), np.float32([[10, 20]])
    outputs = runner.run({"a": a, "b": b, "unused": a})
    assert {name: array.tolist() for name, array in outputs.items()} == {
        "same": [[1, 2]],
        "twin": [[11, 22]],
        "sum": [[11, 22]],
    }
    outputs["same"][0, 0] = 5  # the caller's, and not the input
    assert a.tolist() == [[1, 2]]


@pytest.mark.parametrize(
    "dtype", ["float16", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
)
def test_numbers_of_many_kinds_come_back_as_such(dtype: str, tmp_path: Path) -> None:
    x = np.array([[0, 1, 3, 100]], dtype)
    y = opened(linear_onnx(tmp_path / "linear.onnx", dtype=dtype)).run({"x": x})["y"]
    assert y.dtype == x.dtype
    assert y.tolist() == [[1, 3, 7, 201]]


def test_a_tensor_of_no_dimension_and_one_of_no_element_are_run(tmp_path: Path) -> None:
    path = onnx_model(tmp_path / "scalar.onnx", [node("Neg", "x", "y")], {"x": []}, {"y": []})
    y = opened(path).run({"x": np.array(3, np.float32)})["y"]
    assert (y.shape, y.tolist()) == ((), -3)
    assert opened(linear_onnx(tmp_path / "a.onnx")).run({"x": X[:0]})["y"].shape == (0, 4)


def test_a_rank_that_the_file_does_not_say_is_inferred(tmp_path: Path) -> None:
    path = onnx_model(tmp_path / "rank.onnx", [node("Neg", "x", "y")], {"x": [1, "N", 3]}, {"y": None})
    assert [str(spec) for spec in opened(path).outputs] == ["y: f32[1, ?, 3]"]


def test_fixed_sizes_are_compiled_in(tmp_path: Path) -> None:
    path = linear_onnx(tmp_path / "linear.onnx")
    runner = opened(path, RunOptions(tuning=Tuning(sizes={"N": 2})))
    assert [str(spec) for spec in (*runner.inputs, *runner.outputs)] == ["x: f32[2, 4]", "y: f32[2, 4]"]
    np.testing.assert_array_equal(runner.run({"x": X})["y"], 2 * X + 1)


# --- What is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["silero-vad", "okay-nabu"])
def test_a_model_that_openvino_does_not_convert_is_a_model_error(
    model: str, public_model: PublicModel
) -> None:
    with pytest.raises(ModelError, match=r"cannot be loaded by OpenVINO|quantized") as error:
        opened(public_model(model))
    assert "\n" not in str(error.value)
    assert "src/" not in str(error.value)


def test_a_quantized_tflite_model_is_refused_because_openvino_computes_it_wrongly() -> None:
    """Once the second half fails, OpenVINO does it rightly, and the refusal can go."""
    import openvino as ov

    path = SELFTEST / "fully_connected-i8-i8-tensor.tflite"
    with pytest.raises(ModelError, match=r"a quantized TFLite model.*use the backend litert"):
        opened(path)
    x = np.random.default_rng(0).integers(-128, 128, (2, 20)).astype(np.int8)
    right = opened(path, backend="litert").run({"x": x})["y"].astype(int)
    theirs = ov.Core().compile_model(str(path), "CPU")([x])["y"].astype(int)
    assert np.abs(theirs - right).max() > 10


@pytest.mark.parametrize("dtype", ["float64", "complex64"])
def test_what_would_be_computed_in_f32_or_not_at_all_is_refused(dtype: str, tmp_path: Path) -> None:
    path = linear_onnx(tmp_path / "linear.onnx", dtype=dtype)
    with pytest.raises(ModelError, match=r"linear\.onnx: x is .*use another backend"):
        opened(path)


def test_text_is_refused(tmp_path: Path) -> None:
    from onnx import TensorProto, helper, save

    sides = [[helper.make_tensor_value_info(name, TensorProto.STRING, [1])] for name in "xy"]
    graph = helper.make_graph([node("Identity", "x", "y")], "g", *sides)
    path = tmp_path / "text.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    with pytest.raises(ModelError, match=r"text\.onnx: x is str; OpenVINO computes text, or not at all"):
        opened(path)


@pytest.mark.parametrize(("dtype", "value"), [("int64", 2**31), ("int64", -(2**31) - 1), ("uint64", 2**31)])
def test_integers_that_openvino_would_cut_off_are_refused(dtype: str, value: int, tmp_path: Path) -> None:
    runner = opened(linear_onnx(tmp_path / "linear.onnx", dtype=dtype))
    with pytest.raises(InputError, match="'x' holds numbers beyond 32 bits"):
        runner.run({"x": np.array([[0, 0, 0, value]], dtype)})


def test_signatures_that_it_cannot_choose_are_refused(tmp_path: Path) -> None:
    several = linear_tflite(tmp_path / "several.tflite", ("one", "two"))
    with pytest.raises(ModelError, match=r"several signatures \(one, two\).*use the backend litert"):
        opened(several)
    one = linear_tflite(tmp_path / "one.tflite", ("one",))
    assert opened(one, RunOptions(signature="one")).run({"x": X})["y"][0, 0] == 1
    with pytest.raises(InputError, match="has no signature 'two'; it has: one"):
        opened(one, RunOptions(signature="two"))
    with pytest.raises(InputError, match="is ONNX, which has no signatures"):
        opened(linear_onnx(tmp_path / "linear.onnx"), RunOptions(signature="one"))


@pytest.mark.parametrize("operator", ["MatMul", "Add"])
@pytest.mark.parametrize("threads", [1, 2])
def test_shapes_that_the_arithmetic_refuses_are_an_input_error_and_harm_no_later_call(
    operator: str, threads: int, tmp_path: Path
) -> None:
    """In a stream of one thread the errors were lost, and outputs of the last call came back."""
    shape = ["?", "??"]
    path = onnx_model(
        tmp_path / "m.onnx", [node(operator, "a b", "y")], {"a": shape, "b": shape}, {"y": None}
    )
    runner = opened(path, RunOptions(threads=threads))
    square = np.ones((3, 3), np.float32)
    for bad in (np.ones((2, 3), np.float32), np.ones((64, 64), np.float32)):
        with pytest.raises(InputError, match=rf"refused the shapes a \[3, 3\], b \[{len(bad)}, "):
            runner.run({"a": square, "b": bad})
        y = runner.run({"a": square, "b": square})["y"]
        np.testing.assert_array_equal(y, square @ square if operator == "MatMul" else square + square)


def test_a_name_that_is_no_text_is_a_model_error(tmp_path: Path) -> None:
    path = onnx_model(tmp_path / "bad.onnx", [node("Relu", "x", "y")], {"x": [3]}, {"y": [3]})
    path.write_bytes(path.read_bytes().replace(b"\x01x", b"\x01\xf5"))
    with pytest.raises(ModelError, match=r"bad\.onnx"):
        opened(path)


def test_a_damaged_model_is_an_error_of_ours_or_runs(public_model: PublicModel, tmp_path: Path) -> None:
    """All 200 do, of which those that are damaged in a way that our readers pass are tried here."""
    chosen = [each for each in damaged_models(tmp_path, public_model) if _PASSED.search(each.name)]
    with LoadChild(backend="openvino") as child:
        outcomes = {each.name: child.open(each.path) for each in chosen}
    assert len(outcomes) > 30
    assert {name: told for name, told in outcomes.items() if told.kind not in {"ran", "error"}} == {}
    assert [told.said for told in outcomes.values() if "\n" in told.said] == []


_PASSED = re.compile(r"(ppocr-cls|face-tflite).*(one-bit|zeroed)|external|utf8|gigabytes|negative")


# --- It runs where it is asked for -------------------------------------------------------------------------


def test_it_is_never_taken_without_being_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = linear_onnx(tmp_path / "linear.onnx")
    with edgeai.load(path) as session:
        assert session.backend == "onnxruntime"
    with edgeai.load(path, backend="openvino") as session:
        assert session.backend == "openvino"
        np.testing.assert_array_equal(session.run(X)["y"], 2 * X + 1)
    likes_it = dataclasses.replace(load_profile("x86-64"), preferred_backends=("openvino",))
    with edgeai.load(path, device=likes_it) as session:
        assert session.backend == "openvino"
    assert backends_for("tflite") == ["litert", "tflite-runtime"]
    for name in ("onnxruntime", "litert", "tflite-runtime"):
        monkeypatch.setitem(BACKENDS, name, BACKENDS[name]._replace(module="no_such_library"))
    with pytest.raises(BackendMissing, match=r"pip install 'edgeai\[onnx\]'; or ask for openvino"):
        choose_backend("onnx")


CHILD = """
import sys, time
import numpy as np
import edgeai
with edgeai.load(sys.argv[1], backend="openvino", threads=2) as session:
    x = np.ones((64, 4), np.float32)
    for _ in range(20):
        session.run(x)
    before = time.process_time()
    time.sleep(1)
    print(time.process_time() - before)
"""


def test_it_writes_nothing_to_disk_and_idles_between_calls(tmp_path: Path) -> None:
    path = linear_onnx(tmp_path / "linear.onnx")
    home = tmp_path / "home"
    home.mkdir()
    places = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "EDGEAI_HOME"), str(home))
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)],
        capture_output=True,
        text=True,
        cwd=home,
        env={**os.environ, **places, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert child.returncode == 0, child.stderr
    assert list(home.rglob("*")) == []
    assert float(child.stdout) < 0.01  # of a second: 1 % of a core
