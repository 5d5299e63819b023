"""What one run of a model asks of a processor: its costs, the bytes that it moves, and in which numbers."""

from __future__ import annotations

import importlib
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..bundle import sniff_format
from ..errors import one_line
from .arithmetic import ShapesUnknown, multiply_accumulates
from .costs import NETWORK_READERS, Costs, costs
from .liveness import BRANCHES
from .network import Key, Network, Node
from .traffic import Traffic, traffic

_DTYPES = {4: "i8", 8: "i8", 16: "f16"}
"""Arithmetic by the bits of its operands; all else is done in f32. Four bits are widened to eight first."""


@dataclass(frozen=True)
class Demand:
    """One run. macs: multiply-accumulates by the type they are done in (`i8`, `f16`, `f32`); None where the
    shapes are not known. traffic: None likewise, and `unavailable` says why, of these and of the costs."""

    costs: Costs
    macs: Mapping[str, int] | None = None
    traffic: Traffic | None = None
    unavailable: Mapping[str, str] = field(default_factory=dict)


def demand(path: str | os.PathLike[str], sizes: Mapping[str, int] | None = None) -> Demand:
    """Of a `.onnx` or `.tflite` file. sizes: of symbolic dimensions. Raises ModelError for a damaged file."""
    file = Path(path)
    counted = costs(file, sizes)
    module, _, function = NETWORK_READERS[sniff_format(file)].partition(":")
    read: Callable[..., Network] = getattr(importlib.import_module(module), function)
    network = read(file, sizes or {}, {})
    moved, no_traffic = _traffic(network)
    return Demand(
        costs=counted,
        macs=None if counted.multiply_accumulates is None else dict(macs_by_dtype(network)),
        traffic=moved,
        unavailable={**counted.unavailable, **({"traffic": no_traffic} if no_traffic else {})},
    )


def _traffic(network: Network) -> tuple[Traffic | None, str]:
    try:
        return traffic(network), ""
    except ShapesUnknown as error:
        return None, f"the shape of {one_line(error, 80)} is not in the file"


def macs_by_dtype(network: Network) -> Counter[str]:
    """Multiply-accumulates by the type of both operands; a branch counts as `costs` counts it.

    Where both come out of DequantizeLinear, the runtime computes on the quantized values. TFLite's DEQUANTIZE
    stands before what is computed in real numbers, and only there. Raises ShapesUnknown.
    """
    quantized = {
        node.outputs[0]: node.inputs[0]
        for node in network.nodes
        if node.operator == "DequantizeLinear" and node.inputs and node.outputs
    }
    found: Counter[str] = Counter()
    for node in network.nodes:
        shapes = [None if tensor is None else tensor.shape for tensor in network.of(node.inputs)]
        outputs = [None if tensor is None else tensor.shape for tensor in network.of(node.outputs)]
        count = multiply_accumulates(node, shapes, outputs)
        if count:
            found[_dtype(node, network, quantized)] += count
        found += _bodies(node)
    return found


def _bodies(node: Node) -> Counter[str]:
    counted = []
    for body in node.bodies:
        try:
            counted.append(macs_by_dtype(body))
        except ShapesUnknown:  # noqa: PERF203 - two branches
            if node.operator not in BRANCHES:
                raise
    if node.operator in BRANCHES:
        return max(counted, key=lambda each: each.total(), default=Counter())
    return sum(counted, Counter())


def _dtype(node: Node, network: Network, quantized: Mapping[Key | None, Key | None]) -> str:
    bits = []
    operands = node.inputs[1:3] if node.operator == "TRANSPOSE_CONV" else node.inputs[:2]
    for key in operands:
        origin = quantized.get(key, key)
        tensor = None if origin is None else network.tensors.get(origin)
        bits.append(32 if tensor is None else tensor.bits)
    # TFLite computes in integers where the weights are such, turning real activations into integers first.
    is_tflite = node.operator.isupper()
    decisive = min(bits, default=32) if is_tflite else max(bits, default=32)
    return _DTYPES.get(decisive, "f32")
