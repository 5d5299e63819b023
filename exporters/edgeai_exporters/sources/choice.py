"""Tells by a spec alone which row of the table of sources reads it."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from edgeai.bundle.bare import read_head
from edgeai.errors import ExportError, ModelError, ModelNotFound, one_line

_FACTORY = re.compile(r"(?:.+\.py|[A-Za-z_]\w*(?:\.\w+)*):[A-Za-z_]\w*")
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")
_MODEL_FILES = (".onnx", ".tflite", ".keras", ".pt2", ".pt", ".pth", ".bin", ".safetensors", ".h5", ".gguf")

_SAVE_PROGRAM = (
    "save it with torch.export.save(torch.export.export(model, inputs), 'model.pt2'), "
    "or give file.py:factory that builds the model"
)
_REFUSED_ZIP = (
    ("/data.pkl", f"is pickled PyTorch, which can run any code and so is not opened; {_SAVE_PROGRAM}"),
    ("manifest.json", "is a bundle; give the source that it was made of"),
)
_REFUSED_HEAD = (
    (b"\x89HDF", "is an HDF5 file; save the Keras model as .keras (model.save('model.keras'))"),
    (b"GGUF", "is a GGUF language model, which is not exported; run it with llama.cpp"),
    (b"\x80", f"is a pickle, which can run any code and so is not opened; {_SAVE_PROGRAM}"),
)


def choose(spec: str) -> str:
    """The row for a spec. Raises ModelNotFound, ModelError or ExportError where there is none."""
    place = Path(spec)
    can_be_path = bool(spec) and "\0" not in spec
    if can_be_path and place.is_dir():
        return _of_folder(place)
    if can_be_path and place.exists():
        return _of_file(place)
    if _FACTORY.fullmatch(spec):
        return "python"
    if _HUB_ID.fullmatch(spec) and not spec.lower().endswith(_MODEL_FILES) and not place.parent.is_dir():
        return "hf"
    raise ModelNotFound(
        f"{one_line(spec)}: no such file or folder; give a path, file.py:factory, module:factory, "
        "or a hub id such as owner/name"
    )


def _of_folder(folder: Path) -> str:
    shown = one_line(folder)
    if (folder / "config.json").is_file():
        return "hf"
    if (folder / "saved_model.pb").is_file():
        raise ExportError(
            f"{shown} is a TensorFlow SavedModel, which is not read here; make an .onnx of it with tf2onnx, "
            "or a .tflite with TensorFlow's converter, and give that"
        )
    files = sorted(
        path.name for path in folder.iterdir() if path.suffix in (".onnx", ".tflite", ".keras", ".pt2")
    )
    told = f"; it holds {one_line(', '.join(files))}: give one of them" if files else ""
    raise ModelError(
        f"{shown} is a folder without config.json, so no Hugging Face model{told or '; give a model'}"
    )


def _of_file(file: Path) -> str:
    shown, head = one_line(file), read_head(file)
    if head[4:8] == b"TFL3":
        return "tflite"
    if head[:4] == b"PK\x03\x04":
        return _of_zip(file)
    for magic, why in _REFUSED_HEAD:
        if head.startswith(magic):
            raise ExportError(f"{shown} {why}")
    if file.suffix == ".safetensors":
        raise ExportError(f"{shown} holds weights without a model; give the folder that has config.json, too")
    if file.suffix == ".py":
        raise ExportError(
            f"{shown} is a Python file; say which function builds the model: {file.name}:FUNCTION"
        )
    if head[:1] == b"\x08":
        return "onnx"
    kind = "is empty" if not head else f"starts with {head!r}, which no model does"
    raise ModelError(f"{shown} {kind}; give a .onnx, .tflite, .pt2 or .keras file")


def _of_zip(file: Path) -> str:
    shown = one_line(file)
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ModelError(f"{shown} is damaged: {one_line(error)}; copy it again") from error
    if "model.weights.h5" in names:
        return "keras"
    if any(name.endswith("archive_format") for name in names):
        return "torch"
    for end, why in _REFUSED_ZIP:
        if any(name.endswith(end) for name in names):
            raise ExportError(f"{shown} {why}")
    raise ModelError(f"{shown} is a zip file, but no .pt2 or .keras model; check what it holds")
