"""Reshaping, joining, cutting and repeating."""

from __future__ import annotations

import numpy as np

from ..build import Builder
from ..graph import Tensor
from ..node import Node


def reshape(b: Builder, n: Node) -> Tensor:
    """Reshape, Flatten, Squeeze and Unsqueeze: the shape is known by now."""
    return b.reshape(n[0], n.shape)


def transpose(b: Builder, n: Node) -> Tensor:
    """Axes in another order, reversed where none is given."""
    return b.transpose(n[0], n.get("perm", list(range(n[0].rank))[::-1]))


def concat(b: Builder, n: Node) -> Tensor:
    """Along an axis."""
    parts = [n[i] for i in range(len(n.inputs))]
    parts = [part for part in parts if part.size] or parts[:1]
    return b.concat(parts, n.attributes["axis"] % len(n.shape))


def split(b: Builder, n: Node) -> list[Tensor | None]:
    """Equal parts by SPLIT, others by slices."""
    x, axis = n[0], n.get("axis", 0) % n[0].rank
    sizes = [shape[axis] for shape in n.shapes]
    if len(set(sizes)) == 1:
        return list(b.split(x, axis, len(sizes)))
    starts = np.cumsum([0, *sizes])
    return [b.take(x, axis, int(start), size) for start, size in zip(starts, sizes, strict=False)]


def expand(b: Builder, n: Node) -> Tensor:
    """Broadcast to a shape."""
    return b.broadcast(n[0], n.shape)


def tile(b: Builder, n: Node) -> Tensor:
    """Repeated whole."""
    x, repeats = n[0], n.array(1, "repeats")
    return b.op("TILE", [x, b.const(repeats, np.int32)], n.shape)


def pad(b: Builder, n: Node) -> Tensor:
    """Constant, edge or reflected; negative padding cuts."""
    x = n[0]
    flat = n.ints(1, "pads") or []
    axes = n.array(3, "axes")
    chosen = list(range(x.rank)) if axes is None else [int(axis) % x.rank for axis in axes.reshape(-1)]
    pads = [(0, 0)] * x.rank
    for i, axis in enumerate(chosen):
        pads[axis] = (flat[i], flat[i + len(chosen)])
    x = _cut(b, x, pads)
    pads = [(max(before, 0), max(after, 0)) for before, after in pads]
    mode = n.get("mode", "constant")
    if mode == "constant":
        return b.pad(x, pads, _pad_value(n))
    if mode == "reflect" and all(max(p) < max(size, 1) for p, size in zip(pads, x.shape, strict=True)):
        inputs = [x, b.const(np.array(pads, np.int32))]
        return b.op("MIRROR_PAD", inputs, n.shape, mode=0)
    return _gathered_pad(b, x, pads, mode)


def _cut(b: Builder, x: Tensor, pads: list[tuple[int, int]]) -> Tensor:
    begin = [max(-before, 0) for before, _ in pads]
    size = [
        length - max(-before, 0) - max(-after, 0)
        for length, (before, after) in zip(x.shape, pads, strict=True)
    ]
    return b.slice(x, begin, size)


def _pad_value(n: Node) -> float:
    value = n.get("value", 0.0) if n.opset < 11 else 0.0
    given = n.array(2, "value") if n.opset >= 11 else None
    return float(value if given is None else given.reshape(())[()])


def _gathered_pad(b: Builder, x: Tensor, pads: list[tuple[int, int]], mode: str) -> Tensor:
    """Edge, wrap and long reflections: each axis gathered by constant places."""
    for axis, amounts in enumerate(pads):
        if any(amounts):
            places = np.pad(np.arange(x.shape[axis]), amounts, mode=mode)  # type: ignore[call-overload]
            x = gather_axis(b, x, b.const(places, np.int32), axis)
    return x


def gather_axis(b: Builder, x: Tensor, places: Tensor, axis: int) -> Tensor:
    """GATHER of an axis by indices that are not negative."""
    shape = [*x.shape[:axis], *places.shape, *x.shape[axis + 1 :]]
    return b.op("GATHER", [x, places], shape, axis=axis, batchDims=0)


