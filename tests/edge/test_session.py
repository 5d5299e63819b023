"""edgeai.load and Session: what goes in is checked, what comes out is right, whatever the backend."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import edgeai
from edgeai.backends import RunOptions, load_backend
from edgeai.bundle import Variant
from edgeai.errors import (
    BackendMissing,
    InputError,
    ModelError,
    ModelNotFound,
    ProviderError,
    ProviderUnused,
    SessionClosed,
    UnknownBackend,
    UnknownDevice,
)
from edgeai.session import Session
from edgeai.testing import write_fake_model
from tests.tiny_models import linear_onnx, linear_tflite

PublicModel = Callable[[str], Path]


@pytest.fixture
def linear(tmp_path: Path) -> Iterator[Session]:
    with edgeai.load(linear_onnx(tmp_path / "linear.onnx")) as session:
        yield session


def floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def test_it_is_used_as_the_readme_says(tmp_path: Path) -> None:
    x = floats(1, 4)
    with edgeai.load(linear_onnx(tmp_path / "linear.onnx")) as session:
        np.testing.assert_array_equal(session.run({"x": x})["y"], 2 * x + 1)
        np.testing.assert_array_equal(session.run(x)["y"], 2 * x + 1)
        assert (session.backend, session.provider) == ("onnxruntime", "cpu")
        assert [str(spec) for spec in session.inputs] == ["x: f32[N, 4]"]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "got nothing; it wants exactly x: f32"),
        ({"z": floats(1, 4)}, "got no input 'x'; it wants x: f32"),
        ({"x": floats(1, 4), "z": floats(1, 4)}, "got 'x', 'z'; it wants exactly x: f32"),
        ({"x": floats(1, 5)}, r"input x: f32\[N, 4\] \(float32\) got float32\[1, 5\]"),
        ({"x": floats(4)}, r"got float32\[4\]"),
        ({"x": floats(1, 4).astype(np.float64)}, r"\(float32\) got float64\[1, 4\]"),
        ({"x": [[1.0, 2.0, 3.0, 4.0]]}, "got a list; pass a numpy array"),
        ({"x": floats(1, 4).astype(">f4")}, "got >f4"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_the_model_wants(
    linear: Session, inputs: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        linear.run(inputs)


def test_one_name_is_one_size(tmp_path: Path) -> None:
    from onnx import TensorProto, helper, save

    graph = helper.make_graph(
        [helper.make_node("Add", ["a", "b"], ["y"])],
        "add",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N"]) for name in "ab"],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N"])],
    )
    path = tmp_path / "add.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    with edgeai.load(path) as session:
        assert session.run({"a": floats(3), "b": floats(3)})["y"].shape == (3,)
        with pytest.raises(InputError, match=r"input b: f32\[N\] \(float32\) got float32\[1\]"):
            session.run({"a": floats(3), "b": floats(1)})
        with pytest.raises(InputError, match="several inputs; pass a dict: a: f32"):
            session.run(floats(3))


def test_outputs_are_written_where_the_caller_says(linear: Session) -> None:
    x, y = floats(2, 4), np.empty((2, 4), np.float32)
    assert linear.run(x, out={"y": y})["y"] is y
    np.testing.assert_array_equal(y, 2 * x + 1)


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ({"z": np.empty((1, 4), np.float32)}, "has no output 'z'; it has y"),
        ({"y": np.empty((1, 4), np.float64)}, r"out\['y'\] must be float32; it is float64\[1, 4\]"),
        ({"y": np.empty((1, 3), np.float32)}, r"must be shape \['N', 4\]"),
        ({"y": np.empty((4, 1), np.float32).T}, None),
        ({"y": np.empty((2, 8), np.float32)[:, ::2]}, "C-contiguous"),
        ({"y": [0.0]}, "it is list"),
    ],
)
def test_an_output_array_that_does_not_fit_is_refused(
    linear: Session, out: dict[str, np.ndarray], message: str | None
) -> None:
    if message is None:  # (1, 4) with any strides is contiguous: one row
        assert linear.run(floats(1, 4), out=out)["y"] is out["y"]
        return
    with pytest.raises(InputError, match=message):
        linear.run(floats(1, 4), out=out)


def test_a_closed_session_says_so(linear: Session) -> None:
    linear.close()
    linear.close()
    with pytest.raises(SessionClosed, match=r"linear\.onnx is closed"):
        linear.run(floats(1, 4))
    with pytest.raises(SessionClosed):
        linear.reset()
    assert "closed" in repr(linear)


def test_wrong_words_to_load_are_named(tmp_path: Path) -> None:
    path = linear_onnx(tmp_path / "linear.onnx")
    with pytest.raises(UnknownBackend, match="'nosuch'; known: onnxruntime, litert"):
        edgeai.load(path, backend="nosuch")
    with pytest.raises(UnknownDevice):
        edgeai.load(path, device="nosuch")
    with pytest.raises(ModelError, match="is onnx, which litert does not read"):
        edgeai.load(path, backend="litert")
    with pytest.raises(InputError, match="threads is 0"):
        edgeai.load(path, threads=0)
    with pytest.raises(ModelNotFound, match="no such file"):
        edgeai.load(tmp_path / "nosuch.onnx")
    with pytest.raises(BackendMissing, match=r"nosuch\.module:Class does not load"):
        edgeai.load(path, backend="nosuch.module:Class")
    with pytest.raises(BackendMissing, match="os:getcwd is no backend"):
        edgeai.load(path, backend="os:getcwd")
    for backend in (":X", "..a:B", "a:"):
        with pytest.raises(UnknownBackend):
            edgeai.load(path, backend=backend)
    with pytest.raises(InputError, match="which has no signatures"):
        edgeai.load(path, signature="serving_default")
    for wrong in (True, 1.5, "2", 1025):
        with pytest.raises(InputError, match="give a whole number from 1 to 1024"):
            edgeai.load(path, threads=wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="device is 5"):
        edgeai.load(path, device=5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="None is no path"):
        edgeai.load(None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="providers is 3"):
        edgeai.load(path, providers=3)  # type: ignore[arg-type]


def test_a_missing_library_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else found(name)
    )
    with pytest.raises(BackendMissing, match=r"pip install 'edgeai\[onnx\]'"):
        edgeai.load(linear_onnx(tmp_path / "linear.onnx"))


def test_content_decides_and_not_the_name(tmp_path: Path) -> None:
    path = linear_tflite(tmp_path / "really.tflite").rename(tmp_path / "called.onnx")
    with edgeai.load(path) as session:
        assert session.backend == "litert"


def test_threads_are_those_asked_for_or_the_devices(tmp_path: Path) -> None:
    path = linear_onnx(tmp_path / "linear.onnx")
    with edgeai.load(path, threads=1) as session:
        assert session.threads == 1
    with edgeai.load(path) as session:
        assert session.threads >= 1


class TestOnnxRuntimeProviders:
    """The stock wheels carry a second provider, Azure, on which no node of these models can run."""

    pytestmark = pytest.mark.skipif(
        "AzureExecutionProvider" not in onnxruntime.get_available_providers(),
        reason="this build of ONNX Runtime carries the CPU provider only",
    )

    @pytest.mark.filterwarnings("ignore::edgeai.errors.ProviderUnused")
    def test_the_provider_is_the_one_that_really_runs_the_nodes(self, tmp_path: Path) -> None:
        path = linear_onnx(tmp_path / "linear.onnx")
        with edgeai.load(path, providers=["azure", "cpu"]) as session:
            session.run(floats(1, 4))
            assert session.provider == "cpu"
            assert session.provider_share == {"cpu": 1.0}

    def test_a_provider_asked_for_that_runs_no_node_is_a_warning(self, tmp_path: Path) -> None:
        path = linear_onnx(tmp_path / "linear.onnx")
        if not hasattr(onnxruntime.InferenceSession, "get_provider_graph_assignment_info"):
            with edgeai.load(path, providers=["azure", "cpu"]) as session:
                assert session.provider is None  # before 1.24 only the first run can tell
            return
        with pytest.warns(ProviderUnused, match="no node runs on azure; all run on cpu"):
            edgeai.load(path, providers=["azure", "cpu"]).close()

    def test_one_name_may_stand_alone_and_twice_is_once(self, tmp_path: Path) -> None:
        path = linear_onnx(tmp_path / "linear.onnx")
        for providers in ("cpu", ["cpu", "cpu"]):
            with edgeai.load(path, providers=providers) as session:
                assert session.provider == "cpu"

    def test_a_profiles_provider_that_fails_to_start_is_a_warning_and_the_cpu_runs(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A build with CUDA on a board whose driver does not work; imitated, since no GPU is here."""
        real = onnxruntime.InferenceSession

        def broken_driver(path: str, options: object, providers: list[str], **other: object) -> object:
            if providers[0] != "CPUExecutionProvider":
                raise RuntimeError("CUDA driver version is insufficient")
            return real(path, options, providers=providers, **other)

        monkeypatch.setattr(onnxruntime, "InferenceSession", broken_driver)
        variant = Variant("bare", "onnx", linear_onnx(tmp_path / "linear.onnx"))
        backend = load_backend("onnxruntime")
        with pytest.warns(ProviderUnused, match="azure failed and the CPU runs the model: CUDA driver"):
            runner = backend.open(variant, RunOptions(preferred_providers=("azure", "cpu")))
        assert runner.run({"x": floats(1, 4)})["y"].shape == (1, 4)
        with pytest.raises(ModelError, match="CUDA driver"):
            backend.open(variant, RunOptions(providers=("azure", "cpu")))

    def test_without_cpu_in_the_list_nodes_that_would_run_there_are_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(ProviderError, match="add 'cpu' to the providers"):
            edgeai.load(linear_onnx(tmp_path / "linear.onnx"), providers=["azure"])

    @pytest.mark.filterwarnings("ignore::edgeai.errors.ProviderUnused")
    def test_outputs_can_be_bound_in_the_very_first_run(self, tmp_path: Path) -> None:
        x, y = floats(1, 4), np.empty((1, 4), np.float32)
        with edgeai.load(linear_onnx(tmp_path / "linear.onnx"), providers=["azure", "cpu"]) as session:
            session.run(x, out={"y": y})
            np.testing.assert_array_equal(y, 2 * x + 1)
            assert session.provider == "cpu"

    @pytest.mark.filterwarnings("ignore::edgeai.errors.ProviderUnused")
    def test_closing_before_the_first_run_leaves_nothing_behind(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import tempfile

        scratch = tmp_path / "scratch"
        scratch.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(scratch))
        with edgeai.load(linear_onnx(tmp_path / "linear.onnx"), providers=["azure", "cpu"]):
            pass
        assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("dtype", ["float16", "float64", "int32", "int64"])
