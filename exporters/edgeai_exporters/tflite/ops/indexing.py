"""Picking and putting by index."""

from __future__ import annotations

import numpy as np

from ..build import Builder
from ..graph import Tensor
from ..node import Node
from .shape import gather_axis


def gather(b: Builder, n: Node) -> Tensor:
    """Rows of a constant table by EMBEDDING_LOOKUP, whose weights quantize; else GATHER."""
    x, places, axis = n[0], n[1], n.get("axis", 0) % n[0].rank
    if x.data is not None and x.rank == 2 and axis == 0 and x.dtype == np.float32:
        return _embedding(b, x, places, n.shape)
    if places.data is not None and places.size == 1 and x.data is None:
        at = int(places.data.reshape(())) % x.shape[axis]
        return b.reshape(b.take(x, axis, at, 1), n.shape)
    return b.reshape(gather_axis(b, x, from_the_start(b, places, x.shape[axis]), axis), n.shape)


def _embedding(b: Builder, table: Tensor, places: Tensor, shape: tuple[int, ...]) -> Tensor:
    """LiteRT fails the run on an index outside the table, negative ones among them."""
    flat = b.reshape(b.cast(places, np.int32), (places.size,))
    if places.data is not None:
        flat = b.const(places.data.reshape(-1) % table.shape[0], np.int32)
    return b.reshape(b.op("EMBEDDING_LOOKUP", [flat, table], (places.size, table.shape[1]), data=(1,)), shape)


def from_the_start(b: Builder, places: Tensor, size: int) -> Tensor:
    """ONNX counts negative indices from the end; TFLite has none."""
    if places.data is not None:
        return b.const(np.where(places.data < 0, places.data + size, places.data), np.int32)
    places = b.cast(places, np.int32)
    is_negative = b.compare("LESS", places, b.like(places, 0))
    return b.select(is_negative, b.add(places, size), places)


def gather_nd(b: Builder, n: Node) -> Tensor:
    """Slices by index tuples; with batch axes the batch's own index goes in front of each tuple."""
    x, places, batch = n[0], n[1], n.get("batch_dims", 0)
    depth = places.shape[-1]
    sizes = np.array(x.shape[batch : batch + depth], np.int32)
    if places.data is not None:
        places = b.const(np.where(places.data < 0, places.data + sizes, places.data), np.int32)
    else:
        places = b.cast(places, np.int32)
        is_negative = b.compare("LESS", places, b.like(places, 0))
        places = b.select(is_negative, b.add(places, b.const(sizes)), places)
    if batch:
        grid = np.stack(list(np.indices(places.shape[:-1])[:batch]), axis=-1).astype(np.int32)
        places = b.concat([b.const(grid), places], places.rank - 1)
    return b.op("GATHER_ND", [x, places], n.shape)


def gather_elements(b: Builder, n: Node) -> Tensor:
    """One element for each index, whose other coordinates are its own place."""
    return b.op("GATHER_ND", [n[0], _coordinates(b, n)], n.shape)


def _coordinates(b: Builder, n: Node) -> Tensor:
    x, places, axis = n[0], n[1], n.get("axis", 0) % n[0].rank
    places = from_the_start(b, places, x.shape[axis])
    grid = np.indices(places.shape).astype(np.int32)
    if places.data is not None:
        grid[axis] = places.data
        return b.const(np.moveaxis(grid, 0, -1))
    parts = [b.const(g[..., None]) for g in grid]
    parts[axis] = b.reshape(places, (*places.shape, 1))
    return b.concat(parts, places.rank)


def scatter_nd(b: Builder, n: Node) -> Tensor:
    """Updates in place: what is scattered, where it is, and the rest of the input."""
    x, places, updates = n[0], n[1], n[2]
    mode = n.get("reduction", "none")
    sizes = np.array(x.shape[: places.shape[-1]], np.int32)
    if places.data is None and mode != "add":
        b.refuse("its indices must be a constant: LiteRT adds up what falls on one place")
    if places.data is not None:
        fixed = np.where(places.data < 0, places.data + sizes, places.data).reshape(-1, places.shape[-1])
        if mode == "none" and len(np.unique(fixed, axis=0)) != len(fixed):
            b.refuse("two updates go to one place, which LiteRT would add up")
        places = b.const(fixed.reshape(places.shape), np.int32)
    else:
        places = b.cast(places, np.int32)
    return _scatter(b, x, places, updates, mode)


