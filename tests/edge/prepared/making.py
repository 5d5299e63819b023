"""Models, what is prepared of them by hand, and a runtime's answer to hold everything against."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

import edgeai
from edgeai.backends.tuning import Tuning
from edgeai.open_bundle import open_bundle
from edgeai.prepared.choice import Choice, Form
from edgeai.prepared.identify import identity_of, record_of
from edgeai.prepared.keep import keep, working_folder
from edgeai.prepared.record import RECORD, Prepared, from_bytes, to_bytes

X = np.linspace(-1, 1, 64, dtype=np.float32).reshape(1, 64)


def dense_onnx(path: Path, seed: int = 0) -> Path:
    """y = relu(x W + b), whose 16 kB of weights go into a file of their own."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    chance = np.random.default_rng(seed)
    weights = [
        numpy_helper.from_array(chance.standard_normal(shape).astype(np.float32), name)
        for shape, name in (((64, 64), "w"), ((64,), "b"))
    ]
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["xw"]),
            helper.make_node("Add", ["xw", "b"], ["sum"]),
            helper.make_node("Relu", ["sum"], ["y"]),
        ],
        "dense",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 64])],
        weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def answer(path: Path) -> Any:
    """What ONNX Runtime says, without any of edgeai's code."""
    return ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(["y"], {"x": X})[0]


def folder_bundle(folder: Path, *names: str, **more: object) -> Path:
    """An unpacked bundle of models with one variant each, called as the model."""
    models = {}
    tensor = {"dtype": "f32", "shape": ["N", 64]}
    for seed, name in enumerate(names):
        folder.mkdir(exist_ok=True)
        content = dense_onnx(folder / f"{name}.onnx", seed).read_bytes()
        files = {f"{name}.onnx": f"sha256:{hashlib.sha256(content).hexdigest()}"}
        variants = [{"id": f"{name}-fp32", "format": "onnx", "files": files}]
        models[name] = {"inputs": {"x": tensor}, "outputs": {"y": tensor}, "variants": variants}
    manifest = {"schema": 1, "id": "a/dense", "version": "1", "models": models, **more}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def optimized(model: Path, folder: Path) -> str:
    """The graph as ONNX Runtime rewrites it, its weights in a file beside it; returns the graph's name."""
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = 1
    settings.log_severity_level = 4  # it warns that such a graph is of use on this machine only
    settings.optimized_model_filepath = str(folder / "model.onnx")
    for key, value in (("file_name", "weights.bin"), ("min_size_in_bytes", "1024")):
        settings.add_session_config_entry(f"session.optimized_model_external_initializers_{key}", value)
    ort.InferenceSession(str(model), settings, providers=["CPUExecutionProvider"])
    assert (folder / "weights.bin").stat().st_size >= 16384
    return "model.onnx"


def prepare(
    home: Path,
    path: Path,
    model: str | None = None,
    *,
    threads: int = 1,
    asked_threads: int | None = None,
    made_from: Path | None = None,
    max_bytes: int | None = None,
    **changes: Any,
) -> Prepared:
    """Keep an optimized form of a model as what was prepared of it. changes: of the record.

    made_from: make the form from this file instead, so that its answers tell which of the two ran.
    """
    bundle, held = open_bundle(path)
    chosen = next(each for each in bundle.models if model in {None, each.name})
    variant = chosen.variants[0]
    with working_folder(home) as folder:
        main = optimized(made_from or variant.path, folder)
        choice = Choice(
            variant.id, "onnxruntime", threads, tuning=Tuning(optimize="none"), form=Form("optimized", main)
        )
        record = record_of(
            bundle,
            chosen,
            choice,
            identity=identity_of(bundle),
            edgeai=edgeai.__version__,
            asked_threads=asked_threads,
            objective="load",
            why="by hand",
            written_bytes=1000,
        )
        record = dataclasses.replace(record, **changes)
        kept = keep(home, record, folder, bare=path if bundle.is_bare else None, max_bytes=max_bytes)
    if held is not None:
        held.close()
    return kept


def place_of(home: Path, record: Prepared) -> Path:
    return home / "prepared" / record.key


def rewrite(home: Path, record: Prepared, **changes: Any) -> None:
    """Change a kept record in its place, its checksum included."""
    file = place_of(home, record) / RECORD
    file.write_bytes(to_bytes(dataclasses.replace(from_bytes(file.read_bytes()), **changes)))


def run(path: Path, **words: Any) -> tuple[Any, str | None]:
    """The answer of a session, and which prepared model gave it."""
    with edgeai.load(path, **words) as session:
        return session.run(X)["y"], session.prepared
