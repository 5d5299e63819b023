"""tflite-runtime needs Python 3.11 or older and numpy 1: these tests run it in an environment of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edgeai.backends import RunOptions, choose_backend, load_backend
from edgeai.bundle import Variant

pytest.importorskip("ai_edge_litert", reason="writing and comparing TFLite models needs edgeai[tflite]")

from tests.edge.backends import make_selftest_models as models

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CHECKOUT = Path(__file__).parents[3]
SELFTEST = Path("edgeai", "backends", "selftest")

# Seen to be wrong on x86-64. Another machine has other kernels and may get fewer or more of them right.
WRONG = {
    "fully_connected-f32-i8-channel",
    "fully_connected-f32-i4-channel",
    "conv_2d-f32-i4-channel",
    "conv_2d-f32-i4-tensor",
    "depthwise_conv_2d-f32-i8-tensor",
    "batch_matmul-f32-i8-channel",
    "embedding_lookup-i32-i8-channel",
}
only_x86 = pytest.mark.skipif(os.uname().machine != "x86_64", reason="what is wrong was recorded on x86-64")

# Runs in the other environment: opens each model, calls it on each of its inputs, says what came of it.
DRIVER = """
import json, sys
from pathlib import Path
from edgeai.backends import RunOptions, load_backend
from edgeai.bundle import Variant
from edgeai.errors import EdgeError

def answer(folder, threads):
    backend = load_backend("tflite-runtime")
    model = Variant("bare", "tflite", folder / "model.tflite")
    runner = backend.open(model, RunOptions(threads=threads))
    import numpy as np
    with np.load(folder / "inputs.npz") as file:
        inputs = dict(file)
    calls = len(next(iter(inputs.values())))
    outputs = [runner.run({name: batch[k] for name, batch in inputs.items()}) for k in range(calls)]
    stacked = {name: np.stack([one[name] for one in outputs]) for name in outputs[0]}
    np.savez(folder / "outputs.npz", **stacked)
    runner.close()
    specs = [str(spec) for spec in (*runner.inputs, *runner.outputs)]
    return {"version": backend.version(), "specs": specs}

for folder in sys.argv[2:]:
    try:
        print(json.dumps(answer(Path(folder), int(sys.argv[1]))))
    except EdgeError as error:
        print(json.dumps({"error": type(error).__name__, "message": str(error)}))
"""


@dataclass(frozen=True)
class Answer:
    """What came of a model in the other environment: outputs, stacked over the calls, or an error."""

    outputs: Mapping[str, np.ndarray]
    version: str = ""
    specs: tuple[str, ...] = ()
    error: str = ""
    message: str = ""


@dataclass(frozen=True)
class Legacy:
    """A Python with tflite-runtime, and the edgeai that it imports."""

    python: tuple[str, ...]
    folder: Path
    search: tuple[Path, ...] = (CHECKOUT / "edge",)

    def run(self, model: bytes, inputs: Mapping[str, np.ndarray], threads: int = 1) -> Answer:
        """inputs: by name, stacked over the calls."""
        return self.run_all({"only": (model, inputs)}, threads)["only"]

    def run_all(
        self, jobs: Mapping[str, tuple[bytes, Mapping[str, np.ndarray]]], threads: int = 1
    ) -> dict[str, Answer]:
        """Several models in one process."""
        for name, (model, inputs) in jobs.items():
            (self.folder / name).mkdir(exist_ok=True)
            (self.folder / name / "model.tflite").write_bytes(model)
            np.savez(self.folder / name / "inputs.npz", **inputs)
        done = subprocess.run(
            [*self.python, "-W", "error", "-c", DRIVER, str(threads), *(self.folder / name for name in jobs)],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(map(str, self.search)),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answers = map(json.loads, done.stdout.splitlines())
        return {name: self._answer(name, facts) for name, facts in zip(jobs, answers, strict=True)}

    def _answer(self, name: str, facts: dict[str, Any]) -> Answer:
        if "error" in facts:
            return Answer({}, **facts)
        with np.load(self.folder / name / "outputs.npz") as outputs:
            return Answer(dict(outputs), facts["version"], tuple(facts["specs"]))


@pytest.fixture(scope="session")
def legacy_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python 3.11 or 3.10 with what `edgeai[tflite-legacy]` brings; takes about 10 s, once a session."""
    folder = tmp_path_factory.mktemp("tflite-legacy")
    subprocess.run([_old_python(), "-m", "venv", "--without-pip", folder], check=True, timeout=120)
    python = folder / "bin" / "python"
    _pip_install(python, "tflite-runtime==2.14.0", "numpy<2", "pytest")
    return python


@pytest.fixture
def legacy(legacy_python: Path, tmp_path: Path) -> Legacy:
    return Legacy((str(legacy_python),), tmp_path)


@pytest.fixture
def tampered(legacy: Legacy, tmp_path: Path) -> Legacy:
    """With a copy of edgeai, so that a test may change the data of the self-test."""
    shutil.copytree(CHECKOUT / "edge", tmp_path / "edge", ignore=shutil.ignore_patterns("__pycache__"))
    return replace(legacy, search=(tmp_path / "edge",))