def scatter_elements(b: Builder, n: Node) -> Tensor:
    """The same by element."""
    x, updates, mode = n[0], n[2], n.get("reduction", "none")
    places = _coordinates(b, n)
    if mode == "none" and places.data is None:
        b.refuse("its indices must be a constant: LiteRT adds up what falls on one place")
    if places.data is not None and mode == "none":
        flat = places.data.reshape(-1, x.rank)
        if len(np.unique(flat, axis=0)) != len(flat):
            b.refuse("two updates go to one place, which LiteRT would add up")
    return _scatter(b, x, places, updates, mode)


def _scatter(b: Builder, x: Tensor, places: Tensor, updates: Tensor, mode: str) -> Tensor:
    if mode not in {"none", "add"}:
        b.refuse(f"LiteRT has no scattering by {mode!r}")
    shape = b.const(x.shape, np.int32)
    put = b.op("SCATTER_ND", [places, updates, shape], x.shape, data=(1,))
    if mode == "add":
        return b.add(x, put)
    assert places.data is not None
    mask = np.zeros(x.shape, bool)
    mask[tuple(np.moveaxis(places.data, -1, 0))] = True
    return b.select(b.const(mask), put, x)


def one_hot(b: Builder, n: Node) -> Tensor:
    """A negative index counts from the end; what is outside is off everywhere."""
    depth = n.array(1, "depth")
    assert depth is not None
    count, axis = int(depth.reshape(())), n.get("axis", -1) % len(n.shape)
    values = n[2]
    off, on = (
        (b.reshape(b.take(values, 0, i, 1), ()) for i in range(2))
        if values.data is None
        else (b.const(values.data[0]), b.const(values.data[1]))
    )
    places = n[0]
    wide = places if places.dtype == np.int32 else b.cast(places, np.int32)
    is_negative = b.compare("LESS", wide, b.like(wide, 0))
    wide = b.select(is_negative, b.add(wide, count), wide)
    kept = list(n.shape)
    shape_of_places = [*kept[:axis], 1, *kept[axis + 1 :]]
    range_shape = [1] * len(kept)
    range_shape[axis] = count
    ladder = b.const(np.arange(count).reshape(range_shape), np.int32)
    is_here = b.compare("EQUAL", b.reshape(wide, shape_of_places), ladder)
    return b.select(is_here, on, off)


def top_k(b: Builder, n: Node) -> list[Tensor | None]:
    """Largest along the last axis; the smallest are the largest of what is turned in sign."""
    x, axis = n[0], n.get("axis", -1) % n[0].rank
    count = n.ints(1, "k")
    if not n.get("largest", 1):
        x = b.unary("NEG", x)
    last = b.move(x, axis, -1)
    k = int((count or [1])[0])
    shape = (*last.shape[:-1], k)
    wide = last.dtype if last.dtype.name in {"float32", "int32", "int64"} else np.dtype(np.float32)
    values, places = b.tensor(shape, wide, "TOPK_V2"), b.tensor(shape, np.int32, "TOPK_V2/indices")
    b.graph.add("TOPK_V2", [b.cast(last, wide), b.const(k, np.int32)], [values, places], {}, b.node)
    best = b.cast(values, n[0].dtype)
    best = b.unary("NEG", best) if not n.get("largest", 1) else best
    return [b.move(best, -1, axis), b.cast(b.move(places, -1, axis), np.int64)]


def reverse_sequence(b: Builder, n: Node) -> Tensor:
    """The first elements of each sequence turned round."""
    time, batch = n.get("time_axis", 0), n.get("batch_axis", 1)
    lengths = b.cast(n[1], np.int32)
    return b.op("REVERSE_SEQUENCE", [n[0], lengths], n.shape, seqDim=time, batchDim=batch)
