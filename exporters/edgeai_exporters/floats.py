"""The float files that variants are made of: the source's own, and what is written of it as TFLite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeai.bundle import TensorSpec
from edgeai.errors import ExportError, UnsupportedOperator, UsageError, one_line
from edgeai.graph import read_graph

from .arrays import Feed
from .exported import Exported
from .request import FORMATS, Request


@dataclass(frozen=True)
class Floats:
    """A float file by format, and why a format is not there."""

    files: Mapping[str, Path]
    missing: Mapping[str, str]


def float_files(source: Exported, request: Request, feeds: Sequence[Feed], folder: Path) -> Floats:
    """Write the float file of every format that was asked for. feeds: samples, whose shapes TFLite takes.

    Without `Request.formats`, one that cannot be written is told in `missing`; one that was asked for is an
    error: ExportError, UnsupportedOperator.
    """
    if source.format == "tflite" and "onnx" in request.formats:
        raise UsageError("a TFLite source gives TFLite variants only; leave --format onnx out")
    files: dict[str, Path] = {source.format: source.path}
    missing: dict[str, str] = {}
    wanted = request.formats or FORMATS
    if source.format == "onnx" and "tflite" in wanted:
        try:
            files["tflite"] = _tflite(source, request, feeds, folder)
        except (UnsupportedOperator, ExportError) as error:
            if request.formats:
                raise
            missing["tflite"] = str(error)
    return Floats({format_: path for format_, path in files.items() if format_ in wanted}, missing)


def _tflite(source: Exported, request: Request, feeds: Sequence[Feed], folder: Path) -> Path:
    from .tflite import write_tflite

    out = folder / f"{source.name}.tflite"
    write_tflite(
        source.path, out, shapes=_shapes(source, request, feeds), resizable_batch=request.resize_batch
    )
    return out


def _shapes(source: Exported, request: Request, feeds: Sequence[Feed]) -> dict[str, tuple[int, ...]]:
    """TFLite files have one size: what was asked for, else the samples', where they all have one."""
    specs = read_graph(source.path).inputs
    given = {
        specs[0].name if not name and len(specs) == 1 else name: size for name, size in request.shapes.items()
    }
    return {spec.name: _shape(spec, given, feeds) for spec in specs}


def _shape(spec: TensorSpec, given: Mapping[str, tuple[int, ...]], feeds: Sequence[Feed]) -> tuple[int, ...]:
    if spec.is_static:
        return tuple(int(size) for size in spec.shape)
    if spec.name in given:
        return given[spec.name]
    found = {feed[spec.name].shape for feed in feeds}
    if len(found) == 1:
        return found.pop()
    raise ExportError(
        f"the samples have {len(found)} shapes for {spec}, and a TFLite file has one; give samples of one "
        f"shape and --shape {one_line(spec.name)}:SIZExSIZE, or leave tflite out (--format onnx)"
    )
