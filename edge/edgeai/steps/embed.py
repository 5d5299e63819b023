"""From what a language model says of each token to one vector a text: pooling and normalizing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, one_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def pool(hidden: Array, mask: Array, how: str = "mean") -> NDArray[np.float32]:
    """One vector a text: f32 [N, D].

    hidden: [N, T, D], floating. mask: [N, T], not 0 where there is a token; what stands elsewhere, be it NaN,
    changes no bit of the result.
    how: `mean` of the tokens; `max` of each component; `cls`, the first token, wherever padding puts it.
    A text without tokens gives zeros.
    """
    if how not in _POOL:
        raise InputError(f"how is {one_line(repr(how))}; give one of: {', '.join(_POOL)}")
    if hidden.ndim != 3 or mask.shape != hidden.shape[:2]:
        raise InputError(
            f"pooling takes [texts, tokens, size] and a mask of [texts, tokens], "
            f"it got {list(hidden.shape)} and {list(mask.shape)}"
        )
    pooled = _POOL[how](hidden.astype(np.result_type(hidden, np.float32), copy=False), mask != 0)
    pooled[~mask.any(axis=1)] = 0
    return np.asarray(pooled, np.float32)


def l2_normalize(vectors: Array) -> NDArray[np.float32]:
    """Vectors of length 1 along the last axis, f32 of the same shape; a vector of zeros stays as it is.

    vectors: [..., D], floating or integer. Lengths are computed in double precision, where the squares of f32
    neither overflow nor vanish. NaN and infinity make NaN.
    """
    exact = vectors.astype(np.float64)
    length = np.sqrt(np.square(exact).sum(axis=-1, keepdims=True))
    with np.errstate(invalid="ignore"):
        unit: NDArray[np.float32] = (exact / np.where(length == 0, 1, length)).astype(np.float32)
    return unit


def _mean(hidden: Array, is_token: NDArray[np.bool_]) -> Array:
    # In double precision, one token after the other: what is left out makes no difference to the last bit.
    with np.errstate(invalid="ignore"):  # infinities of both signs
        total = np.add.reduce(hidden, axis=1, dtype=np.float64, where=is_token[:, :, np.newaxis])
    mean: Array = total / np.maximum(is_token.sum(axis=1), 1)[:, np.newaxis]
    return mean


def _max(hidden: Array, is_token: NDArray[np.bool_]) -> Array:
    return np.asarray(hidden.max(axis=1, where=is_token[:, :, np.newaxis], initial=-np.inf))


def _first(hidden: Array, is_token: NDArray[np.bool_]) -> Array:
    if not is_token.shape[1]:
        return np.zeros((len(hidden), hidden.shape[2]), hidden.dtype)
    first: Array = hidden[np.arange(len(hidden)), is_token.argmax(axis=1)]
    return first


_POOL = {"mean": _mean, "max": _max, "cls": _first}
