"""Tiny bundles that really run, unpacked into a folder: pictures, sound with state, texts, plain tensors.

Each function writes one and returns its folder; `change` edits the manifest before it is written, `pack`
makes one file of it. Models are ONNX of opset 13 and IR 8, which every supported ONNX Runtime reads.
"""

from __future__ import annotations

import hashlib
import json
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.tiny_models import linear_onnx, linear_tflite

Manifest = dict[str, Any]
Change = Callable[[Manifest], object]

COLORS = ("red", "green", "blue")
RATE_HZ = 16000

_PICTURE = {"dtype": "f32", "shape": [1, 3, 8, 8], "layout": "NCHW", "color": "RGB"}
_TO_PICTURE = [
    {"op": "resize@1", "size": [8, 8]},
    {"op": "normalize@1"},
    {"op": "layout@1", "to": "NCHW"},
]


def classifier(folder: Path, change: Change | None = None) -> Path:
    """Which of red, green and blue a picture is: softmax of 8 times the means. Golden: a red picture."""
    from onnx import helper

    _save(
        folder / "color.onnx",
        [
            helper.make_node("GlobalAveragePool", ["x"], ["mean"]),
            helper.make_node("Flatten", ["mean"], ["flat"]),
            helper.make_node("Mul", ["flat", "eight"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["y"]),
        ],
        {"x": [1, 3, 8, 8]},
        {"y": [1, 3]},
        {"eight": np.float32(8)},
    )
    (folder / "labels.txt").write_text("\n".join(COLORS) + "\n")
    picture(folder / "golden/red.png", "red")
    model = {
        "inputs": {"x": _PICTURE},
        "outputs": {"y": {"dtype": "f32", "shape": [1, 3]}},
        "variants": [_variant(folder, "f32", "color.onnx", precision="f32")],
    }
    post = [{"op": "top_k@1", "k": 3, "labels": "labels.txt"}]
    manifest = {
        "id": "tiny/color",
        "source": {"kind": "image"},
        "models": {"color": model},
        "pipeline": [{"run": "color", "pre": _TO_PICTURE, "post": post}],
        "assets": _assets(folder, "labels.txt", "golden/red.png"),
        "golden": [
            {
                "id": "red",
                "source": "golden/red.png",
                "result": [
                    {"label": "red", "score": 0.9993},
                    {"label": "green", "score": 0.0003},
                    {"label": "blue", "score": 0.0003},
                ],
                "tolerance": {"abs": 0.001},
            }
        ],
    }
    return _write(folder, manifest, change)


def detector(folder: Path, change: Change | None = None) -> Path:
    """A cat and a dog in the same places of every picture: [1, 1, 3, 3] and [4, 2, 8, 8] eighths of it."""
    from onnx import helper

    found = np.array([[[1, 1, 3, 3, 0.9, 0], [4, 2, 8, 8, 0.6, 1]]], np.float32)
    _save(
        folder / "boxes.onnx",
        [
            helper.make_node("ReduceMean", ["x"], ["mean"], keepdims=0),
            helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
            helper.make_node("Add", ["found", "nothing"], ["y"]),
        ],
        {"x": [1, 3, 8, 8]},
        {"y": [1, 2, 6]},
        {"zero": np.float32(0), "found": found},
    )
    (folder / "labels.txt").write_text("cat\ndog\n")
    model = {
        "inputs": {"x": _PICTURE},
        "outputs": {"y": {"dtype": "f32", "shape": [1, 2, 6]}},
        "variants": [_variant(folder, "f32", "boxes.onnx")],
    }
    post = [{"op": "yolo@1", "style": "v10", "labels": "labels.txt"}, {"op": "nms@1"}]
    manifest = {
        "id": "tiny/boxes",
        "source": {"kind": "image"},
        "models": {"boxes": model},
        "pipeline": [{"run": "boxes", "pre": _TO_PICTURE, "post": post}],
        "assets": _assets(folder, "labels.txt"),
    }
    return _write(folder, manifest, change)


def loudness(folder: Path, change: Change | None = None) -> Path:
    """An event `loud` where the mean of |x| over 10 ms rises above 0.25. Golden: one that starts at 0.1 s.

    The model also counts its windows in a state that goes round (`count` to `next`).
    """
    from onnx import helper

    _save(
        folder / "loud.onnx",
        [
            helper.make_node("Abs", ["x"], ["size"]),
            helper.make_node("ReduceMean", ["size"], ["y"], axes=[1], keepdims=1),
            helper.make_node("Add", ["count", "one"], ["next"]),
        ],
        {"x": [1, 160], "count": [1, 1]},
        {"y": [1, 1], "next": [1, 1]},
        {"one": np.float32(1)},
    )
    sound(folder / "golden/loud.wav", loud_s=[(0.1, 0.2)], length_s=0.4)
    one = {"dtype": "f32", "shape": [1, 1]}
    model = {
        "inputs": {"x": {"dtype": "f32", "shape": [1, 160]}, "count": one},
        "outputs": {"y": one, "next": one},
        "state": [{"kind": "loop", "input": "count", "output": "next"}],
        "window": {"input": "x", "size": 160, "rate": RATE_HZ},
        "variants": [_variant(folder, "f32", "loud.onnx")],
    }
    post = [{"op": "score@1", "tensor": "y"}, {"op": "trigger@1", "above": 0.25, "name": "loud"}]
    event = {"event": "loud", "start_s": 0.1, "end_s": 0.11, "score": 0.5}
    manifest = {
        "id": "tiny/loud",
        "requires": ["pipeline", "state", "window"],
        "source": {"kind": "audio", "rate": RATE_HZ},
        "models": {"loud": model},
        "pipeline": [{"run": "loud", "post": post, "as": "events"}],
        "assets": _assets(folder, "golden/loud.wav"),
        "golden": [{"source": "golden/loud.wav", "result": [event]}],
    }
    return _write(folder, manifest, change)


def mood(folder: Path, change: Change | None = None) -> Path:
    """Whether a text has more of the word `good` or of `bad`; needs the extra `text`."""
    from onnx import helper

    _save(
        folder / "mood.onnx",
        [
            helper.make_node("Gather", ["table", "ids"], ["each"]),
            helper.make_node("ReduceMean", ["each"], ["logits"], axes=[1], keepdims=0),
            helper.make_node("Softmax", ["logits"], ["y"]),
        ],
        {"ids": ["N", "T"]},
        {"y": ["N", 2]},
        {"table": np.array([[0, 0], [4, 0], [0, 4]], np.float32)},
        input_dtype="int64",
    )
    (folder / "labels.txt").write_text("good\nbad\n")
    words = {"[UNK]": 0, "good": 1, "bad": 2}
    tokenizer = {
        "version": "1.0",
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": "WordLevel", "vocab": words, "unk_token": "[UNK]"},
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    model = {
        "inputs": {"ids": {"dtype": "i64", "shape": ["N", "T"]}},
        "outputs": {"y": {"dtype": "f32", "shape": ["N", 2]}},
        "variants": [_variant(folder, "f32", "mood.onnx")],
    }
    pre = [{"op": "tokenize@1", "tokenizer": "tokenizer.json", "ids": "ids", "mask": None, "types": None}]
    post = [{"op": "top_k@1", "k": 2, "labels": "labels.txt"}]
    manifest = {
        "id": "tiny/mood",
        "source": {"kind": "text"},
        "models": {"mood": model},
        "pipeline": [{"run": "mood", "pre": pre, "post": post}],
        "assets": _assets(folder, "labels.txt", "tokenizer.json"),
    }
    return _write(folder, manifest, change)


def linear(folder: Path, change: Change | None = None, *, pipeline: bool = False) -> Path:
    """y = 2 x + 1 on plain tensors, as ONNX (`f32`) and TFLite (`lite`). Golden: tensors in and out."""
    (folder / "golden").mkdir(parents=True, exist_ok=True)
    linear_onnx(folder / "linear.onnx")
    linear_tflite(folder / "linear.tflite")
    x = np.array([[0, 1, 2, 3]], np.float32)
    np.savez(folder / "golden/in.npz", x=x)
    np.savez(folder / "golden/out.npz", y=2 * x + 1)
    rows = {"dtype": "f32", "shape": ["N", 4]}
    model = {
        "inputs": {"x": rows},
        "outputs": {"y": rows},
        "variants": [
            _variant(folder, "f32", "linear.onnx", precision="f32"),
            _variant(folder, "lite", "linear.tflite", precision="f32"),
        ],
    }
    manifest: Manifest = {
        "id": "tiny/linear",
        "models": {"linear": model},
        "assets": _assets(folder, "golden/in.npz", "golden/out.npz"),
        "golden": [{"id": "ramp", "model": "linear", "inputs": "golden/in.npz", "outputs": "golden/out.npz"}],
    }
    if pipeline:
        manifest["pipeline"] = [{"run": "linear", "as": "tensors"}]
    return _write(folder, manifest, change)


def pack(folder: Path, out: Path) -> Path:
    """The bundle of a folder as one file."""
    from edgeai.bundle import pack as packing

    packing.pack(folder, json.loads((folder / "manifest.json").read_text()), out)
    return out


def picture(path: Path, color: str, size: tuple[int, int] = (16, 12)) -> Path:
    """A picture of one color; the suffix says in which format."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    pure = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
    Image.new("RGB", size, pure[color]).save(path)
    return path


def samples(loud_s: list[tuple[float, float]], length_s: float, rate_hz: int = RATE_HZ) -> NDArray[np.int16]:
    """Silence with stretches at half of the full scale, i16 [n]."""
    made = np.zeros(round(length_s * rate_hz), np.int16)
    for start_s, end_s in loud_s:
        made[round(start_s * rate_hz) : round(end_s * rate_hz)] = 1 << 14
    return made


def sound(path: Path, loud_s: list[tuple[float, float]], length_s: float, rate_hz: int = RATE_HZ) -> Path:
    """The same as a WAV file of 16 bits and one channel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples(loud_s, length_s, rate_hz).astype("<i2").tobytes())
    return path


def sha256(path: Path) -> str:
    """As a manifest writes it."""
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def _write(folder: Path, manifest: Manifest, change: Change | None) -> Path:
    whole = {"schema": 1, "version": "1.0.0", "licence": "Apache-2.0", **manifest}
    if change is not None:
        change(whole)
    (folder / "manifest.json").write_text(json.dumps(whole, indent=1))
    return folder


def _assets(folder: Path, *names: str) -> dict[str, str]:
    return {name: sha256(folder / name) for name in names}


def _variant(folder: Path, id_: str, file: str, **more: Any) -> dict[str, Any]:
    format_ = file.rpartition(".")[2]
    return {"id": id_, "format": format_, "files": {file: sha256(folder / file)}, **more}


def _save(
    path: Path,
    nodes: list[Any],
    inputs: dict[str, list[Any]],
    outputs: dict[str, list[Any]],
    constants: dict[str, Any],
    input_dtype: str = "float32",
) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    path.parent.mkdir(parents=True, exist_ok=True)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(input_dtype))
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
