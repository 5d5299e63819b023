"""Walks an ONNX graph and lowers node after node, folding what is constant on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgeai.errors import ExportError, one_line

from ..arrays import Array
from .build import Builder
from .folding import folded
from .functions import body
from .graph import Graph, Tensor, constant
from .inference import Known, OperatorSets, infer_outputs, type_of
from .loops import loop, scan
from .node import Node
from .ops import Lowering as Lower
from .table import LOWERINGS


class Lowering:
    """One graph on its way into TFLite's. `values` are the tensors by ONNX name."""

    def __init__(self, model: onnx.ModelProto) -> None:
        versions = {entry.domain: entry.version for entry in model.opset_import}
        self.opsets = OperatorSets(versions, model.ir_version)
        self.builder = Builder()
        self.values: dict[str, Tensor] = {}
        self._outer = ""  # the node whose body is walked

    @property
    def graph(self) -> Graph:
        """What has been made so far."""
        return self.builder.graph

    def nodes(self, graph: onnx.GraphProto) -> None:
        """Lower the nodes of a graph whose inputs are in `values`."""
        for initializer in graph.initializer:
            array = numpy_helper.to_array(initializer)
            self.values[initializer.name] = constant(array, name=initializer.name)
        for node in graph.node:
            self._node(node)

    def value(self, name: str) -> Tensor:
        """A tensor by its ONNX name. Raises ExportError where nothing makes it."""
        if name not in self.values:
            raise ExportError(f"{self.builder.node}: nothing makes its input {one_line(name)!r}")
        return self.values[name]

    def run_body(self, graph: onnx.GraphProto, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Lower the graph inside a node, once; it sees what is outside. Gives its outputs."""
        outside = self.values
        self.values = outside | {value.name: x for value, x in zip(graph.input, inputs, strict=True)}
        self.nodes(graph)
        results = [self.value(output.name) for output in graph.output]
        self.values = outside
        return results

    def bind(self, node: onnx.NodeProto, results: Sequence[Tensor]) -> None:
        """Give a node's outputs their tensors."""
        self.values |= {name: x for name, x in zip(node.output, results, strict=False) if name}

    def _node(self, node: onnx.NodeProto) -> None:
        self.builder.node = self._outer or _spoken(node)
        self.builder.stem = next((name for name in node.output if name), node.name)
        if node.op_type == "Constant" and not node.domain and node.attribute:
            self.values[node.output[0]] = constant(_constant_value(node), name=node.output[0])
        elif node.op_type == "If":
            self._branch(node)
        elif not self._fold_shape(node) and not self._fold(node):
            self._lower(node)

    def _branch(self, node: onnx.NodeProto) -> None:
        """An If whose condition is a constant: its branch in its place."""
        condition = self.value(node.input[0]).data
        if condition is None:
            self.builder.refuse(
                "its condition is not a constant once the shapes are fixed (a constant input can be given)"
            )
        name = "then_branch" if bool(condition.reshape(-1)[0]) else "else_branch"
        branch = next(attribute.g for attribute in node.attribute if attribute.name == name)
        self.bind(node, self.run_body(branch, []))

    def _fold_shape(self, node: onnx.NodeProto) -> bool:
        """Shape and Size of what has a known shape; the shape is all that they need."""
        if node.op_type not in {"Shape", "Size"} or node.domain:
            return False
        shape = self.value(node.input[0]).shape
        attributes = _attributes(node)
        part = shape[slice(attributes.get("start", 0), attributes.get("end"))]
        value = np.prod(shape, dtype=np.int64) if node.op_type == "Size" else np.array(part, np.int64)
        self.values[node.output[0]] = constant(value, np.int64, node.output[0])
        return True

    def _fold(self, node: onnx.NodeProto) -> bool:
        """Compute a node whose inputs are all constants."""
        arrays: dict[str, Array] = {}
        for name in node.input:
            data = self.value(name).data if name else None
            if name and data is None:
                return False
            if data is not None:
                arrays[name] = data
        results = folded(node, arrays, self.opsets)
        if results is None:
            return False
        for name, result in zip(node.output, results, strict=True):
            if name:
                self.values[name] = constant(result, name=name)
        return True

    def _lower(self, node: onnx.NodeProto) -> None:
        is_standard = node.domain in {"", "ai.onnx"}
        if is_standard and node.op_type in _WITH_BODIES:
            _WITH_BODIES[node.op_type](self, node)
            return
        lowering = LOWERINGS.get(node.op_type) if is_standard else None
        if lowering is not None:
            seen = self._seen(node)
            if seen.get("broadcast", 0) and seen.opset < _NUMPY_RULES:
                self.builder.refuse(f"operator sets before {_NUMPY_RULES} broadcast by rules of their own")
            self._bind(seen, self._written(lowering, seen))
        elif not self._expand(node):
            domain = f" of {node.domain}" if node.domain else ""
            hint = _QUANTIZED if node.op_type in _OF_QUANTIZED_MODELS else ""
            self.builder.refuse(f"the TFLite writer has no form for {node.op_type}{domain}{hint}")

    def _written(self, lowering: Lower, node: Node) -> Sequence[Tensor | None]:
        if all(0 in shape for shape in node.shapes):
            return []
        try:
            found = lowering(self.builder, node)
        except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError) as error:
            if isinstance(error, ExportError):
                raise
            self.builder.refuse(f"it cannot be written like this ({type(error).__name__}: {error})")
        return [found] if isinstance(found, Tensor) else found

    def _seen(self, node: onnx.NodeProto) -> Node:
        inputs = [self.value(name) if name else None for name in node.input]
        outputs: list[Known] = infer_outputs(self.builder, node, self.values, self.opsets)
        return Node(
            op=node.op_type,
            name=node.name,
            attributes=_attributes(node),
            inputs=inputs,
            outputs=list(node.output),
            shapes=[shape for shape, _ in outputs],
            dtypes=[dtype for _, dtype in outputs],
            opset=self.opsets.version(""),
            builder=self.builder,
        )

    def _expand(self, node: onnx.NodeProto) -> bool:
        """Lower what defines an operator of ONNX by others; false where nothing does."""
        version = self.opsets.version(node.domain)
        types = [type_of(self.value(name)) if name else onnx.TypeProto() for name in node.input]
        try:
            schema = onnx.defs.get_schema(node.op_type, version, node.domain)
            function = body(schema, node, version, types)
        except Exception:  # onnx's own errors, which share no base: there is no such operator
            return False
        if function is None:
            return False
        outside = (self.values, self.opsets, self._outer)
        given = zip(function.input, node.input, strict=False)
        self.values = {formal: self.values[actual] for formal, actual in given if actual}
        versions = {entry.domain: entry.version for entry in function.opset_import}
        self.opsets = OperatorSets(versions, self.opsets.ir_version) if versions else self.opsets
        self._outer = self._outer or _spoken(node)
        for inner in function.node:
            for index, name in enumerate(inner.input):
                if name in function.input and name not in self.values:
                    inner.input[index] = ""
            self._node(inner)
        results = [self.values.get(name) for name in function.output]
        self.values, self.opsets, self._outer = outside
        found = zip(node.output, results, strict=False)
        self.values |= {name: result for name, result in found if name and result is not None}
        return True

    def _bind(self, node: Node, results: Sequence[Tensor | None]) -> None:
        """Outputs of no elements are constants; the others are what the lowering gave, which has to fit."""
        given = [*results, *[None] * (len(node.outputs) - len(results))]
        for name, result, shape, dtype in zip(node.outputs, given, node.shapes, node.dtypes, strict=False):
            if not name:
                continue
            if 0 in shape:
                self.values[name] = constant(np.zeros(shape, dtype), name=name)
                continue
            if result is None:
                self.builder.refuse(f"the TFLite writer does not give its output {one_line(name)!r}")
            if result.shape != shape or result.dtype != dtype:  # a mistake of ours, or a shape that lies
                self.builder.refuse(
                    f"its output would be {result.dtype}{list(result.shape)}, not {dtype}{list(shape)}"
                )
            if self.graph.maker(result) is not None and result.name.startswith(f"{self.builder.stem}/"):
                result.name = name
            self.values[name] = result


_NUMPY_RULES = 7  # the first operator set that broadcasts as numpy does
_QUANTIZED = " (give the float model: its TFLite variants are quantized here)"
_OF_QUANTIZED_MODELS = {
    "QuantizeLinear",
    "DequantizeLinear",
    "DynamicQuantizeLinear",
    "QLinearConv",
    "QLinearMatMul",
    "ConvInteger",
    "MatMulInteger",
}
_WITH_BODIES: dict[str, Callable[[Lowering, onnx.NodeProto], None]] = {"Loop": loop, "Scan": scan}


def _constant_value(node: onnx.NodeProto) -> Array:
    attribute = node.attribute[0]
    value = helper.get_attribute_value(attribute)
    if attribute.name == "value":
        return np.asarray(numpy_helper.to_array(value))
    dtype = np.float32 if attribute.name in {"value_float", "value_floats"} else np.int64
    return np.array(value, dtype)


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _spoken(node: onnx.NodeProto) -> str:
    """A node as errors call it; many models leave names empty."""
    name = node.name or (node.output[0] if node.output else "")
    return f"{node.op_type} {one_line(name)!r}"
