"""What a model costs: operators, arithmetic, weights, activations, and the RAM that it is likely to take.

Counted on the file alone, so that an exporter can write it into the manifest for devices without the
libraries that infer shapes. What the file does not tell is None, and `unavailable` says why.
"""

from __future__ import annotations

import importlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..bundle import sniff_format
from ..errors import one_line
from . import GraphSummary, read_graph
from .arithmetic import ShapesUnknown, is_countable, multiply_accumulates
from .liveness import BRANCHES, peak_bytes
from .network import Key, Network, Node, Shape
from .runtime_memory import peak_memory_bytes

# By format: the function that reads nodes and tensors.
NETWORK_READERS: dict[str, str] = {
    "onnx": "edgeai.graph.onnx_network:read_onnx_network",
    "tflite": "edgeai.graph.tflite_network:read_tflite_network",
}


_MOST = 1 << 63
"""Of bytes and operations: a file that says more is damaged, and a thousand digits help nobody."""

_TOO_LARGE = "the shapes in the file are larger than any machine"


@dataclass(frozen=True)
class Costs:
    """What one run of a model costs, with inputs of the shapes in `inputs`.

    operators: how many of each, bodies included. multiply_accumulates: of convolutions, matrix products,
        attention and recurrent layers, see `arithmetic`; by_operator: the same by kind.
    weight_bytes: constants as they are stored. activation_bytes: most bytes of inputs, outputs and values
        between them at once, see `liveness`.
    peak_memory_bytes: what loading and running is likely to add to a process that has its runtime imported;
        how it is estimated, and what it leaves out, stands in `runtime_memory`.
    unavailable: by field, why it is None. notes: what to know about the figures.
    """

    format: str
    inputs: Mapping[str, Shape | None]
    operators: Mapping[str, int]
    weight_bytes: int
    multiply_accumulates: int | None = None
    by_operator: Mapping[str, int] = field(default_factory=dict)
    activation_bytes: int | None = None
    peak_memory_bytes: int | None = None
    unavailable: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As the manifest holds it; what is unknown, or empty, is left out, but `unavailable` says why."""
        told: dict[str, Any] = {
            "inputs": {name: None if shape is None else list(shape) for name, shape in self.inputs.items()},
            "operators": dict(self.operators),
            "weight_bytes": self.weight_bytes,
            "multiply_accumulates": self.multiply_accumulates,
            "by_operator": dict(self.by_operator) or None,
            "activation_bytes": self.activation_bytes,
            "peak_memory_bytes": self.peak_memory_bytes,
            "unavailable": dict(self.unavailable) or None,
            "notes": list(self.notes) or None,
        }
        return {key: value for key, value in told.items() if value is not None}


def costs(
    path: str | os.PathLike[str],
    sizes: Mapping[str, int] | None = None,
    shapes: Mapping[Key, Shape] | None = None,
) -> Costs:
    """What one run of a `.onnx` or `.tflite` file costs.

    sizes: of the symbolic dimensions of ONNX, by name. shapes: of tensors that the file does not describe, or
    not for these sizes: of ONNX by name, of TFLite by index. Raises ModelError for a damaged file.

    An ONNX file says the shapes inside it only where its maker inferred them (`onnx.shape_inference`); a
    TFLite file says those of the sizes that it was made for.
    """
    file = Path(path)
    format_ = sniff_format(file)
    summary = read_graph(file)
    module, _, function = NETWORK_READERS[format_].partition(":")
    read: Callable[..., Network] = getattr(importlib.import_module(module), function)
    network = read(file, sizes or {}, shapes or {})
    return _count(summary, network)


def _count(summary: GraphSummary, network: Network) -> Costs:
    macs, no_macs = _multiply_accumulates(network)
    activation_bytes, no_activations = _activation_bytes(network)
    peak, no_peak = _peak_memory_bytes(summary.format, network, activation_bytes)
    reasons = {
        "multiply_accumulates": no_macs,
        "activation_bytes": no_activations,
        "peak_memory_bytes": no_peak,
    }
    return Costs(
        format=summary.format,
        inputs={_name(network, key): network.tensors[key].shape for key in network.inputs},
        operators=summary.operators,
        weight_bytes=summary.weight_bytes,
        multiply_accumulates=None if macs is None else macs.total(),
        by_operator={} if macs is None else dict(macs.most_common()),
        activation_bytes=activation_bytes,
        peak_memory_bytes=peak,
        unavailable={field: reason for field, reason in reasons.items() if reason},
        notes=tuple(_notes(summary, network)),
    )


def _multiply_accumulates(network: Network) -> tuple[Counter[str] | None, str]:
    """By operator, or why they are not known; so do the two below."""
    try:
        found = _arithmetic(network)
    except ShapesUnknown as error:
        return None, f"the shapes around {one_line(error, 80)} are not in the file"
    return (found, "") if found.total() < _MOST else (None, _TOO_LARGE)


def _activation_bytes(network: Network) -> tuple[int | None, str]:
    try:
        found = peak_bytes(network)
    except ShapesUnknown as error:
        return None, f"the shape of {one_line(error, 80)} is not in the file"
    return (found, "") if found < _MOST else (None, _TOO_LARGE)


def _peak_memory_bytes(
    format_: str, network: Network, activation_bytes: int | None
) -> tuple[int | None, str]:
    if activation_bytes is None:
        return None, "the activations are unknown"
    found = peak_memory_bytes(format_, network, activation_bytes)
    return (found, "") if found < _MOST else (None, _TOO_LARGE)


def _arithmetic(network: Network) -> Counter[str]:
    """By operator; of a loop one turn. Raises ShapesUnknown."""
    found: Counter[str] = Counter()
    for node in network.nodes:
        shapes = [None if tensor is None else tensor.shape for tensor in network.of(node.inputs)]
        outputs = [None if tensor is None else tensor.shape for tensor in network.of(node.outputs)]
        count = multiply_accumulates(node, shapes, outputs)
        if count:
            found[node.operator] += count
        for body in _bodies(node):
            found += body
    return found


def _bodies(node: Node) -> list[Counter[str]]:
    """Of an If the dearest branch whose shapes are known: those of one that never ran are not."""
    if node.operator not in BRANCHES:
        return [_arithmetic(body) for body in node.bodies]
    counted = []
    for body in node.bodies:
        with suppress(ShapesUnknown):
            counted.append(_arithmetic(body))
    if not counted:
        raise ShapesUnknown(node.operator)
    return sorted(counted, key=lambda body: -body.total())[:1]


def _notes(summary: GraphSummary, network: Network) -> Iterator[str]:
    unknown = [name for name in summary.operators if not is_countable(name)]
    if unknown:
        yield f"the arithmetic of {one_line(', '.join(unknown), 120)} is not known and counts as none"
    loops = [name for name in ("Loop", "Scan", "WHILE") if name in summary.operators]
    if loops:
        yield f"of {', '.join(loops)} one turn is counted"
    branches = [name for name in BRANCHES if name in summary.operators]
    if branches:
        yield f"of {', '.join(branches)} the dearest branch is counted of which shapes are known"


def _name(network: Network, key: Key) -> str:
    return network.tensors[key].name or str(key)
