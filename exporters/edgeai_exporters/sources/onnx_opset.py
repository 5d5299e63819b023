"""Brings a model's operator set into what devices read and quantizers need, and proves it by running both."""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx
from onnx import ModelProto, version_converter

from edgeai.errors import EdgeError, ExportError, one_line

from .onnx_operators import opset_of
from .options import NEWEST_OPSET, OLDEST_OPSET, SourceOptions
from .proof import prove, random_feeds
from .writing import normalize, write_onnx


def into_range(
    model: ModelProto, file: Path, folder: Path, options: SourceOptions
) -> tuple[ModelProto, list[str]]:
    """The model in an opset from 13 to 20, and what was done. The model itself where it is in one.

    Both are run on random inputs and must agree. Raises ExportError where it cannot be converted or proven.
    """
    version = opset_of(model)
    if OLDEST_OPSET <= version <= NEWEST_OPSET:
        return model, []
    target = OLDEST_OPSET if version < OLDEST_OPSET else NEWEST_OPSET
    shown = f"{one_line(file)} is of opset {version}, and {OLDEST_OPSET} to {NEWEST_OPSET} are used here"
    advice = f"export it again with opset_version={options.opset}"
    try:
        converted = version_converter.convert_version(model, target)
    except Exception as error:  # the converter raises what C++ throws: RuntimeError and its kin
        raise ExportError(
            f"{shown}; it cannot be converted ({one_line(str(error).strip())}): {advice}"
        ) from error
    try:
        worst = _compare(model, converted, folder, options)
    except EdgeError as error:
        raise ExportError(f"{shown}; converting it cannot be proven ({error}): {advice}") from error
    return converted, [f"opset {version} to {target}, differs by {worst:.2g} on random inputs"]


def _compare(model: ModelProto, converted: ModelProto, folder: Path, options: SourceOptions) -> float:
    given = {
        name: sizes
        for name, sizes in options.shapes.items()
        if name and all(isinstance(size, int) for size in sizes)
    }
    with tempfile.TemporaryDirectory(dir=folder, prefix=".opset-") as work:
        before, after = Path(work, "before.onnx"), Path(work, "after.onnx")
        onnx.save(model, before)
        candidate = ModelProto()
        candidate.CopyFrom(converted)
        normalize(candidate)
        write_onnx(candidate, after)
        pairs = list(random_feeds(before, given, options.seed))  # type: ignore[arg-type]
        answers = iter([outputs for _, outputs in pairs])
        return prove(after, lambda _: next(answers), [feed for feed, _ in pairs], "the conversion")
