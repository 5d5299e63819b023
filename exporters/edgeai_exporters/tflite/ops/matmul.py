"""Products of matrices."""

from __future__ import annotations

import math

import numpy as np

from ..build import Builder
from ..graph import Tensor
from ..node import Node


def matmul(b: Builder, n: Node) -> Tensor:
    """By a constant matrix a FULLY_CONNECTED, which quantizes best; else a BATCH_MATMUL."""
    x, y = n[0], n[1]
    if y.data is not None and y.rank == 2 and x.rank >= 1 and x.dtype.kind == "f" and x.data is None:
        return _by_constant(b, x, y)
    if x.rank == 1:
        return b.reshape(_product(b, b.reshape(x, (1, *x.shape)), _column(b, y)), n.shape)
    return b.reshape(_product(b, x, _column(b, y)), n.shape)


def _column(b: Builder, y: Tensor) -> Tensor:
    return b.reshape(y, (*y.shape, 1)) if y.rank == 1 else y


def _by_constant(b: Builder, x: Tensor, weights: Tensor) -> Tensor:
    assert weights.data is not None
    rows = x if x.rank > 1 else b.reshape(x, (1, *x.shape))
    out = fully_connected(b, rows, b.const(np.ascontiguousarray(weights.data.T), np.float32), None)
    return b.reshape(out, (*x.shape[:-1], weights.shape[1]))


def fully_connected(b: Builder, x: Tensor, weights: Tensor, bias: Tensor | None) -> Tensor:
    """x[..., I] by weights[O, I]; a bias that is absent is zeros, which can take one up later."""
    outs = weights.shape[0]
    if bias is None:
        bias = b.const(np.zeros(outs, np.float32))
    shape = (*x.shape[:-1], outs)
    return b.op("FULLY_CONNECTED", [x, weights, bias], shape, keepNumDims=True)


def _product(b: Builder, x: Tensor, y: Tensor) -> Tensor:
    """Batches broadcast; LiteRT wants at most five axes and both of the same type."""
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    if len(batch) > 3:
        flat = math.prod(batch)
        x = b.reshape(b.broadcast(x, (*batch, *x.shape[-2:])), (flat, *x.shape[-2:]))
        y = b.reshape(b.broadcast(y, (*batch, *y.shape[-2:])), (flat, *y.shape[-2:]))
        return b.reshape(_product(b, x, y), (*batch, x.shape[-2], y.shape[-1]))
    shape = (*batch, x.shape[-2], y.shape[-1])
    return b.op("BATCH_MATMUL", [x, y], shape, data=(0, 1), adjX=False, adjY=False)


def gemm(b: Builder, n: Node) -> Tensor:
    """alpha A B + beta C, the factors in the constants where they are."""
    alpha, beta = float(n.get("alpha", 1.0)), float(n.get("beta", 1.0))
    x, y, c = n[0], n[1], n.input(2)
    if n.get("transA", 0):
        x = b.transpose(x, (1, 0))
    if y.data is not None and x.data is None and x.dtype.kind == "f":
        weights = y.data if n.get("transB", 0) else y.data.T
        scaled = b.const(np.ascontiguousarray(weights) * np.float32(alpha), np.float32)
        bias, rest = _bias(b, c, beta, scaled.shape[0])
        out = fully_connected(b, x, scaled, bias)
        return out if rest is None else b.add(out, rest)
    if n.get("transB", 0):
        y = b.transpose(y, (1, 0))
    out = _product(b, x, y)
    out = out if alpha == 1 else b.mul(out, alpha)
    return out if c is None else b.add(out, c if beta == 1 else b.mul(c, beta))


def _bias(b: Builder, c: Tensor | None, beta: float, outs: int) -> tuple[Tensor | None, Tensor | None]:
    """What of C goes into the operator, and what has to be added after it."""
    if c is None:
        return None, None
    if c.data is None or (c.rank == 2 and c.shape[0] != 1):
        return None, c if beta == 1 else b.mul(c, beta)
    row = np.broadcast_to(c.data.reshape(-1) * np.float32(beta), (outs,))
    return b.const(np.ascontiguousarray(row), np.float32), None


def einsum(b: Builder, n: Node) -> Tensor:
    """One or two operands without repeated letters in one: transposes around a batched product."""
    tensors = [n[i] for i in range(len(n.inputs))]
    operands, result = _spelled_out(n, [tensor.rank for tensor in tensors])
    if len(operands) > 2 or any(len(set(letters)) != len(letters) for letters in operands):
        b.refuse(f"only equations of one or two operands without diagonals, not {n.get('equation', '')!r}")
    kept = [set(result).union(*operands[:i], *operands[i + 1 :]) for i in range(len(operands))]
    terms = [_summed(b, *term) for term in zip(tensors, operands, kept, strict=True)]
    x, left = terms[0]
    if len(terms) == 1:
        return b.transpose(x, [left.index(c) for c in result])
    y, right = terms[1]
    batch = [c for c in result if c in left and c in right]
    rows = [c for c in left if c not in right]
    columns = [c for c in right if c not in left]
    inner = [c for c in left if c in right and c not in result]
    size = dict(zip([*left, *right], [*x.shape, *y.shape], strict=True))
    x = _arranged(b, x, left, (batch, rows, inner), size)
    y = _arranged(b, y, right, (batch, inner, columns), size)
    order = [*batch, *rows, *columns]
    product = b.reshape(_product(b, x, y), [size[c] for c in order])
    return b.transpose(product, [order.index(c) for c in result])


def _spelled_out(n: Node, ranks: list[int]) -> tuple[list[str], str]:
    """The letters of each operand and of the result; those of `...` are digits."""
    terms, arrow, result = n.get("equation", "").replace(" ", "").partition("->")
    operands = terms.split(",")
    hidden = max(rank - len(term.replace("...", "")) for term, rank in zip(operands, ranks, strict=True))
    letters = [
        term.replace("...", "0123456789"[hidden - (rank - len(term) + 3) : hidden])
        for term, rank in zip(operands, ranks, strict=True)
    ]
    if not arrow:  # what occurs once, in alphabetical order
        once = sorted(c for c in set("".join(letters)) if "".join(letters).count(c) == 1 and c.isalpha())
        result = ("..." if "..." in terms else "") + "".join(once)
    return letters, result.replace("...", "0123456789"[:hidden])


def _summed(b: Builder, x: Tensor, letters: str, kept: set[str]) -> tuple[Tensor, str]:
    """Letters that occur nowhere else are summed away."""
    gone = [i for i, c in enumerate(letters) if c not in kept]
    if gone:
        x = b.reduce("SUM", x, gone, keep=False)
    return x, "".join(c for c in letters if c in kept)


def _arranged(
    b: Builder, x: Tensor, letters: str, groups: tuple[list[str], ...], size: dict[str, int]
) -> Tensor:
    ordered = b.transpose(x, [letters.index(c) for group in groups for c in group])
    return b.reshape(ordered, [math.prod(size[c] for c in group) for group in groups])
