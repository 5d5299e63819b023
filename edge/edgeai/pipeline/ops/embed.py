"""Steps from a language model's outputs to one vector a text: pool, l2_normalize."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError, one_line
from ...steps import embed
from ..values import Outputs
from .outputs import pick

if TYPE_CHECKING:
    from ..values import Array


def pool(
    value: Outputs, *, tensor: str | None = None, how: str = "mean", mask: str | None = "attention_mask"
) -> Array:
    """`pool@1`: what the model says of each token, [N, T, D], to one vector a text: f32 [N, D].

    tensor: the output; None for the only one. how: `mean` of the tokens, `max` of each component, `cls` (the
    first token). mask: the model's input that tells tokens from padding; null where all are tokens.
    """
    hidden = pick(value, tensor)
    return embed.pool(hidden, _mask(value, mask, hidden), how)


def l2_normalize(value: Array | Outputs, *, tensor: str | None = None) -> Array:
    """`l2_normalize@1`: vectors of length 1 along the last axis, f32; zeros stay zeros.

    tensor: the output, where this is the first step behind a model; None for the only one.
    """
    vectors = pick(value, tensor) if isinstance(value, Outputs) else value
    if not isinstance(vectors, np.ndarray):
        raise InputError(f"l2_normalize takes an array of vectors, it got a {type(vectors).__name__}")
    return embed.l2_normalize(vectors)


def _mask(value: Outputs, name: str | None, hidden: Array) -> Array:
    if name is None:
        return np.ones(hidden.shape[:2], np.int64)
    if isinstance(value.feed, Mapping) and name in value.feed:
        return np.asarray(value.feed[name])
    fed = ", ".join(map(str, value.feed)) if isinstance(value.feed, Mapping) else type(value.feed).__name__
    raise InputError(one_line(f"mask is {name!r}, which did not go into the model ({fed} did)"))