def test_every_common_dtype_goes_through_onnx(tmp_path: Path, dtype: str) -> None:
    x = np.arange(4).reshape(1, 4).astype(dtype)
    with edgeai.load(linear_onnx(tmp_path / "linear.onnx", dtype=dtype)) as session:
        np.testing.assert_array_equal(session.run(x)["y"], 2 * x + 1)


def test_what_onnx_runtime_has_no_kernel_for_is_a_model_error(tmp_path: Path) -> None:
    """There is no Mul for int8 on the CPU."""
    with pytest.raises(ModelError, match="cannot be loaded by ONNX Runtime"):
        edgeai.load(linear_onnx(tmp_path / "linear.onnx", dtype="int8"))


def test_a_fixed_onnx_shape_states_itself(tmp_path: Path) -> None:
    with edgeai.load(linear_onnx(tmp_path / "linear.onnx", shape=(2, 4))) as session:
        assert session.inputs[0].is_static
        with pytest.raises(InputError, match=r"f32\[2, 4\] \(float32\) got float32\[1, 4\]"):
            session.run(floats(1, 4))


def test_several_tflite_signatures_have_to_be_chosen(tmp_path: Path) -> None:
    path = linear_tflite(tmp_path / "two.tflite", signatures=("add_one", "add_two"))
    with pytest.raises(InputError, match="several signatures; choose one of them: add_one, add_two"):
        edgeai.load(path)
    with pytest.raises(InputError, match="no signature 'nosuch'; it has: add_one, add_two"):
        edgeai.load(path, signature="nosuch")
    for key, offset in (("add_one", 1), ("add_two", 2)):
        with edgeai.load(path, signature=key) as session:
            for batch in (1, 3):
                x, y = floats(batch, 4), np.empty((batch, 4), np.float32)
                np.testing.assert_array_equal(session.run(x)["y"], 2 * x + offset)
                assert session.run(x, out={"y": y})["y"] is y
                np.testing.assert_array_equal(y, 2 * x + offset)


