"""Keeps apart what two schemes do to one ONNX file: layers left to the second, names of the first."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from edgeai.extras import require

from ..schemes.onnx_model import write_onnx


def set_apart(file: Path, source: Path, layers: Collection[str], prefix: str) -> None:
    """Make `file`, written by a scheme from `source`, ready for another scheme to take the layers that it
    left.

    The layers read what they read in the source again: onnxruntime's static quantizer quantizes a tensor
    for all that read it. And a prefix is put before the names of what is not in the source, because its
    other quantizer looks for a node called TENSOR_QuantizeLinear and takes it for its own.
    """
    onnx = require("onnx", "quant", "quantizing layers by several schemes")
    model = onnx.load(file)
    known = _names(onnx.load(source, load_external_data=False).graph)
    _read_floats(model.graph, layers, known)
    _rename(model.graph, known, prefix)
    write_onnx(model, file)


@contextlib.contextmanager
def without_advice() -> Iterator[None]:
    """Hide the warning that the model is quantized already: here it is meant to be."""
    root = logging.getLogger()

    def is_news(record: logging.LogRecord) -> bool:
        return "already quantized" not in record.getMessage()

    root.addFilter(is_news)
    try:
        yield
    finally:
        root.removeFilter(is_news)


def _read_floats(graph: Any, layers: Collection[str], known: set[str]) -> None:
    """Past each added pair of QuantizeLinear and DequantizeLinear; take out pairs that nobody reads now."""
    made = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        if node.name in layers:
            node.input[:] = [_before_pair(name, made, known) for name in node.input]
    for kind in ("DequantizeLinear", "QuantizeLinear"):
        read = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
        unread = [node for node in graph.node if node.op_type == kind and not read.intersection(node.output)]
        for node in unread:
            graph.node.remove(node)


def _before_pair(name: str, made: Mapping[str, Any], known: set[str]) -> str:
    last = made.get(name)
    if name in known or last is None or last.op_type != "DequantizeLinear":
        return name
    first = made.get(last.input[0])
    return first.input[0] if first is not None and first.op_type == "QuantizeLinear" else name


def _names(graph: Any) -> set[str]:
    names = {value.name for value in (*graph.input, *graph.initializer, *graph.sparse_initializer)}
    for node in graph.node:
        names.update((node.name, *node.input, *node.output))
    return names


def _rename(graph: Any, known: set[str], prefix: str) -> None:
    def new(name: str) -> str:
        return name if not name or name in known else prefix + name

    for named in (*graph.initializer, *graph.value_info):
        named.name = new(named.name)
    for node in graph.node:
        node.name = new(node.name)
        node.input[:] = [new(name) for name in node.input]
        node.output[:] = [new(name) for name in node.output]
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                _rename(inner, known | _names(inner), prefix)
