"""Half precision of ONNX: f16 inside, f32 in and out, and f32 wherever a value would not fit.

onnxruntime's own converter is not used: it lets the values of nodes that it is told to leave in f32 pass
through f16 from one to the next, and puts its casts behind everything, which onnx's checker refuses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST

from ..arrays import Array, Feed
from ..passes.nodes import all_nodes
from .feeds import check_feeds
from .onnx_embeddings import embeddings
from .onnx_model import constants_into_initializers, read_onnx, unkept, weighted, write_onnx
from .onnx_quantizing import finished, ready
from .tapping import tap

LAYERS = ("Conv", "ConvTranspose", "MatMul", "Gemm")
LARGEST = 65504.0
"""The largest finite f16."""
HEADROOM = 2.0
"""Activations may grow so much beyond what calibration saw."""
UNSAFE = frozenset({*DEFAULT_OP_BLOCK_LIST, "Cast", "CastLike", "Constant", "ConstantOfShape", "Shape"})
"""onnxruntime's list of operators without f16 kernels, and those for which f16 means nothing."""


def prepare(model: Path, calibration: Sequence[Feed] = ()) -> Half:
    """See `Prepare`. With calibration, nodes whose values come near the largest f16 stay in f32 too."""
    plain = ready(constants_into_initializers(read_onnx(model)))
    wide = _too_wide(plain)
    if calibration:
        check_feeds(model, calibration, "f16")
        wide |= _too_large(plain, calibration)
    able = {
        node.name
        for node in plain.graph.node
        if not wide.intersection([*node.input, *node.output]) and _able(node, plain)
    }
    chosen = {*weighted(plain, LAYERS), *embeddings(plain)} & able
    layers = tuple(node.name for node in plain.graph.node if node.name in chosen)
    return Half(plain, layers, frozenset(able), str(model))


@dataclass(frozen=True)
class Half:
    """See `Prepared`. able: names of the nodes that may be in f16; the layers are those of them with
    weights."""

    model: ModelProto
    layers: tuple[str, ...]
    able: frozenset[str]
    told: str

    def write(self, out: Path, keep: Collection[str] = ()) -> None:
        """See `Prepared.write`."""
        chosen = unkept(self.layers, keep, self.told)
        write_onnx(finished(convert(self.model, self._with_followers(chosen))), out)

    def _with_followers(self, layers: Sequence[str]) -> set[str]:
        """The layers, and what works on nothing but their results: so nothing is cast only to be cast
        back."""
        dtypes, constants = _dtypes(self.model), {tensor.name for tensor in self.model.graph.initializer}
        chosen, half = set(layers), set[str]()
        for node in self.model.graph.node:
            if node.name not in self.layers and node.name in self.able:
                floats = [
                    name
                    for name in node.input
                    if name not in constants and dtypes.get(name) == TensorProto.FLOAT
                ]
                if floats and half.issuperset(floats):
                    chosen.add(node.name)
            if node.name in chosen:
                half.update(node.output)
        return chosen


def convert(model: ModelProto, names: Collection[str]) -> ModelProto:
    """A copy of the model in which these nodes compute in f16, with Cast nodes where f16 and f32 meet."""
    converted = ModelProto()
    converted.CopyFrom(model)
    nodes = list(converted.graph.node)
    del converted.graph.node[:]
    casts = _Casts(converted, _dtypes(model))
    for node in nodes:
        if node.name in names:
            converted.graph.node.extend([*casts.halved(node), node])
        else:
            converted.graph.node.extend([*casts.restored(_reads(node)), node])
    converted.graph.node.extend(casts.restored([output.name for output in converted.graph.output]))
    casts.clean()
    return converted