def slices(b: Builder, n: Node) -> Tensor:
    """Slice: from, to and by steps, which may go backwards."""
    x = n[0]
    starts, ends = n.ints(1, "starts") or [], n.ints(2, "ends") or []
    axes = n.ints(3, "axes") or list(range(len(starts)))
    steps = n.ints(4, "steps") or [1] * len(starts)
    chosen = dict(zip((axis % x.rank for axis in axes), zip(starts, ends, steps, strict=True), strict=True))
    begin, end, stride, backwards = [0] * x.rank, list(x.shape), [1] * x.rank, []
    for axis, (start, stop, step) in chosen.items():
        places = range(x.shape[axis])[start:stop:step]
        if not places:
            b.refuse("it makes a tensor without elements, which LiteRT does not run")
        if step < 0:  # turned round first, so that TFLite's masks for "before the first" are not needed
            backwards.append(axis)
            places = range(x.shape[axis] - 1 - places[0], x.shape[axis], -step)[: len(places)]
        begin[axis], stride[axis] = places[0], abs(step)
        end[axis] = places[-1] + 1
    if backwards:
        x = b.op("REVERSE_V2", [x, b.const(backwards, np.int32)], x.shape)
    if all(step == 1 for step in stride):
        return b.slice(x, begin, n.shape)
    inputs = [x, *(b.const(part, np.int32) for part in (begin, end, stride))]
    return b.op("STRIDED_SLICE", inputs, n.shape)


def depth_to_space(b: Builder, n: Node) -> Tensor:
    """TFLite's is ONNX's DCR, channels last; CRD by transposes."""
    x, block = n[0], n.attributes["blocksize"]
    batch, channels, height, width = x.shape
    if n.get("mode", "DCR") == "DCR":
        last = b.move(x, 1, -1)
        shape = (batch, height * block, width * block, channels // block**2)
        return b.move(b.op("DEPTH_TO_SPACE", [last], shape, blockSize=block), -1, 1)
    last = b.reshape(b.move(x, 1, -1), (batch, height, width, channels // block**2, block * block))
    swapped = b.reshape(b.transpose(last, (0, 1, 2, 4, 3)), (batch, height, width, channels))
    shape = (batch, height * block, width * block, channels // block**2)
    return b.move(b.op("DEPTH_TO_SPACE", [swapped], shape, blockSize=block), -1, 1)


def space_to_depth(b: Builder, n: Node) -> Tensor:
    """The same the other way."""
    x, block = n[0], n.attributes["blocksize"]
    if n.get("mode", "DCR") != "DCR":
        b.refuse("only the mode DCR is written")
    batch, channels, height, width = x.shape
    last = b.move(x, 1, -1)
    shape = (batch, height // block, width // block, channels * block**2)
    return b.move(b.op("SPACE_TO_DEPTH", [last], shape, blockSize=block), -1, 1)


def constant_of_shape(b: Builder, n: Node) -> Tensor:
    """One value everywhere."""
    value = n.attributes.get("value")
    from onnx import numpy_helper

    array = np.zeros(1, np.float32) if value is None else numpy_helper.to_array(value)
    return b.const(np.full(n.shape, array.reshape(()), array.dtype))


def triangle(b: Builder, n: Node) -> Tensor:
    """Trilu: what is above or below a diagonal, by a constant mask."""
    x, k = n[0], n.array(1, "diagonal")
    diagonal = 0 if k is None else int(k.reshape(()))
    ones = np.ones(x.shape[-2:], bool)
    mask = np.triu(ones, diagonal) if n.get("upper", 1) else np.tril(ones, diagonal)
    return b.select(b.const(mask), x, b.like(x, 0))


def eye_like(b: Builder, n: Node) -> Tensor:
    """A constant: only the shape counts."""
    rows, columns = n.shape
    return b.const(np.eye(rows, columns, int(n.get("k", 0)), dtype=n.dtypes[0]))