def test_it_keeps_the_contract_of_every_backend(legacy_python: Path, tmp_path: Path) -> None:
    # To write its models the contract wants TFLite's schema; pip would bring numpy 2 along with it.
    (tmp_path / "ai_edge_litert").mkdir()
    (tmp_path / "ai_edge_litert" / "schema_py_generated.py").symlink_to(str(models.schema.__file__))
    (tmp_path / "flatbuffers").symlink_to(Path(str(models.flatbuffers.__file__)).parent)
    contract = Path(__file__).with_name("test_contract.py")
    quiet = ["-q", "-p", "no:cacheprovider", "--noconftest", "--basetemp", tmp_path / "contract"]
    done = subprocess.run(
        [legacy_python, "-m", "pytest", *quiet, "-k", "tflite-runtime", contract],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, (CHECKOUT / "edge", tmp_path))),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout  # 5 where no test was selected


@pytest.mark.parametrize("model_id", ["okay-nabu", "face-tflite", "basic-pitch-tflite"])
def test_a_public_model_agrees_with_litert(
    legacy: Legacy, public_model: Callable[[str], Path], model_id: str
) -> None:
    path = public_model(model_id)
    specs, inputs, expected = _litert(path, calls=20 if model_id == "okay-nabu" else 2)
    answer = legacy.run(path.read_bytes(), inputs)
    assert (answer.message, answer.version, answer.specs) == ("", "2.14.0", specs)
    assert answer.outputs.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(answer.outputs[name], values, rtol=1e-3, atol=1e-3, err_msg=name)


def test_a_float_cnn_agrees_with_litert_on_one_thread_and_two(legacy: Legacy, tmp_path: Path) -> None:
    specs, inputs, expected = _litert(_write(tmp_path, models.cnn(None)), calls=3)
    for threads in (1, 2):
        answer = legacy.run(models.cnn(None), inputs, threads)
        assert (answer.message, answer.specs) == ("", specs)
        np.testing.assert_allclose(answer.outputs["scores"], expected["scores"], rtol=1e-4, atol=1e-3)


def test_int8_weights_with_one_scale_agree_with_litert(legacy: Legacy, tmp_path: Path) -> None:
    _, inputs, expected = _litert(_write(tmp_path, models.cnn("tensor")), calls=3)
    answer = legacy.run(models.cnn("tensor"), inputs)
    error = np.abs(answer.outputs["scores"] - expected["scores"]).max()
    assert error < models.TOLERANCE * np.abs(expected["scores"]).max()


def test_a_float_model_needs_no_selftest(tampered: Legacy) -> None:
    shutil.rmtree(tampered.search[0] / SELFTEST)
    assert tampered.run(models.cnn(None), _image()).message == ""


@only_x86
def test_a_dynamic_int8_cnn_is_refused_and_its_wrong_operator_named(legacy: Legacy) -> None:
    answer = legacy.run(models.cnn("channel"), _image())
    assert answer.error == "ModelError"
    assert answer.message.startswith(
        f"{legacy.folder}/only/model.tflite has 1 x FULLY_CONNECTED with f32 inputs, i8 weights and a scale "
        "for each channel (first: 'dense/kernel'), which tflite-runtime computes wrongly on this machine "
        "(self-test: off by 99% of the greatest value); "
    )
    assert answer.message.endswith(
        "; export it with float weights or static int8, or run it with ai-edge-litert where that has wheels: "
        "pip install 'edgeai[tflite]'"
    )


@only_x86
def test_what_litert_computes_wrongly_too_is_not_sent_there(legacy: Legacy) -> None:
    case = next(case for case in models.cases() if case.name == "depthwise_conv_2d-f32-i8-tensor")
    answer = legacy.run(case.model, {"x": case.input[np.newaxis]})
    assert answer.message.endswith("; export it with float weights or static int8")


def test_every_kind_is_either_right_or_refused(legacy: Legacy) -> None:
    cases = {case.name: case for case in models.cases()}
    answers = legacy.run_all(
        {name: (case.model, {"x": case.input[np.newaxis]}) for name, case in cases.items()}
    )
    for name, answer in answers.items():
        if not answer.error:
            assert models.error(cases[name], answer.outputs["y"][0]) <= models.TOLERANCE, name
    if os.uname().machine == "x86_64":
        assert {name for name, answer in answers.items() if answer.error == "ModelError"} == WRONG


def test_a_kind_that_gives_other_outputs_than_expected_is_refused(tampered: Legacy) -> None:
    file = tampered.search[0] / SELFTEST / "expected.json"
    expectations = json.loads(file.read_text())
    expectations["fully_connected-f32-i8-tensor"]["expected"][0] += 1000
    file.write_text(json.dumps(expectations))
    answer = tampered.run(models.cnn("tensor"), _image())
    assert answer.error == "ModelError"
    assert "FULLY_CONNECTED with f32 inputs, i8 weights and one scale for all channels" in answer.message