class _Casts:
    """Which tensors exist in f16, and the casts that make the other kind of each where it is wanted first."""

    def __init__(self, model: ModelProto, dtypes: Mapping[str, int]) -> None:
        self.model, self.dtypes = model, dtypes
        self.opset = next(e.version for e in model.opset_import if e.domain in {"", "ai.onnx"})
        self.constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self.half: set[str] = set()
        self.made: set[str] = set()

    def halved(self, node: NodeProto) -> list[NodeProto]:
        """The casts that the node needs before it; the node itself is changed to take and give f16."""
        casts = []
        schema = onnx.defs.get_schema(node.op_type, self.opset, node.domain)
        for index, name in enumerate(node.input):
            if self.dtypes.get(name) == TensorProto.FLOAT and _takes_half(schema.inputs, index, schema):
                casts += self._half_of(name)
                node.input[index] = f"{name}_f16"
            elif name:
                casts += self.restored([name])
        for index, name in enumerate(node.output):
            if self.dtypes.get(name) == TensorProto.FLOAT:
                node.output[index] = f"{name}_f16"
                self.half.add(name)
                self.made.add(f"{name}_f16")
        return casts

    def _half_of(self, name: str) -> list[NodeProto]:
        if f"{name}_f16" in self.made:
            return []
        self.made.add(f"{name}_f16")
        if name in self.constants:
            array = numpy_helper.to_array(self.constants[name]).astype(np.float16)
            self.model.graph.initializer.append(numpy_helper.from_array(array, f"{name}_f16"))
            return []
        return [helper.make_node("Cast", [name], [f"{name}_f16"], f"{name}_to_f16", to=TensorProto.FLOAT16)]

    def restored(self, names: Iterable[str]) -> list[NodeProto]:
        """The casts that give these tensors in f32 again, where they are there in f16 only."""
        casts = []
        for name in names:
            if name in self.half:
                self.half.discard(name)
                cast = helper.make_node(
                    "Cast", [f"{name}_f16"], [name], f"{name}_to_f32", to=TensorProto.FLOAT
                )
                casts.append(cast)
        return casts

    def clean(self) -> None:
        """Drop the f32 constants that nobody reads any more, and what is known of tensors that are gone."""
        used = {name for node in all_nodes(self.model.graph) for name in node.input}
        used |= {output.name for output in self.model.graph.output}
        for tensor in [tensor for tensor in self.model.graph.initializer if tensor.name not in used]:
            self.model.graph.initializer.remove(tensor)
        del self.model.graph.value_info[:]


def _reads(node: NodeProto) -> list[str]:
    """What the node reads, and what the bodies of an If or a Loop read of what lies around them."""
    graphs = [graph for attribute in node.attribute for graph in (attribute.g, *attribute.graphs)]
    inner = [name for graph in graphs for other in all_nodes(graph) for name in other.input]
    return [*node.input, *inner, *(output.name for graph in graphs for output in graph.output)]


def _able(node: NodeProto, model: ModelProto) -> bool:
    if node.op_type in UNSAFE or node.domain or any(a.HasField("g") or a.graphs for a in node.attribute):
        return False
    opset = next(e.version for e in model.opset_import if e.domain in {"", "ai.onnx"})
    schema = onnx.defs.get_schema(node.op_type, opset, node.domain)
    return _takes_half(schema.inputs, 0, schema) and all(
        _takes_half(schema.outputs, index, schema) for index in range(len(node.output))
    )


def _takes_half(
    parameters: Sequence[onnx.defs.OpSchema.FormalParameter], index: int, schema: onnx.defs.OpSchema
) -> bool:
    if not parameters:
        return False
    parameter = parameters[min(index, len(parameters) - 1)]
    types = {each.type_param_str: each.allowed_type_strs for each in schema.type_constraints}
    return "tensor(float16)" in types.get(parameter.type_str, ())


def _dtypes(model: ModelProto) -> dict[str, int]:
    graph = model.graph
    known = {v.name: v.type.tensor_type.elem_type for v in (*graph.value_info, *graph.input, *graph.output)}
    return {**known, **{tensor.name: tensor.data_type for tensor in graph.initializer}}


def _too_wide(model: ModelProto) -> set[str]:
    """Constants with values beyond f16."""
    return {
        tensor.name
        for tensor in model.graph.initializer
        if tensor.data_type == TensorProto.FLOAT and _peak([numpy_helper.to_array(tensor)]) > LARGEST
    }


def _too_large(model: ModelProto, feeds: Sequence[Feed]) -> set[str]:
    """Activations that calibration saw near the end of f16."""
    floats = {
        value.name
        for value in model.graph.value_info
        if value.type.tensor_type.elem_type == TensorProto.FLOAT
    }
    made = {name for node in model.graph.node for name in node.output}
    return {
        name
        for name, arrays in tap(model, floats & made, feeds).items()
        if _peak(arrays) * HEADROOM > LARGEST
    }


def _peak(arrays: Sequence[Array]) -> float:
    return max((float(np.abs(array).max()) for array in arrays if array.size), default=0.0)
