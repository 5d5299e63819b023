"""What every backend promises, tried on each line of the table and on the fake.

tflite-runtime needs an environment of its own: test_tflite_legacy.py runs this file there.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from edgeai.backends import BACKENDS, Runner, RunOptions, is_installed, load_backend
from edgeai.bundle import Variant
from edgeai.errors import EdgeError, InputError, ModelError, ProviderError, SessionClosed
from edgeai.testing import write_fake_model
from tests.tiny_models import linear_onnx, linear_tflite

FAKE = "edgeai.testing:FakeBackend"


@pytest.fixture(params=[*(name for name in BACKENDS if is_installed(name)), FAKE])
def backend_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def variant(backend_name: str, tmp_path: Path) -> Variant:
    if backend_name == FAKE:
        return Variant("bare", "onnx", write_fake_model(tmp_path / "fake.onnx"))
    if "onnx" in BACKENDS[backend_name].formats:
        return Variant("bare", "onnx", linear_onnx(tmp_path / "linear.onnx"))
    return Variant("bare", "tflite", linear_tflite(tmp_path / "linear.tflite"))


@pytest.fixture
def runner(backend_name: str, variant: Variant) -> Runner:
    return load_backend(backend_name).open(variant, RunOptions(threads=1))


def floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def test_it_states_names_dtypes_and_shapes(runner: Runner) -> None:
    (x,), (y,) = runner.inputs, runner.outputs
    assert (x.name, x.dtype, y.name, y.dtype) == ("x", "f32", "y", "f32")
    assert isinstance(x.shape[0], str)
    assert x.shape[1] == 4


def test_it_computes_the_model(runner: Runner) -> None:
    x = floats(1, 4)
    np.testing.assert_array_equal(runner.run({"x": x})["y"], 2 * x + 1)


@pytest.mark.parametrize("batch", [3, 1, 7])
def test_a_symbolic_dimension_takes_any_size_one_after_the_other(runner: Runner, batch: int) -> None:
    for size in (1, batch, 2):
        x = floats(size, 4)
        np.testing.assert_array_equal(runner.run({"x": x})["y"], 2 * x + 1)


def test_outputs_belong_to_the_caller(runner: Runner) -> None:
    first = runner.run({"x": floats(1, 4)})["y"]
    kept = first.copy()
    runner.run({"x": np.zeros((1, 4), np.float32)})
    np.testing.assert_array_equal(first, kept)


def test_outputs_can_be_written_into_the_callers_array(runner: Runner) -> None:
    x, y = floats(2, 4), np.empty((2, 4), np.float32)
    outputs = runner.run({"x": x}, {"y": y})
    assert outputs["y"] is y
    np.testing.assert_array_equal(y, 2 * x + 1)


def test_an_array_of_another_shape_is_refused_as_output(runner: Runner) -> None:
    with pytest.raises(EdgeError) as kept:
        runner.run({"x": floats(2, 4)}, {"y": np.empty((3, 4), np.float32)})
    for batch in (1, 2):  # it still runs and resizes, while somebody keeps the error
        x = floats(batch, 4)
        np.testing.assert_array_equal(runner.run({"x": x})["y"], 2 * x + 1)
    assert "[2, 4]" in str(kept.value) or "shape" in str(kept.value)


def test_a_view_with_strides_is_read_rightly(runner: Runner) -> None:
    x = floats(4, 3).T
    np.testing.assert_array_equal(runner.run({"x": x})["y"], 2 * x + 1)


def test_inputs_are_not_written_to(runner: Runner) -> None:
    x = floats(1, 4)
    kept = x.copy()
    x.flags.writeable = False
    runner.run({"x": x})
    np.testing.assert_array_equal(x, kept)


def test_several_threads_may_call_it(runner: Runner) -> None:
    wrong: list[float] = []

    def call(value: float) -> None:
        x = np.full((1, 4), value, np.float32)
        wrong.extend(value for _ in range(50) if (runner.run({"x": x})["y"] != 2 * x + 1).any())

    threads = [threading.Thread(target=call, args=(float(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_it_says_that_all_nodes_run_on_the_cpu(runner: Runner) -> None:
    runner.run({"x": floats(1, 4)})
    assert runner.provider == "cpu"
    assert dict(runner.provider_share) == {"cpu": 1.0}


def test_reset_and_close_are_always_possible(runner: Runner) -> None:
    runner.run({"x": floats(1, 4)})
    runner.reset()
    x = floats(1, 4)
    np.testing.assert_array_equal(runner.run({"x": x})["y"], 2 * x + 1)
    runner.close()


def test_closing_while_others_run_or_wait_is_a_clean_end(runner: Runner) -> None:
    wrong: list[BaseException] = []

    def call() -> None:
        x = floats(64, 4)
        try:
            for _ in range(10_000):
                runner.run({"x": x})
        except SessionClosed:
            return
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.01)
    runner.close()
    for thread in threads:
        thread.join()
    assert wrong == []
    with pytest.raises(SessionClosed):
        runner.run({"x": floats(1, 4)})
    with pytest.raises(SessionClosed):
        runner.reset()


@pytest.mark.parametrize("batch", [1, 100_000])  # small outputs are copied, large ones bound
def test_small_and_large_outputs_are_written_into_the_callers_array(runner: Runner, batch: int) -> None:
    x, y = floats(batch, 4), np.empty((batch, 4), np.float32)
    assert runner.run({"x": x}, {"y": y})["y"] is y
    np.testing.assert_array_equal(y, 2 * x + 1)


def test_an_unknown_provider_is_refused_by_name(backend_name: str, variant: Variant) -> None:
    with pytest.raises(ProviderError, match="'warp-drive'"):
        load_backend(backend_name).open(variant, RunOptions(providers=("warp-drive",)))


def test_preferred_providers_that_are_absent_are_passed_over(backend_name: str, variant: Variant) -> None:
    options = RunOptions(preferred_providers=("tensorrt", "cuda", "cpu"))
    assert load_backend(backend_name).open(variant, options).provider == "cpu"


def test_a_damaged_file_is_a_model_error_that_names_it(
    backend_name: str, variant: Variant, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.model"
    damaged.write_bytes(variant.path.read_bytes()[:12])
    with pytest.raises(ModelError, match=r"damaged\.model"):
        load_backend(backend_name).open(Variant("bare", variant.format, damaged), RunOptions())


def test_it_has_a_version(backend_name: str) -> None:
    assert load_backend(backend_name).version()[0].isdecimal()


def test_inputs_that_the_arithmetic_refuses_are_an_input_error(tmp_path: Path) -> None:
    """A symbolic shape may be allowed by the signature and still not suit the model."""
    from onnx import TensorProto, helper, save

    graph = helper.make_graph(
        [helper.make_node("MatMul", ["a", "b"], ["y"])],
        "matmul",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, None]) for name in "ab"],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, None])],
    )
    path = tmp_path / "matmul.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    runner = load_backend("onnxruntime").open(Variant("bare", "onnx", path), RunOptions())
    with pytest.raises(InputError, match="the model wants a: f32"):
        runner.run({"a": floats(2, 3), "b": floats(2, 3)})
