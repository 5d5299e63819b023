"""Public models, and CNNs and recurrent nets of common makes, answer as they do under ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("ai_edge_litert")

import edgeai
from edgeai_exporters.tflite import write_tflite
from tests.exporters.tflite.running import Array, LiteRT, codes, run_onnx

TOLERANCE = 1e-4  # what issue 4 allows
TRAINED = Path(__file__).parents[3] / "exporters/recipes/trained"


def _random(shape: tuple[int, ...], kind: str) -> Array:
    rng = np.random.default_rng(0)
    if kind.startswith("int"):
        return rng.integers(0, 256, shape).astype(kind)
    return rng.uniform(-1, 1, shape).astype(kind)


def _page(shape: tuple[int, ...]) -> Array:
    """Strokes like those of letters, black on white, in -1 .. 1: noise holds no text and proves little."""
    rng, page = np.random.default_rng(0), np.ones(shape[2:], np.float32)
    for top in range(30, shape[2] - 30, 50):
        for left in range(20, shape[3] - 40, 14):
            for along, down in rng.integers(0, 18, (2, 2)):
                page[top + down : top + down + 3, left : left + 10] = -1
                page[top : top + 20, left + along // 2 : left + along // 2 + 3] = -1
    return np.broadcast_to(page, shape).copy()


# By model: input shapes, inputs that are constants, and the transposes that are left. What is channels first
# outside needs one for its input; the text recognizer has a transformer inside.
MODELS: dict[str, tuple[dict[str, tuple[int, ...]], dict[str, Any], int]] = {
    "ppocr-cls": ({"x": (1, 3, 48, 192)}, {}, 1),
    "ppocr-rec": ({"x": (1, 3, 48, 320)}, {}, 7),
    "ppocr-det": ({"x": (1, 3, 320, 320)}, {}, 1),
    "basic-pitch-onnx": ({"serving_default_input_2:0": (1, 43844, 1)}, {}, 0),
    "face-onnx": ({"input:0": (1, 128, 128, 3)}, {}, 0),
    "magika": ({"bytes": (1, 2048)}, {}, 0),
    "silero-vad": ({"input": (1, 576), "state": (2, 1, 128)}, {"sr": np.int64(16000)}, 0),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_public_model_answers_as_under_onnx_runtime(
    public_model: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    shapes, constants, transposes = MODELS[name]
    source, out = public_model(name), tmp_path / "model.tflite"
    written = write_tflite(source, out, shapes=shapes, constants=constants)
    kinds = {"bytes": "int32"}
    feeds = {key: _random(shape, kinds.get(key, "float32")) for key, shape in shapes.items()}
    if name == "ppocr-det":
        feeds = {"x": _page(shapes["x"])}
    want = run_onnx(source, {**feeds, **{key: np.asarray(value) for key, value in constants.items()}})
    with edgeai.load(out) as session:
        got = session.run(feeds)
    assert list(got) == list(want)
    assert max(np.abs(array).max() for array in want.values()) > 0.1  # or the tolerance would mean nothing
    for key, array in want.items():
        np.testing.assert_allclose(got[key], array, rtol=0, atol=TOLERANCE, err_msg=key)
    assert written.operators.get("TRANSPOSE", 0) == transposes


@pytest.mark.parametrize(
    ("name", "shape", "transposes"), [("digits", (1, 1, 28, 28), 0), ("motions", (1, 6, 100), 1)]
)
def test_a_trained_student_answers_as_under_onnx_runtime(
    tmp_path: Path, name: str, shape: tuple[int, ...], transposes: int
) -> None:
    source, out = TRAINED / f"{name}.onnx", tmp_path / "model.tflite"
    written = write_tflite(source, out)
    feeds = {"input": _random(shape, "float32")}
    (want,) = run_onnx(source, feeds).values()
    np.testing.assert_allclose(LiteRT(out).run(feeds)["output"], want, rtol=0, atol=TOLERANCE)
    assert written.operators.get("TRANSPOSE", 0) == transposes
    assert written.operators["CONV_2D"] == 3
    assert "RELU" not in written.operators


def test_basic_pitch_equals_the_tflite_file_of_its_authors(
    public_model: Callable[[str], Path], tmp_path: Path
) -> None:
    write_tflite(public_model("basic-pitch-onnx"), tmp_path / "ours.tflite")
    sound = _random((1, 43844, 1), "float32")
    with edgeai.load(tmp_path / "ours.tflite") as session:
        ours = session.run({"serving_default_input_2:0": sound})
    with edgeai.load(public_model("basic-pitch-tflite")) as session:
        theirs = list(session.run({session.inputs[0].name: sound}).values())
    for array in ours.values():
        nearest = min(np.abs(array - other).max() for other in theirs if other.shape == array.shape)
        assert nearest <= TOLERANCE


def test_blazeface_equals_the_tflite_file_of_its_authors(
    public_model: Callable[[str], Path], tmp_path: Path
) -> None:
    write_tflite(public_model("face-onnx"), tmp_path / "ours.tflite")
    picture = _random((1, 128, 128, 3), "float32")
    ours = LiteRT(tmp_path / "ours.tflite").run({"input:0": picture})
    with edgeai.load(public_model("face-tflite")) as session:
        theirs = session.run({session.inputs[0].name: picture})
    scores = np.concatenate([ours["Identity:0"], ours["Identity_1:0"]], 1)
    boxes = np.concatenate([ours["Identity_2:0"], ours["Identity_3:0"]], 1)
    np.testing.assert_allclose(scores, theirs["classificators"], rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(boxes, theirs["regressors"], rtol=0, atol=TOLERANCE)


def test_the_voice_detector_keeps_its_state_in_variables(
    public_model: Callable[[str], Path], tmp_path: Path
) -> None:
    source, out = public_model("silero-vad"), tmp_path / "model.tflite"
    shapes = {"input": (1, 576), "state": (2, 1, 128)}
    written = write_tflite(
        source, out, shapes=shapes, constants={"sr": np.int64(16000)}, states={"state": "stateN"}
    )
    assert (set(written.inputs), set(written.outputs)) == ({"input"}, {"output"})
    rng, state, rate = np.random.default_rng(0), np.zeros((2, 1, 128), np.float32), np.asarray(16000)
    detector = LiteRT(out)
    for _ in range(6):
        sound = (0.3 * rng.standard_normal((1, 576))).astype(np.float32)
        want = run_onnx(source, {"input": sound, "state": state, "sr": rate})
        state = want["stateN"]
        got = detector.run({"input": sound})
        np.testing.assert_allclose(got["output"], want["output"], rtol=0, atol=TOLERANCE)


def test_the_voice_detector_is_small_enough_to_read(
    public_model: Callable[[str], Path], tmp_path: Path
) -> None:
    shapes = {"input": (1, 576), "state": (2, 1, 128)}
    write_tflite(
        public_model("silero-vad"), tmp_path / "m.tflite", shapes=shapes, constants={"sr": np.int64(16000)}
    )
    found = codes(tmp_path / "m.tflite")
    assert found.count("FULLY_CONNECTED") == 2
    assert len(found) <= 50
