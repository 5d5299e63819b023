"""What an ONNX or TFLite file calls its inputs and outputs, read by our own readers and not by OpenVINO.

OpenVINO merges names, forgets those of dimensions and of TFLite's signatures, and parses a damaged file with
less care: the readers find that first. They also know what OpenVINO would compute wrongly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..bundle import TensorSpec
from ..errors import InputError, ModelError, one_line
from ..graph import GraphSummary, read_graph
from ..graph.tflite_file import MOST_INPUTS, open_tflite, tensor_dtype

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ..bundle import Variant
    from ..graph.flatbuffer import Table

_UNFIT_DTYPES = {"str": "text", "f64": "f64 in f32", "c64": "complex numbers", "c128": "complex numbers"}
"""Of inputs and outputs. Measured with 2026.4.1: a model in f64 came out with the digits and range of f32."""


@dataclass(frozen=True)
class Signature:
    """Specs, and in the same order the names that tensors have in the file's graph."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    input_tensors: tuple[str, ...]
    output_tensors: tuple[str, ...]

    def with_sizes(self, sizes: Mapping[str, int]) -> Signature:
        """With named dimensions fixed."""
        return replace(self, inputs=_fixed(self.inputs, sizes), outputs=_fixed(self.outputs, sizes))


def read_signature(variant: Variant, asked: str | None) -> Signature:
    """Of a model file. asked: the signature to run.

    Raises ModelError for what is damaged or what OpenVINO does not compute rightly, InputError for a
    signature that is not there.
    """
    path = variant.path
    summary = read_graph(path)
    _check_signature(path, summary, asked)
    if summary.format == "tflite":
        inputs, outputs = _tflite_tensors(path)
    else:
        inputs, outputs = _names(summary.inputs), _names(summary.outputs)
    signature = Signature(summary.inputs, summary.outputs, inputs, outputs)
    for spec in (*signature.inputs, *signature.outputs):
        if spec.dtype in _UNFIT_DTYPES:
            raise ModelError(
                f"{one_line(path)}: {one_line(spec.name)} is {spec.dtype}; OpenVINO computes "
                f"{_UNFIT_DTYPES[spec.dtype]}, or not at all; use another backend"
            )
    return signature


def _check_signature(path: Path, summary: GraphSummary, asked: str | None) -> None:
    have = summary.signatures
    if asked is not None and summary.format == "onnx":
        raise InputError(f"{one_line(path)} is ONNX, which has no signatures; leave it out")
    if asked is not None and asked not in have:
        raise InputError(
            f"{one_line(path)} has no signature {asked!r}; it has: {one_line(', '.join(have)) or 'none'}"
        )
    if len(have) > 1:
        raise ModelError(
            f"{one_line(path)} has several signatures ({one_line(', '.join(have))}), and OpenVINO reads the "
            "first graph alone; use the backend litert"
        )


def _tflite_tensors(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    with open_tflite(path) as model:
        graphs = list(model.tables(2))
        for graph in graphs:
            _refuse_quantized(path, graph)
        tensors = list(graphs[0].tables(0))
        inputs, outputs = (
            [tensors[index] for index in graphs[0].numbers(side, MOST_INPUTS)] for side in (1, 2)
        )
        return tuple(each.text(3) for each in inputs), tuple(each.text(3) for each in outputs)


def _refuse_quantized(path: Path, graph: Table) -> None:
    """OpenVINO 2026.4.1 gave wrong numbers for 4 of 6 one-layer models with int8 activations, by up to 82 of
    255 steps, and for one of those with int8 weights alone: tests/edge/backends/test_openvino.py has one."""
    for name, dtype in _quantized(graph):
        raise ModelError(
            f"{one_line(path)} is a quantized TFLite model ({one_line(name, 80)} is {dtype}), which OpenVINO "
            "computes wrongly; use the backend litert, or an ONNX variant"
        )


def _quantized(graph: Table) -> Iterator[tuple[str, str]]:
    for tensor in graph.tables(0):
        table, dtype = tensor.table(4), tensor_dtype(tensor)
        if table is not None and table.length(2) and dtype not in {"f32", "f16", "i32", "i64"}:
            yield tensor.text(3), dtype


def _names(specs: tuple[TensorSpec, ...]) -> tuple[str, ...]:
    return tuple(spec.name for spec in specs)


def _fixed(specs: tuple[TensorSpec, ...], sizes: Mapping[str, int]) -> tuple[TensorSpec, ...]:
    return tuple(
        replace(
            spec, shape=tuple(sizes.get(size, size) if isinstance(size, str) else size for size in spec.shape)
        )
        for spec in specs
    )
