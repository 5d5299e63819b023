"""Arithmetic, comparisons and logic, element by element."""

from __future__ import annotations

import functools

import numpy as np

from ..build import Builder
from ..graph import Tensor
from ..node import Node
from . import Lowering


def unary(code: str) -> Lowering:
    """What is one operator of TFLite too."""
    return lambda b, n: b.unary(code, n[0])


def binary(code: str) -> Lowering:
    """The same for two inputs, which broadcast."""
    return lambda b, n: b.binary(code, n[0], n[1])


def compare(code: str) -> Lowering:
    """The same with a bool output."""
    return lambda b, n: b.compare(code, n[0], n[1])


def variadic(code: str) -> Lowering:
    """Any number of inputs, two by two."""

    def lower(b: Builder, n: Node) -> Tensor:
        return functools.reduce(functools.partial(b.binary, code), [n[i] for i in range(len(n.inputs))])

    return lower


def identity(b: Builder, n: Node) -> Tensor:
    """The input itself."""
    return n[0]


def dropout(b: Builder, n: Node) -> list[Tensor | None]:
    """Nothing at inference; the mask is all true."""
    training = n.array(2, "training_mode")
    if training is not None and bool(training):
        b.refuse("it is in training mode")
    return [n[0], b.const(np.ones(n[0].shape, n.dtypes[1])) if len(n.outputs) > 1 and n.outputs[1] else None]


def mean(b: Builder, n: Node) -> Tensor:
    """Of the inputs."""
    return b.mul(variadic("ADD")(b, n), 1 / len(n.inputs))  # type: ignore[arg-type]


def division(b: Builder, n: Node) -> Tensor:
    """A constant divisor becomes a factor, which is faster and can be folded."""
    x, y = n[0], n[1]
    if y.data is not None and x.dtype == np.float32 and np.all(np.isfinite(y.data)) and _is_exact(y):
        return b.mul(x, b.const(1 / y.data, np.float32))
    return b.div(x, y)


def _is_exact(y: Tensor) -> bool:
    """Powers of two have exact reciprocals; others would be off in the last place."""
    assert y.data is not None
    fraction, _ = np.frexp(y.data)
    return bool(np.all(np.abs(fraction) == 0.5))


def modulo(b: Builder, n: Node) -> Tensor:
    """The sign is the divisor's, or with fmod the dividend's, as in C."""
    x, y = n[0], n[1]
    if not n.get("fmod", 0):
        return b.binary("FLOOR_MOD", x, y)
    rest = b.binary("FLOOR_MOD", _absolute(b, x), _absolute(b, y))
    return b.mul(rest, _sign(b, x))


def power(b: Builder, n: Node) -> Tensor:
    """Common exponents by multiplication and roots."""
    x, y = n[0], n[1]
    if x.dtype.kind == "f":
        if y.data is not None and y.size == 1 and y.rank <= x.rank:
            common = _common_power(b, x, float(y.data.reshape(())))
            if common is not None:
                return common
        return b.binary("POW", x, b.cast(y, x.dtype))
    if y.dtype.kind == "f" or "int64" in {x.dtype.name, y.dtype.name}:
        b.refuse(f"LiteRT has no exact power of {x.dtype} by {y.dtype}")
    return b.binary("POW", x, b.cast(y, x.dtype))


def _common_power(b: Builder, x: Tensor, exponent: float) -> Tensor | None:
    if exponent == 1:
        return x
    if exponent == 2:
        return b.unary("SQUARE", x)
    if exponent == 3:
        return b.mul(b.unary("SQUARE", x), x)
    if exponent == 0.5:
        return b.unary("SQRT", x)
    if exponent == -0.5:
        return b.unary("RSQRT", x)
    return None


def absolute(b: Builder, n: Node) -> Tensor:
    """|x|."""
    return _absolute(b, n[0])


def _absolute(b: Builder, x: Tensor) -> Tensor:
    if x.dtype.kind in "ub":
        return x
    return b.binary("MAXIMUM", x, b.unary("NEG", x)) if x.dtype == np.int64 else b.unary("ABS", x)


def sign(b: Builder, n: Node) -> Tensor:
    """-1, 0 or 1."""
    return _sign(b, n[0])


def _sign(b: Builder, x: Tensor) -> Tensor:
    if x.dtype.name in {"float32", "int32"}:
        return b.unary("SIGN", x)
    above, below = b.compare("GREATER", x, b.like(x, 0)), b.compare("LESS", x, b.like(x, 0))
    return b.sub(b.cast(above, x.dtype), b.cast(below, x.dtype))


def reciprocal(b: Builder, n: Node) -> Tensor:
    """1 / x; of a square root in one operator."""
    made = b.graph.made_by(n[0], "SQRT")
    if made is not None and made.inputs[0] is not None:
        return b.unary("RSQRT", made.inputs[0])
    return b.div(b.like(n[0], 1), n[0])


