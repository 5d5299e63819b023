"""Writes what a source gives: one ONNX file that every supported ONNX Runtime reads, whole or not at all."""

from __future__ import annotations

import re
from pathlib import Path

from onnx import ModelProto

from edgeai.errors import ExportError, one_line
from edgeai.whole_file import write_whole

NEWEST_IR = 10
"""onnxruntime 1.23.2, the last for JetPack 6's Python 3.10, reads IR version 10."""

_OLDEST_IR = 8
"""The first IR version with functions, and with initializers that are no inputs since 4."""

_LARGEST_BYTES = (1 << 31) - 1
"""Of a protobuf message, and so of an ONNX file with its weights inside."""


def model_name(text: str) -> str:
    """A name for files and reports: letters, digits, `-`, `_` and `.`; what is none of these becomes `-`."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "model"


def normalize(model: ModelProto) -> list[str]:
    """Bring the IR version into reach and take weights out of the inputs, in place. Returns what was done."""
    done = []
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    if len(inputs) < len(model.graph.input):
        del model.graph.input[:]
        model.graph.input.extend(inputs)
        done.append("weights are no inputs any more")
    version = min(max(model.ir_version, _OLDEST_IR), NEWEST_IR)
    if version != model.ir_version:
        done.append(f"IR version {model.ir_version} to {version}")
        model.ir_version = version
    return done


def without_traces(model: ModelProto) -> list[str]:
    """Take out what an exporter notes beside nodes, in place: stack traces with the paths of this machine."""
    graph = model.graph
    for each in (
        model,
        graph,
        *graph.node,
        *graph.value_info,
        *graph.input,
        *graph.output,
        *graph.initializer,
    ):
        del each.metadata_props[:]
        each.doc_string = ""
    for function in model.functions:
        for part in (function, *function.node):
            del part.metadata_props[:]
            part.doc_string = ""
    return []


def write_onnx(model: ModelProto, out: Path) -> Path:
    """Write a model that is normalized. Raises ExportError for one that is too large, or without room."""
    size = model.ByteSize()
    if size > _LARGEST_BYTES:
        raise ExportError(
            f"{one_line(out.stem)} has {size / 1e9:.1f} GB, and one ONNX file holds 2 GB; choose a "
            "smaller model"
        )
    write_file(out, model.SerializeToString(deterministic=True))
    return out


def write_file(out: Path, content: bytes) -> None:
    """Raises ExportError where there is no room or no permission."""
    try:
        write_whole(out, content)
    except OSError as error:
        raise ExportError(f"{one_line(out)} cannot be written: {error.strerror}; make room there") from error
