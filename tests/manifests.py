"""A manifest that uses every key of schema 1, and a way to change one place of a copy."""

from __future__ import annotations

import copy
from typing import Any


def sha(digit: int) -> str:
    """A well-formed hash."""
    return "sha256:" + f"{digit:x}" * 64


def full_manifest() -> dict[str, Any]:
    """Every key once, and nothing that is not in the schema."""
    return {
        "schema": 1,
        "id": "acme/door",
        "version": "1.4.0",
        "requires": ["pipeline", "state", "window"],
        "source": {"kind": "audio", "rate": 16000},
        "models": {
            "vad": {
                "inputs": {
                    "x": {"dtype": "f32", "shape": [1, 576]},
                    "state": {"dtype": "f32", "shape": [2, 1, 128]},
                    "sr": {"dtype": "i64", "shape": [], "value": 16000},
                },
                "outputs": {
                    "y": {"dtype": "f32", "shape": [1, 1]},
                    "next": {"dtype": "f32", "shape": [2, 1, 128]},
                },
                "state": [
                    {"kind": "loop", "input": "state", "output": "next", "initial": 0.5},
                    {"kind": "context", "input": "x", "size": 64},
                    {"kind": "internal"},
                ],
                "window": {"input": "x", "size": 512, "hop": 256, "rate": 16000, "lead": 10, "pad": 0},
                "variants": [
                    {
                        "id": "s8",
                        "format": "onnx",
                        "precision": "int8-sym",
                        "files": {"vad/s8.onnx": sha(1), "vad/s8.data": sha(2)},
                        "entry": "vad/s8.onnx",
                        "needs": {"ort": ">=1.20,<2", "ir": 10, "cpu": ["asimddp"], "providers": ["cpu"]},
                        "tolerance": {"cosine": 0.99},
                        "names": {"x": "input:0"},
                        "cost": {"multiply_accumulates": 679552, "inputs": {"x": [1, 576]}},
                    },
                    {
                        "id": "f32",
                        "format": "tflite",
                        "files": {"vad/f32.tflite": sha(3)},
                        "signature": "serving_default",
                        "needs": {"litert": ">=2.3"},
                    },
                ],
            },
            "det": {
                "inputs": {
                    "x": {
                        "dtype": "f32",
                        "shape": [1, 3, "H", "W"],
                        "layout": "NCHW",
                        "color": "RGB",
                        "dims": {"H": {"min": 160, "opt": 320, "max": 640, "step": 32}, "W": "=H"},
                    }
                },
                "window": None,
                "variants": [{"id": "f32", "format": "onnx", "files": {"det.onnx": sha(4)}}],
            },
        },
        "pipeline": [
            {"run": "vad", "from": "source", "pre": [{"op": "resample@1", "rate": 16000}], "as": "speech"},
            {"op": "acme.mark@2", "from": "speech", "as": "marked", "loud": True},
            {
                "run": "det",
                "from": "marked",
                "post": [{"op": "softmax@1"}],
                "batch": {"max": 4, "pad": 0.0},
                "only_if": {"from": "speech", "above": 0.5, "hold_s": 1, "lead_s": 0.5},
                "as": "found",
            },
        ],
        "result": "speech",
        "assets": {"golden/in.npz": sha(5), "golden/out.npz": sha(6), "golden/a.wav": sha(7)},
        "golden": [
            {"id": "one", "model": "vad", "inputs": "golden/in.npz", "outputs": "golden/out.npz"},
            {"source": "golden/a.wav", "result": [1.0], "tolerance": {"abs": 0.01}},
        ],
        "quality": [{"metric": "AUC", "value": 0.99}],
        "provenance": {"from": "somewhere"},
        "licence": "Apache-2.0",
    }


DROP = object()


def changed(path: str, value: Any) -> dict[str, Any]:
    """The full manifest with one place changed, or removed by DROP. path: `models.vad.state.0.kind`."""
    manifest = copy.deepcopy(full_manifest())
    *parents, last = path.split(".")
    place: Any = manifest
    for part in parents:
        place = place[int(part)] if isinstance(place, list) else place[part]
    key = int(last) if isinstance(place, list) else last
    if value is DROP:
        del place[key]
    else:
        place[key] = value
    return manifest
