"""A bundle folder with a real stream model: 4 samples behind 2 of context, and a counter fed back."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def write_counter(path: Path) -> None:
    """y = sum(x) + 1000 * state; next = state + 1. x f32[1, 6], state f32[1]."""

    def info(name: str, *shape: int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))

    graph = helper.make_graph(
        [
            helper.make_node("ReduceSum", ["x", "axis"], ["sum"], keepdims=1),
            helper.make_node("Mul", ["state", "thousand"], ["many"]),
            helper.make_node("Add", ["sum", "many"], ["y"]),
            helper.make_node("Add", ["state", "one"], ["next"]),
        ],
        "counter",
        [info("x", 1, 6), info("state", 1)],
        [info("y", 1, 1), info("next", 1)],
        [
            numpy_helper.from_array(np.array([1], np.int64), "axis"),
            numpy_helper.from_array(np.array([1000], np.float32), "thousand"),
            numpy_helper.from_array(np.array([1], np.float32), "one"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


def counter_manifest(file: Path) -> dict[str, Any]:
    """The manifest of a folder that holds the model."""
    one = {"dtype": "f32", "shape": [1]}
    return {
        "schema": 1,
        "id": "test/counter",
        "version": "1",
        "source": {"kind": "audio", "rate": 8},
        "models": {
            "counter": {
                "inputs": {"x": {"dtype": "f32", "shape": [1, 6]}, "state": one},
                "outputs": {"y": {"dtype": "f32", "shape": [1, 1]}, "next": one},
                "state": [
                    {"kind": "loop", "input": "state", "output": "next", "initial": 5},
                    {"kind": "context", "input": "x", "size": 2},
                ],
                "window": {"input": "x", "size": 4, "rate": 8},
                "variants": [
                    {
                        "id": "f32",
                        "format": "onnx",
                        "files": {file.name: "sha256:" + hashlib.sha256(file.read_bytes()).hexdigest()},
                    }
                ],
            }
        },
        "pipeline": [{"run": "counter", "post": [{"op": "test.number@1"}], "as": "number"}],
    }


def write_folder(folder: Path, **changes: Any) -> Path:
    """An unpacked bundle; changes replace top-level keys of its manifest."""
    folder.mkdir(exist_ok=True)
    write_counter(folder / "counter.onnx")
    manifest = counter_manifest(folder / "counter.onnx") | changes
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def number(outputs: Any) -> float:
    """The step test.number@1: what the model counted."""
    found: float = outputs.tensors["y"].item()
    return found
