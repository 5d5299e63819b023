"""Evens out activations in front of the MatMuls behind them, so that 8 bits for a whole tensor suffice.

Where channels differ in offset and size, one scale for all of them wastes most of its levels. For y = x W
there are three remedies, the same in float:

- a divisor s for each channel: y = (x / s) (diag(s) W), with s = max|x|^a / max|W|^(1 - a), after SmoothQuant
  (Xiao et al., arXiv 2211.10438);
- a shift z for each channel: y = (x - z) W + z W, after Outlier Suppression+ (Wei et al., arXiv 2304.09145);
- the few largest channels apart, in float: y = x' W + x[largest] W[largest], where x' has zeros there, after
  LLM.int8() (Dettmers et al., arXiv 2208.07339), with channels that are chosen once.

Which of them pay is tried for each tensor on samples that they were not made from.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from ..arrays import Array

EXPONENTS = (0.5, 0.65, 0.8)
"""Tried as a. Below 0.5 outliers of the weights grew faster than those of activations shrank on MiniLM."""
APART = 8
"""Channels apart: one vector of 8 floats. On MiniLM 2 took away nine tenths of the error of the feed-forward
down-projections, and 8 little more."""
WORTH = 0.5
"""A remedy that adds nodes must bring the squared error below this share of what is reached without it."""
ROWS, COLUMNS = 512, 256
"""At most so many rows of activations and columns of weights decide."""


@dataclass(frozen=True)
class Smoothing:
    """Of one tensor. shift, divisor: f32 [channels]. apart: indices of the channels that stay in float."""

    shift: Array
    divisor: Array
    apart: Array

    @property
    def multiplier(self) -> Array:
        """What to multiply with instead of dividing; 0 for the channels apart."""
        multiplier: Array = (1 / self.divisor).astype(np.float32)
        multiplier[self.apart] = 0
        return multiplier


def groups(model: ModelProto, layers: Collection[str]) -> dict[str, list[NodeProto]]:
    """The MatMul nodes among the layers by the tensor that they share as input, in the graph's order."""
    found: dict[str, list[NodeProto]] = {}
    for node in model.graph.node:
        weights = _weights(model, node.input[1]) if node.name in layers and node.op_type == "MatMul" else None
        if weights is not None and weights.ndim == 2:
            found.setdefault(node.input[0], []).append(node)
    return found


def plan(
    model: ModelProto, layers: Collection[str], activations: Mapping[str, Sequence[Array]]
) -> dict[str, Smoothing]:
    """What pays for each group's tensor. activations: by tensor, one f32 [rows, channels] a sample, two at
    least."""
    found = {}
    for name, nodes in groups(model, layers).items():
        samples = [array for array in activations.get(name, ()) if array.size]
        weights = np.concatenate([_columns(model, node) for node in nodes], axis=1)
        if len(samples) > 1:
            best = _best(samples, weights)
            if best is not None:
                found[name] = best
    return found


def smooth(model: ModelProto, smoothings: Mapping[str, Smoothing], layers: Collection[str]) -> None:
    """Change the model in place for these layers; other consumers of the tensors see them as they were."""
    for name, nodes in groups(model, layers).items():
        if name in smoothings:
            smoothing = smoothings[name]
            even = _add_scaling(model, name, smoothing, nodes[0])
            largest = _add_lookup(model, name, smoothing, nodes[0]) if smoothing.apart.size else None
            for node in nodes:
                _move_into_weights(model, node.name, smoothing, even, largest)


