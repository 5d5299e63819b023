"""How much RAM loading and running a model is likely to take: its bytes, by what each runtime is known to do.

The figure is what `edgeai bench` calls the peak above the baseline: more resident memory than the process had
with its runtime imported. Left out are Python, numpy and the runtime's library (50 to 60 MB on x86-64),
threads beyond the first, other providers than the CPU, pre- and post-processing, and workspaces of kernels.

The constants were measured with one thread on x86-64 (onnxruntime 1.31.1, ai-edge-litert 2.3.0) on the models
of the suite `public` and MiniLM in six forms, on a CPU with AVX-512: predictions lay between 28 % below and
9 % above what was measured. On one with AVX2 alone the session itself takes less: up to 12 % above with the
same runtimes, up to 35 % above for a small model with onnxruntime 1.23.2, and 22 % below for a large one.
`tests/edge/graph/test_runtime_memory.py` holds them against the machine that it runs on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from .arithmetic import is_counted
from .network import Key, Network, Node, Tensor

PEAK_ERROR = 0.4
"""Share of a prediction that it may err by, either way: what the test allows, a little over what was seen."""

_ORT_BASE_BYTES = 13_000_000
"""Code that is touched, the session, and the arena's first regions: what a model of no size takes."""

_ORT_ARENA_FACTOR = 3
"""The first run allocates one by one and finds the pattern, the second allocates the pattern as one region
beside what the arena keeps; regions grow by powers of two."""

_ORT_RETURNED_BYTES = 1 << 19
"""Constants are parsed out of the file and then copied; malloc gives the first copy of larger ones back, but
for the one that is being copied."""

_LITERT_BASE_BYTES = 3_600_000

_POINTER_BYTES = 8


def peak_memory_bytes(format_: str, network: Network, activation_bytes: int) -> int:
    """The likely peak above the baseline, for a graph whose activations take so much at once.

    format_: `onnx`, run by onnxruntime, or `tflite`, run by LiteRT with XNNPACK.
    """
    if format_ == "onnx":
        return _ORT_BASE_BYTES + _ort_weights(network) + _ORT_ARENA_FACTOR * activation_bytes
    # Half floats are packed as floats.
    packed = sum(max(tensor.bits * 2 if tensor.bits == 16 else tensor.bits, 8) * (tensor.elements or 0) // 8
                 for tensor in _packed(network).values())  # fmt: skip
    stored = sum(tensor.size_bytes or 0 for tensor in network.tensors.values() if tensor.is_constant)
    return _LITERT_BASE_BYTES + stored + packed + activation_bytes + _indirection_bytes(network)


def _ort_weights(network: Network) -> int:
    """Every constant that is read once, small ones twice, and the largest twice while it is being copied."""
    # By identity: two branches may use one name, and graphs read what stands in those around them.
    each = {
        id(tensor): tensor
        for graph in _graphs(network)
        for node in graph.nodes
        for tensor in graph.of(node.inputs)
        if tensor is not None and tensor.is_constant
    }
    sizes = [tensor.size_bytes or 0 for tensor in each.values()]
    kept = sum(size_bytes for size_bytes in sizes if size_bytes < _ORT_RETURNED_BYTES)
    return sum(sizes) + kept + max(sizes, default=0)


def _graphs(network: Network) -> Iterator[Network]:
    """A graph and those inside it."""
    yield network
    for node in network.nodes:
        for body in node.bodies:
            yield from _graphs(body)


def _packed(network: Network) -> dict[Key, Tensor]:
    """Constants that go into convolutions and products, directly or as quantized ones."""
    through = {
        node.outputs[0]: node.inputs[0]
        for node in network.nodes
        if node.operator in {"DequantizeLinear", "DEQUANTIZE"} and node.inputs and node.outputs
    }
    found: dict[Key, Tensor] = {}
    for node in network.nodes:
        for body in node.bodies:
            found |= _packed(body)
        if not is_counted(node.operator):
            continue
        for key in node.inputs:
            origin = through.get(key, key)
            tensor = None if origin is None else network.tensors.get(origin)
            if tensor is not None and tensor.is_constant:
                assert origin is not None
                found[origin] = tensor
    return found


def _indirection_bytes(network: Network) -> int:
    """XNNPACK keeps for each convolution a pointer to every input pixel of every output pixel."""
    return sum(_POINTER_BYTES * _pointers(network, node) for node in network.nodes)


def _pointers(network: Network, node: Node) -> int:
    if node.operator not in {"CONV_2D", "DEPTHWISE_CONV_2D"}:
        return 0
    shapes = [
        None if tensor is None else tensor.shape for tensor in network.of((node.inputs[1], node.outputs[0]))
    ]
    weights, output = shapes
    if weights is None or output is None or len(weights) != 4 or len(output) != 4:
        return 0
    height, width = weights[1:3]
    taps = height * width
    if taps == 1:
        return 0
    # Neighbouring outputs of a depthwise convolution share their columns of pointers.
    return math.prod(output[1:3]) * (height if node.operator == "DEPTHWISE_CONV_2D" else taps)
