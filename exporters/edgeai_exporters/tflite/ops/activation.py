"""Activations: as TFLite's own where it has them, so that they fuse and quantize, else in arithmetic."""

from __future__ import annotations

import numpy as np

from ..build import Builder
from ..graph import Tensor
from ..node import Node
from . import Lowering


def relu(b: Builder, n: Node) -> Tensor:
    """max(x, 0)."""
    return b.clip(n[0], 0.0, np.inf)


def clip(b: Builder, n: Node) -> Tensor:
    """Between constants or inputs; Relu6 and its like are recognised."""
    x, low, high = n[0], _limit(b, n, 1, "min"), _limit(b, n, 2, "max")
    if x.dtype.kind == "f" and all(limit is None or limit.data is not None for limit in (low, high)):
        return b.clip(x, -np.inf if low is None else _scalar(low), np.inf if high is None else _scalar(high))
    if low is not None:
        x = b.binary("MAXIMUM", x, low)
    return x if high is None else b.binary("MINIMUM", x, high)


def _limit(b: Builder, n: Node, index: int, attribute: str) -> Tensor | None:
    if attribute in n.attributes:
        return b.const(n.attributes[attribute], n[0].dtype)
    return n.input(index)


def _scalar(x: Tensor) -> float:
    assert x.data is not None
    return float(x.data.reshape(()))


def leaky_relu(b: Builder, n: Node) -> Tensor:
    """alpha x below 0."""
    return b.unary("LEAKY_RELU", n[0], alpha=float(n.get("alpha", 0.01)))


def prelu(b: Builder, n: Node) -> Tensor:
    """A slope by channel below 0; TFLite's PRELU wants the slope without a batch axis."""
    x, slope = n[0], n[1]
    if slope.data is not None and x.rank > 1 and x.dtype == np.float32:
        fits = slope.rank < x.rank or slope.shape[0] == 1
        if fits:
            full = (1,) * (x.rank - slope.rank) + slope.shape
            return b.op("PRELU", [x, b.reshape(slope, full[1:])], x.shape)
    return b.select(b.compare("LESS", x, b.like(x, 0)), b.mul(x, slope), x)


def thresholded_relu(b: Builder, n: Node) -> Tensor:
    """x above alpha, else 0."""
    x = n[0]
    above = b.compare("GREATER", x, b.like(x, n.get("alpha", 1.0)))
    return b.select(above, x, b.like(x, 0))


def shrink(b: Builder, n: Node) -> Tensor:
    """x moved towards 0 by a bias outside -lambd .. lambd, 0 inside."""
    x, limit, bias = n[0], n.get("lambd", 0.5), n.get("bias", 0.0)
    high = b.select(b.compare("GREATER", x, b.like(x, limit)), b.sub(x, b.like(x, bias)), b.like(x, 0))
    return b.select(b.compare("LESS", x, b.like(x, -limit)), b.add(x, b.like(x, bias)), high)


def elu(b: Builder, n: Node) -> Tensor:
    """alpha (e^x - 1) below 0."""
    return _elu(b, n[0], float(n.get("alpha", 1.0)))


def _elu(b: Builder, x: Tensor, alpha: float) -> Tensor:
    if alpha == 1:
        return b.unary("ELU", x)
    below = b.mul(b.unary("ELU", b.clip(x, -np.inf, 0.0)), alpha)
    return b.add(b.clip(x, 0.0, np.inf), below)


def celu(b: Builder, n: Node) -> Tensor:
    """alpha (e^(x / alpha) - 1) below 0."""
    x, alpha = n[0], float(n.get("alpha", 1.0))
    below = b.mul(b.unary("ELU", b.mul(b.clip(x, -np.inf, 0.0), 1 / alpha)), alpha)
    return b.add(b.clip(x, 0.0, np.inf), below)


def selu(b: Builder, n: Node) -> Tensor:
    """gamma times Elu; the defaults are the operator's."""
    alpha, gamma = n.get("alpha", 1.67326319217681884765625), n.get("gamma", 1.05070102214813232421875)
    return b.mul(_elu(b, n[0], float(alpha)), float(gamma))


