"""Makes layers that are kept in float stay so when ONNX Runtime loads the file.

ONNX Runtime quantizes the weights of a float Conv, ConvTranspose or Gemm by itself, with one scale for all,
where it reads a DequantizeLinear and a QuantizeLinear reads it (WeightBiasQuantization, seen in 1.31): just
where a search has decided that a layer must not be. A Clip to the range of the DequantizeLinear changes no
value and ends that.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from edgeai.extras import require

from ..schemes.onnx_model import write_onnx

AFFECTED = frozenset({"Conv", "ConvTranspose", "Gemm"})


def shielded(model: Path, layers: Collection[str]) -> frozenset[str]:
    """Those of a model's layers that would need it."""
    onnx = require("onnx", "quant", "keeping layers in float")
    nodes = onnx.load(model, load_external_data=False).graph.node
    # One without a name gets one from the scheme, so that it cannot be found here.
    others = {node.name for node in nodes if node.name and node.op_type not in AFFECTED}
    return frozenset(layers) - others


def shield(file: Path, layers: Collection[str]) -> None:
    """Put a Clip in front of the layers that are float in the file and read a DequantizeLinear."""
    onnx = require("onnx", "quant", "keeping layers in float")
    model = onnx.load(file)
    graph = model.graph
    made = {name: node for node in graph.node for name in node.output}
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in _scales(graph)}
    added: dict[str, Any] = {}
    for node in graph.node:
        source = made.get(node.input[0]) if node.input else None
        if node.name in layers and source is not None and source.op_type == "DequantizeLinear":
            name = f"{node.input[0]}/clip"
            if name not in added:
                low, high = _range(source, constants)
                bounds = [f"{name}/low", f"{name}/high"]
                for bound, value in zip(bounds, (low, high), strict=True):
                    graph.initializer.append(onnx.numpy_helper.from_array(value, bound))
                added[name] = onnx.helper.make_node("Clip", [node.input[0], *bounds], [name], name)
            node.input[0] = name
    if added:
        graph.node.extend(added.values())
        write_onnx(model, file)


def _scales(graph: Any) -> list[Any]:
    """Initializers that a DequantizeLinear takes for scale or zero point, and not the weights themselves."""
    wanted = {name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.input[1:]}
    return [tensor for tensor in graph.initializer if tensor.name in wanted]


def _range(dequantize: Any, constants: dict[str, Any]) -> tuple[Any, Any]:
    """The least and the greatest value that comes out, in the dtype of the scale."""
    scale, zero = (constants[name] for name in dequantize.input[1:3])
    limits = np.iinfo(zero.dtype)
    low, high = ((limit - int(zero)) * scale for limit in (limits.min, limits.max))
    return np.asarray(low, scale.dtype), np.asarray(high, scale.dtype)