def _best(samples: Sequence[Array], weights: Array) -> Smoothing | None:
    made, tried = np.concatenate(samples[::2]), _thinned(samples[1::2])
    weights = weights[:, :: max(1, weights.shape[1] // COLUMNS)]
    wanted = [rows @ weights for rows in tried]
    nothing = _candidate(made, weights, None, shifted=False, apart=0)
    best, reached = None, _error(nothing, tried, weights, wanted)
    for apart, shifted, exponents in (
        (0, False, EXPONENTS),
        (0, True, EXPONENTS),
        (APART, False, (None,)),
        (APART, False, EXPONENTS),
        (APART, True, EXPONENTS),
    ):
        same = [_candidate(made, weights, exponent, shifted=shifted, apart=apart) for exponent in exponents]
        errors = [_error(candidate, tried, weights, wanted) for candidate in same]
        if min(errors) < WORTH * reached:
            best, reached = same[int(np.argmin(errors))], min(errors)
    return best


def _candidate(
    rows: Array, weights: Array, exponent: float | None, *, shifted: bool, apart: int
) -> Smoothing:
    channels = rows.shape[1]
    middle = (rows.max(axis=0) + rows.min(axis=0)) / 2 if shifted else np.zeros(channels)
    size = np.maximum(np.abs(rows - middle).max(axis=0), 1e-5)
    largest = np.sort(np.argsort(-size, kind="stable")[: min(apart, channels // 2)])
    divisor = np.ones(channels)
    if exponent is not None:
        divisor = size**exponent / np.maximum(np.abs(weights).max(axis=1), 1e-5) ** (1 - exponent)
        divisor /= np.exp(np.log(divisor).mean())
    middle[largest], divisor[largest] = 0, 1
    return Smoothing(middle.astype(np.float32), divisor.astype(np.float32), largest.astype(np.int64))


def _error(smoothing: Smoothing, samples: Sequence[Array], weights: Array, wanted: Sequence[Array]) -> float:
    """Squared error of the outputs with activations of 8 bits for each sample and weights of 8 bits per
    column."""
    apart, moved = smoothing.apart, weights * smoothing.divisor[:, None]
    moved[apart] = 0
    moved = _rounded_weights(moved)
    offset = smoothing.shift @ weights
    error = 0.0
    for rows, want in zip(samples, wanted, strict=True):
        even = _rounded((rows - smoothing.shift) * smoothing.multiplier)
        error += float(((even @ moved + offset + rows[:, apart] @ weights[apart] - want) ** 2).sum())
    return error


def _rounded(rows: Array) -> Array:
    low, high = min(rows.min(), 0.0), max(rows.max(), 0.0)
    scale = (high - low) / 255 or 1.0
    return np.asarray(np.round(rows / scale) * scale, np.float32)


def _rounded_weights(weights: Array) -> Array:
    scale = np.maximum(np.abs(weights).max(axis=0, keepdims=True), 1e-12) / 127
    rounded: Array = np.round(weights / scale) * scale
    return rounded


def _thinned(samples: Sequence[Array]) -> list[Array]:
    """At most ROWS rows in all; the extremes of each sample, which set its scale, stay in."""
    share = max(4, ROWS // max(1, len(samples)))
    thinned = []
    for rows in samples[:ROWS]:
        extremes = {int(rows.max(axis=1).argmax()), int(rows.min(axis=1).argmin())}
        thinned.append(rows[sorted(extremes | set(range(0, len(rows), max(1, len(rows) // share))))])
    return thinned


def _add_scaling(model: ModelProto, name: str, smoothing: Smoothing, before: NodeProto) -> str:
    """Put Mul and, where there is a shift, Add in front of a node; name of their output."""
    steps = [("Mul", f"{name}_even", smoothing.multiplier)]
    if smoothing.shift.any():
        steps.append(("Add", f"{name}_centred", -smoothing.shift * smoothing.multiplier))
    for operator, output, values in steps:
        constant = _constant(model, f"{output}_by", values)
        _insert(model, before.name, helper.make_node(operator, [name, constant], [output], output))
        name = output
    return name


def _add_lookup(model: ModelProto, name: str, smoothing: Smoothing, before: NodeProto) -> str:
    output = f"{name}_apart"
    indices = _constant(model, f"{output}_channels", smoothing.apart)
    _insert(model, before.name, helper.make_node("Gather", [name, indices], [output], output, axis=-1))
    return output


def _move_into_weights(
    model: ModelProto, name: str, smoothing: Smoothing, even: str, largest: str | None
) -> None:
    node = _node(model, name)
    old, weights = node.input[1], _columns(model, node)
    moved = weights * smoothing.divisor[:, None]
    moved[smoothing.apart] = 0
    node.input[0], node.input[1] = even, _constant(model, f"{name}_smoothed", moved)
    if smoothing.shift.any():
        _add_to_bias(model, name, (smoothing.shift @ weights).astype(np.float32))
    if largest is not None:
        constant = _constant(model, f"{name}_apart_weights", weights[smoothing.apart])
        product = helper.make_node("MatMul", [largest, constant], [f"{name}_apart"], f"{name}_apart")
        _insert(model, name, product)
        _add_behind(model, name, product.output[0])
    if not any(old in other.input for other in model.graph.node):
        model.graph.initializer.remove(next(t for t in model.graph.initializer if t.name == old))


def _add_to_bias(model: ModelProto, name: str, extra: Array) -> None:
    """Into the bias of the Add behind the node, or by an Add of its own where there is none."""
    behind, place = _bias_behind(model, name)
    if behind is None:
        _add_behind(model, name, _constant(model, f"{name}_offset", extra))
        return
    bias = _weights(model, behind.input[place])
    assert bias is not None
    behind.input[place] = _constant(model, f"{behind.name}_moved", bias + extra)


def _add_behind(model: ModelProto, name: str, other: str) -> None:
    """Add a tensor to what the node gives, behind its bias so that the runtime can still fuse that."""
    behind, _ = _bias_behind(model, name)
    node = behind if behind is not None else _node(model, name)
    output = node.output[0]
    node.output[0] = f"{output}_without_{other}"
    _known(model, node.output[0])
    added = helper.make_node("Add", [node.output[0], other], [output], f"{node.name}_with_{other}")
    _insert(model, node.name, added, behind=True)


def _bias_behind(model: ModelProto, name: str) -> tuple[NodeProto | None, int]:
    """The Add of a constant that alone reads the node's output, and which of its inputs is the constant."""
    output = _node(model, name).output[0]
    readers = [other for other in model.graph.node if output in other.input]
    if len(readers) != 1 or readers[0].op_type != "Add" or output in {o.name for o in model.graph.output}:
        return None, 0
    place = 1 - list(readers[0].input).index(output)
    bias = _weights(model, readers[0].input[place])
    columns = _columns(model, _node(model, name)).shape[1]
    fits = bias is not None and bias.size == columns and bias.shape[-1:] == (columns,)
    return (readers[0], place) if fits else (None, 0)


def _node(model: ModelProto, name: str) -> NodeProto:
    """Looked up anew each time: inserting into a repeated field moves what lies behind."""
    return next(node for node in model.graph.node if node.name == name)


def _insert(model: ModelProto, at: str, node: NodeProto, *, behind: bool = False) -> None:
    index = next(i for i, other in enumerate(model.graph.node) if other.name == at)
    model.graph.node.insert(index + behind, node)
    _known(model, node.output[0])


def _known(model: ModelProto, tensor: str) -> None:
    """Tell the quantizers that a new tensor is of f32; they do not infer."""
    if all(value.name != tensor for value in (*model.graph.value_info, *model.graph.output)):
        model.graph.value_info.append(helper.make_tensor_value_info(tensor, TensorProto.FLOAT, None))


def _constant(model: ModelProto, name: str, values: Array) -> str:
    kept = values.astype(np.float32) if values.dtype.kind == "f" else values
    model.graph.initializer.append(numpy_helper.from_array(kept, name))
    return name


def _columns(model: ModelProto, node: NodeProto) -> Array:
    weights = _weights(model, node.input[1])
    assert weights is not None
    return weights


def _weights(model: ModelProto, name: str) -> Array | None:
    """The f32 constant of this name, two dimensions of a MatMul or one of a bias."""
    for tensor in model.graph.initializer:
        if tensor.name == name and tensor.data_type == TensorProto.FLOAT:
            array: Array = numpy_helper.to_array(tensor)
            return array
    return None