def logical_xor(b: Builder, n: Node) -> Tensor:
    """Of bools."""
    return b.compare("NOT_EQUAL", n[0], n[1])


def logical(code: str) -> Lowering:
    """And, Or of bools."""
    return lambda b, n: b.op(code, [n[0], n[1]], n.shape)


def bitwise_not(b: Builder, n: Node) -> Tensor:
    """All bits turned."""
    ones = np.array(-1, np.int64).astype(n[0].dtype)
    return b.binary("BITWISE_XOR", n[0], b.const(ones))


def bit_shift(b: Builder, n: Node) -> Tensor:
    """To the left as a product with a power of two, which wraps as the shift does."""
    x, y = n[0], n[1]
    if y.dtype.kind == "i" and (y.data is None or np.any(y.data < 0)):
        b.refuse("its shift must be a constant that is not negative, or unsigned")
    if n.get("direction", "") == "RIGHT":
        return b.binary("RIGHT_SHIFT", x, y)
    if x.dtype.itemsize > 2:
        b.refuse(f"LiteRT has no left shift of {x.dtype}")
    wide = b.cast(y, np.int32)
    return b.cast(b.mul(b.cast(x, np.int32), b.binary("POW", b.const(2, np.int32), wide)), x.dtype)


def where(b: Builder, n: Node) -> Tensor:
    """By a condition."""
    return b.select(n[0], n[1], n[2])


def cast(b: Builder, n: Node) -> Tensor:
    """Cast and CastLike."""
    x = n[0]
    if x.dtype.kind == "f" and n.dtypes[0].kind == "b":  # C's conversion of numbers to bool: not zero
        return b.compare("NOT_EQUAL", x, b.like(x, 0))
    return b.cast(x, n.dtypes[0])


def is_nan(b: Builder, n: Node) -> Tensor:
    """Nothing but NaN differs from itself."""
    return b.compare("NOT_EQUAL", n[0], n[0])


def is_inf(b: Builder, n: Node) -> Tensor:
    """Of either sign, or of one."""
    x = n[0]
    up, down = n.get("detect_positive", 1), n.get("detect_negative", 1)
    if up and down:
        return b.compare("EQUAL", b.unary("ABS", x), b.like(x, np.inf))
    if not up and not down:
        return b.const(np.zeros(n.shape, bool))
    return b.compare("EQUAL", x, b.like(x, np.inf if up else -np.inf))


def tangent(b: Builder, n: Node) -> Tensor:
    """Sine over cosine."""
    return b.div(b.unary("SIN", n[0]), b.unary("COS", n[0]))


def hyperbolic(sign_of_second: int) -> Lowering:
    """Sinh (-1) and Cosh (+1): (e^x +- e^-x) / 2."""

    def lower(b: Builder, n: Node) -> Tensor:
        up, down = b.unary("EXP", n[0]), b.unary("EXP", b.unary("NEG", n[0]))
        return b.mul(b.add(up, down) if sign_of_second > 0 else b.sub(up, down), 0.5)

    return lower


def arc_sine(b: Builder, n: Node) -> Tensor:
    """atan2(x, sqrt(1 - x^2))."""
    return b.binary("ATAN2", n[0], _other_side(b, n[0]))


def arc_cosine(b: Builder, n: Node) -> Tensor:
    """atan2(sqrt(1 - x^2), x)."""
    return b.binary("ATAN2", _other_side(b, n[0]), n[0])


def _other_side(b: Builder, x: Tensor) -> Tensor:
    return b.unary("SQRT", b.mul(b.add(x, 1), b.sub(b.like(x, 1), x)))


def arc_tangent(b: Builder, n: Node) -> Tensor:
    """atan2(x, 1)."""
    return b.binary("ATAN2", n[0], b.const(np.ones(n[0].shape, n[0].dtype)))


def arc_sinh(b: Builder, n: Node) -> Tensor:
    """sign(x) log(|x| + sqrt(x^2 + 1)), which does not cancel for x < 0."""
    size = b.unary("ABS", n[0])
    root = b.unary("SQRT", b.add(b.unary("SQUARE", n[0]), 1))
    return b.mul(b.unary("LOG", b.add(size, root)), _sign(b, n[0]))


def arc_cosh(b: Builder, n: Node) -> Tensor:
    """log(x + sqrt(x^2 - 1))."""
    root = b.unary("SQRT", b.mul(b.sub(n[0], 1), b.add(n[0], 1)))
    return b.unary("LOG", b.add(n[0], root))


def arc_tanh(b: Builder, n: Node) -> Tensor:
    """log((1 + x) / (1 - x)) / 2."""
    return b.mul(b.unary("LOG", b.div(b.add(n[0], 1), b.sub(b.like(n[0], 1), n[0]))), 0.5)
