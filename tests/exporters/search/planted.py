"""Random networks of which a few layers cannot bear int8, and do what the same network without them does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[Any]


@dataclass(frozen=True)
class Planted:
    """model: the file. sensitive: names of the layers that were made so. feeds: f32, normally distributed."""

    model: Path
    sensitive: frozenset[str]
    feeds: list[dict[str, Array]]


def plant(folder: Path, seed: int) -> Planted:
    """A network of 5 to 9 layers, dense for even seeds, convolutional for odd ones; 1 to 3 are sensitive."""
    rng = np.random.default_rng(seed)
    depth, is_dense = int(rng.integers(5, 10)), seed % 2 == 0
    # The first convolution has the picture's channels, none of which can be dead.
    places = rng.choice(np.arange(1, depth), size=int(rng.integers(1, 4)), replace=False)
    build = _dense if is_dense else _convolutional
    graph, shape = build(rng, depth, {int(place) for place in places})
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    path = folder / "planted.onnx"
    onnx.save(model, path)
    feeds = [{"x": rng.standard_normal(shape).astype(np.float32)} for _ in range(64)]
    return Planted(path, frozenset(f"layer{place}" for place in places), feeds)


def _dense(rng: np.random.Generator, depth: int, places: set[int]) -> tuple[Any, tuple[int, ...]]:
    """In front of a sensitive layer one feature is made far larger than all others, and its weights as much
    smaller: the only scale of the activations then has no steps left for the others."""
    width = int(rng.integers(32, 65))
    large = int(rng.integers(width))
    nodes, weights, now = [], {}, "x"
    for n in range(depth):
        weight = (rng.standard_normal((width, width)) * np.sqrt(2 / width)).astype(np.float32)
        if n in places:
            grow = np.ones(width, np.float32)
            grow[large] = rng.uniform(500, 2000)
            weight /= grow[:, None]
            weights[f"grow{n}"] = grow
            nodes.append(helper.make_node("Mul", [now, f"grow{n}"], [f"m{n}"], f"grow{n}"))
            now = f"m{n}"
        bias = rng.standard_normal(width).astype(np.float32) * np.float32(0.1)
        bias[large] = 1  # so that the Relu lets it through
        weights |= {f"w{n}": weight, f"b{n}": bias}
        nodes += [
            helper.make_node("MatMul", [now, f"w{n}"], [f"p{n}"], f"layer{n}"),
            helper.make_node("Add", [f"p{n}", f"b{n}"], [f"s{n}"], f"bias{n}"),
            helper.make_node("Relu", [f"s{n}"], [f"r{n}"], f"relu{n}"),
        ]
        now = f"r{n}"
    return _graph(nodes[:-1], weights, [1, width], f"s{depth - 1}", [1, width]), (1, width)


def _convolutional(rng: np.random.Generator, depth: int, places: set[int]) -> tuple[Any, tuple[int, ...]]:
    """A sensitive layer has large weights on a channel that is always 0, so the scale is theirs alone."""
    width, size = int(rng.integers(8, 17)), 8
    nodes, weights, now, before = [], {}, "x", 3
    for n in range(depth):
        weight = (rng.standard_normal((width, before, 3, 3)) * np.sqrt(2 / (9 * before))).astype(np.float32)
        bias = rng.standard_normal(width).astype(np.float32) * np.float32(0.1)
        if n in places:
            weight[:, 0] = rng.uniform(200, 1000)
        if n + 1 in places:
            weight[0], bias[0] = 0, 0
        weights |= {f"w{n}": weight, f"b{n}": bias}
        nodes += [
            helper.make_node("Conv", [now, f"w{n}", f"b{n}"], [f"s{n}"], f"layer{n}", pads=[1] * 4),
            helper.make_node("Relu", [f"s{n}"], [f"r{n}"], f"relu{n}"),
        ]
        now, before = f"r{n}", width
    shape = [1, width, size, size]
    return _graph(nodes[:-1], weights, [1, 3, size, size], f"s{depth - 1}", shape), (1, 3, size, size)


def _graph(
    nodes: list[Any], weights: dict[str, Array], shape: list[int], output: str, given: list[int]
) -> Any:
    return helper.make_graph(
        nodes,
        "planted",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, given)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