def gelu(b: Builder, n: Node) -> Tensor:
    """Exact, or by tanh."""
    return b.unary("GELU", n[0], approximate=n.get("approximate", "none") == "tanh")


def hard_sigmoid(b: Builder, n: Node) -> Tensor:
    """clip(alpha x + beta, 0, 1) as relu6(6 alpha x + 6 beta) / 6, which fuses."""
    alpha, beta = float(n.get("alpha", 0.2)), float(n.get("beta", 0.5))
    return _hard_sigmoid(b, n[0], alpha, beta)


def _hard_sigmoid(b: Builder, x: Tensor, alpha: float, beta: float) -> Tensor:
    scaled = x if abs(6 * alpha - 1) < 1e-6 else b.mul(x, 6 * alpha)  # 1/6 as a float is not 1/6
    return b.mul(b.clip(b.add(scaled, 6 * beta), 0.0, 6.0), 1 / 6)


def hard_swish(b: Builder, n: Node) -> Tensor:
    """x hard_sigmoid(x)."""
    return b.unary("HARD_SWISH", n[0])


def softplus(b: Builder, n: Node) -> Tensor:
    """log(1 + e^x) as relu(x) + log(1 + e^-|x|), which does not overflow."""
    x = n[0]
    small = b.unary("EXP", b.unary("NEG", b.unary("ABS", x)))
    return b.add(b.clip(x, 0.0, np.inf), b.unary("LOG", b.add(small, 1)))


def softsign(b: Builder, n: Node) -> Tensor:
    """x / (1 + |x|)."""
    return b.div(n[0], b.add(b.unary("ABS", n[0]), 1))


def mish(b: Builder, n: Node) -> Tensor:
    """x tanh(log(1 + e^x)) = x m / (m + 2) with m = e^x (e^x + 2), which is 1 to the last bit above e^20."""
    e = b.unary("EXP", b.clip(n[0], -np.inf, 20.0))
    m = b.mul(e, b.add(e, 2))
    return b.mul(n[0], b.div(m, b.add(m, 2)))


def swish(b: Builder, n: Node) -> Tensor:
    """x sigmoid(alpha x)."""
    alpha = float(n.get("alpha", 1.0))
    return b.mul(n[0], b.unary("LOGISTIC", n[0] if alpha == 1 else b.mul(n[0], alpha)))


def softmax(code: str) -> Lowering:
    """Softmax and LogSoftmax; TFLite's are over the last axis."""

    def lower(b: Builder, n: Node) -> Tensor:
        x = n[0]
        if n.opset < 13:  # over all axes from `axis` on, as if they were one
            axis = n.get("axis", 1) % max(x.rank, 1)
            flat = b.reshape(x, (int(np.prod(x.shape[:axis])), int(np.prod(x.shape[axis:]))))
            if axis != x.rank - 1:
                return b.reshape(_softmax(b, code, flat), x.shape)
        axis = n.get("axis", -1 if n.opset >= 13 else 1) % max(x.rank, 1)
        return b.move(_softmax(b, code, b.move(x, axis, -1)), -1, axis)

    return lower


def _softmax(b: Builder, code: str, x: Tensor) -> Tensor:
    if code == "SOFTMAX":
        return b.unary(code, x, beta=1.0)
    return b.unary(code, x)


def hardmax(b: Builder, n: Node) -> Tensor:
    """1 at the first largest element of an axis."""
    x = n[0]
    if n.opset < 13:
        axis = n.get("axis", 1) % max(x.rank, 1)
        x = b.reshape(x, (int(np.prod(x.shape[:axis])), int(np.prod(x.shape[axis:]))))
        axis = 1
    else:
        axis = n.get("axis", -1) % x.rank
    last = b.move(x, axis, -1)
    index = b.op("ARG_MAX", [last, b.const(-1, np.int32)], last.shape[:-1], np.int32, outputType=2)
    depth, one, zero = b.const(last.shape[-1], np.int32), b.like(x, 1), b.like(x, 0)
    hot = b.op("ONE_HOT", [index, depth, one, zero], last.shape, x.dtype, axis=-1)
    return b.reshape(b.move(hot, -1, axis), n[0].shape)