def test_a_kind_that_the_library_cannot_run_is_refused(tampered: Legacy) -> None:
    file = tampered.search[0] / SELFTEST / "fully_connected-f32-i8-tensor.tflite"
    file.write_bytes(b"no model")
    answer = tampered.run(models.cnn("tensor"), _image())
    assert answer.error == "ModelError"
    assert "(self-test: no numbers came out)" in answer.message


def test_a_wrong_operator_in_another_subgraph_is_found(legacy: Legacy) -> None:
    # Never called, so that only a reader of the whole file sees it; the bodies of IF and WHILE lie there.
    model = models.with_subgraph_of(models.cnn(None), models.cnn("channel"))
    answer = legacy.run(model, _image())
    assert answer.error == "ModelError" or os.uname().machine != "x86_64"


def test_a_file_cut_short_anywhere_is_refused_where_the_library_would_crash(
    legacy: Legacy, public_model: Callable[[str], Path]
) -> None:
    whole = public_model("okay-nabu").read_bytes()
    cuts = [*range(1, 10), *range(10, len(whole), len(whole) // 60), len(whole) - 100]
    for cut, answer in legacy.run_all({str(cut): (whole[:cut], {}) for cut in cuts}).items():
        assert answer.error == "ModelError", cut
        assert f"{cut}/model.tflite is damaged or no TFLite file" in answer.message


def test_numpy_2_is_refused_before_the_library_is_loaded(legacy: Legacy, tmp_path: Path) -> None:
    _pip_install(
        Path(legacy.python[0]),
        "--no-compile",
        "--no-deps",
        "--target",
        str(tmp_path / "numpy2"),
        "numpy>=2,<3",
    )
    answer = replace(legacy, search=(tmp_path / "numpy2", *legacy.search)).run(models.cnn(None), _image())
    assert answer.error == "BackendMissing"
    assert "(it works with numpy 1 only, and numpy 2." in answer.message
    assert answer.message.endswith("; pip install 'edgeai[tflite-legacy]'")


def test_a_missing_library_is_an_error_that_names_the_extra(legacy: Legacy, tmp_path: Path) -> None:
    bare = tmp_path / "only-numpy"
    bare.mkdir()
    for folder in Path(legacy.python[0]).parents[1].glob("lib/python3*/site-packages/numpy*"):
        (bare / folder.name).symlink_to(folder)
    # -S leaves out site-packages, so that nothing but numpy is there.
    answer = replace(legacy, python=(*legacy.python, "-S"), search=(bare, *legacy.search)).run(b"", _image())
    assert answer.error == "BackendMissing"
    assert answer.message == (
        "backend tflite-runtime does not load (No module named 'tflite_runtime'); "
        "pip install 'edgeai[tflite-legacy]'"
    )


def test_litert_is_preferred_where_both_are_there() -> None:
    assert choose_backend("tflite") == "litert"


def test_the_selftest_in_the_package_is_what_the_script_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "SELFTEST", tmp_path / "selftest")
    models.main()
    written = {file.name: file.read_bytes() for file in (tmp_path / "selftest").iterdir()}
    packaged = {file.name: file.read_bytes() for file in (CHECKOUT / "edge" / SELFTEST).iterdir()}
    assert written == packaged
    assert sum(map(len, packaged.values())) < 20_000


def _litert(path: Path, calls: int) -> tuple[tuple[str, ...], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What LiteRT says of a model's tensors, random inputs, and its outputs for them."""
    runner = load_backend("litert").open(Variant("bare", "tflite", path), RunOptions())
    rng = np.random.default_rng(0)
    inputs = {spec.name: _random(rng, calls, spec) for spec in runner.inputs}
    each = [runner.run({name: batch[call] for name, batch in inputs.items()}) for call in range(calls)]
    specs = tuple(str(spec) for spec in (*runner.inputs, *runner.outputs))
    runner.close()
    return specs, inputs, {name: np.stack([outputs[name] for outputs in each]) for name in each[0]}


def _random(rng: np.random.Generator, calls: int, spec: Any) -> np.ndarray:
    shape = [calls, *(size if isinstance(size, int) else 1 for size in spec.shape)]
    if spec.dtype == "i8":
        return rng.integers(-128, 128, shape, dtype=np.int8)
    return rng.standard_normal(shape, dtype=np.float32)


def _image() -> dict[str, np.ndarray]:
    return {"image": np.ones((1, 1, 4, 4, 8), np.float32)}


def _write(folder: Path, model: bytes) -> Path:
    path = folder / "model.tflite"
    path.write_bytes(model)
    return path


def _old_python() -> str:
    for version in ("3.11", "3.10"):
        finder = [CHECKOUT / "packaging" / "find-python", version]
        found = subprocess.run(finder, capture_output=True, text=True, check=False)
        if found.returncode == 0:
            return found.stdout.strip()
    pytest.skip("tflite-runtime 2.14.0 needs Python 3.10 or 3.11, and this machine has neither")


def _pip_install(python: Path, *arguments: str) -> None:
    """With the pip of this environment: another one in each would take longer than the tests."""
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        pytest.skip(f"pip cannot install {' '.join(arguments)}: {done.stderr[-300:]}")