def test_a_tflite_file_without_signatures_uses_tensor_names(tmp_path: Path) -> None:
    with edgeai.load(linear_tflite(tmp_path / "none.tflite", signatures=("",))) as session:
        assert [spec.name for spec in (*session.inputs, *session.outputs)] == ["x", "y"]


class TestQuantizedWakeWord:
    """A real int8 model with state inside: x int8[1, 3, 40] -> y uint8[1, 1]."""

    @pytest.fixture
    def session(self, public_model: PublicModel) -> Iterator[Session]:
        with edgeai.load(public_model("okay-nabu")) as session:
            yield session

    def test_it_takes_and_gives_real_values(self, session: Session) -> None:
        (x,), (y,) = session.inputs, session.outputs
        assert (x.dtype, x.shape, x.quantization, y.dtype) == ("f32", (1, 3, 40), None, "f32")
        probability = session.run(np.zeros((1, 3, 40), np.float32))[y.name]
        assert probability.dtype == np.float32
        assert 0 <= probability.item() <= 1

    def test_raw_values_are_the_files_own_and_agree_with_the_real_ones(self, session: Session) -> None:
        raw_x, raw_y = session.raw_inputs[0], session.raw_outputs[0]
        assert (raw_x.dtype, raw_y.dtype) == ("i8", "u8")
        assert raw_x.quantization is not None
        assert raw_y.quantization is not None
        random = np.random.default_rng(0)
        for _ in range(20):
            raw = random.integers(-128, 128, (1, 3, 40)).astype(np.int8)
            real = (raw.astype(np.float32) - raw_x.quantization.zero_point) * raw_x.quantization.scale
            session.reset()
            from_raw = session.run(raw, raw=True)[raw_y.name]
            session.reset()
            from_real = session.run(real.astype(np.float32))[raw_y.name]
            assert from_real.item() == pytest.approx(from_raw.item() * raw_y.quantization.scale)

    def test_dtypes_are_told_apart_by_raw(self, session: Session) -> None:
        with pytest.raises(InputError, match=r"f32\[1, 3, 40\] \(float32\) got int8"):
            session.run(np.zeros((1, 3, 40), np.int8))
        with pytest.raises(InputError, match=r"i8\[1, 3, 40\] .*got float32"):
            session.run(np.zeros((1, 3, 40), np.float32), raw=True)

    def test_nan_is_refused(self, session: Session) -> None:
        with pytest.raises(InputError, match="holds NaN"):
            session.run(np.full((1, 3, 40), np.nan, np.float32))

    def test_real_outputs_are_written_where_the_caller_says(self, session: Session) -> None:
        name = session.outputs[0].name
        y = np.full((1, 1), -1, np.float32)
        assert session.run(np.zeros((1, 3, 40), np.float32), out={name: y})[name] is y
        assert y.item() >= 0

    def test_reset_gives_the_same_answers_again(self, session: Session) -> None:
        chunks = np.random.default_rng(1).integers(-128, 128, (30, 1, 3, 40)).astype(np.int8)
        name = session.outputs[0].name
        first = [session.run(chunk, raw=True)[name].item() for chunk in chunks]
        session.reset()
        again = [session.run(chunk, raw=True)[name].item() for chunk in chunks]
        assert first == again


def test_an_applications_own_backend_is_named_by_module_and_class(tmp_path: Path) -> None:
    x = floats(1, 4)
    model = write_fake_model(tmp_path / "fake.onnx")
    with edgeai.load(model, backend="edgeai.testing:FakeBackend") as session:
        np.testing.assert_array_equal(session.run(x)["y"], 2 * x + 1)


def test_an_input_that_fits_is_not_copied(tmp_path: Path) -> None:
    """200 MB go in and one number comes out: in a fresh process the peak may not rise by a copy."""
    from onnx import TensorProto, helper, save

    graph = helper.make_graph(
        [helper.make_node("ReduceMax", ["x"], ["y"], axes=[0], keepdims=0)],
        "largest",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [])],
    )
    path = tmp_path / "largest.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    program = f"""
import numpy as np, edgeai
from edgeai.measure.memory import read_memory, reset_peak
from edgeai.sysroot import SysRoot
x = np.ones(50_000_000, np.float32)
with edgeai.load({str(path)!r}) as session:
    session.run(x[:10])
    assert reset_peak(SysRoot())
    before = read_memory(SysRoot()).resident_bytes
    assert session.run(x)["y"] == 1
    print(read_memory(SysRoot()).peak_bytes - before)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 20_000_000
