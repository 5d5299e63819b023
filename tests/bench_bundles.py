"""Bundles for tests of measuring: fakes that take a known time (run them with FAKE), and a real stream."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgeai.testing import write_fake_model
from tests.real_bundles import sha256

FAKE = "edgeai.testing:FakeBackend"


def fake_bundle(
    folder: Path, models: dict[str, dict[str, Any]], pipeline: list[dict[str, Any]], **manifest: Any
) -> Path:
    """y = 2 x + 1 for each model, on x f32[N, 4] unless `shape` says otherwise.

    models: by name what `FakeModel` takes; beside it keys of the manifest in capitals, such as WINDOW.
    """
    folder.mkdir(parents=True, exist_ok=True)
    declared = {}
    for name, description in models.items():
        own = {key.lower(): value for key, value in description.items() if key.isupper()}
        fake = {key: value for key, value in description.items() if not key.isupper()}
        file = write_fake_model(folder / f"{name}.onnx", **fake)
        tensor = {"dtype": "f32", "shape": list(fake.get("shape", ("N", 4)))}
        declared[name] = {
            "inputs": {"x": tensor},
            "outputs": {"y": tensor},
            "variants": [{"id": "only", "format": "onnx", "files": {file.name: sha256(file)}}],
            **own,
        }
    whole = {"schema": 1, "id": "fake/bundle", "version": "1", "models": declared, "pipeline": pipeline}
    (folder / "manifest.json").write_text(json.dumps(whole | manifest))
    return folder


def fake_stream(folder: Path, busy_s: float = 0.0, *, hop: int = 160, rate_hz: int = 16000) -> Path:
    """A stream of one fake model: a window of `hop` samples each hop."""
    window = {"input": "x", "size": hop, "rate": rate_hz}
    return fake_bundle(
        folder,
        {"hear": {"shape": (1, hop), "busy_s": busy_s, "WINDOW": window}},
        [{"run": "hear", "as": "heard"}],
        source={"kind": "audio", "rate": rate_hz},
    )


def silero(folder: Path, model: Path) -> Path:
    """The public model as a stream of windows of 32 ms, its state fed back."""
    folder.mkdir()
    (folder / "vad.onnx").write_bytes(model.read_bytes())
    state = {"dtype": "f32", "shape": [2, 1, 128]}
    declared = {
        "inputs": {
            "input": {"dtype": "f32", "shape": [1, 576]},
            "state": state,
            "sr": {"dtype": "i64", "shape": [], "value": 16000},
        },
        "outputs": {"output": {"dtype": "f32", "shape": [1, 1]}, "stateN": state},
        "state": [
            {"kind": "loop", "input": "state", "output": "stateN"},
            {"kind": "context", "input": "input", "size": 64},
        ],
        "window": {"input": "input", "size": 512, "rate": 16000, "pad": 0},
        "variants": [
            {
                "id": "f32",
                "format": "onnx",
                "files": {"vad.onnx": sha256(folder / "vad.onnx")},
            }
        ],
    }
    manifest = {
        "schema": 1,
        "id": "test/vad",
        "version": "1",
        "models": {"vad": declared},
        "pipeline": [{"run": "vad", "as": "speech"}],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
