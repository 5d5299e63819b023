"""What calibration and fusions gave, kept for the next scheme that asks the same of the same model."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from onnx import ModelProto

from ..arrays import Feed

Result = TypeVar("Result")
MOST = 3
"""Ranges of a model are a few kB; what smoothing looks at is up to some 100 MB."""
_known: OrderedDict[str, Any] = OrderedDict()


def remembered(
    what: Sequence[object], model: ModelProto | bytes, feeds: Sequence[Feed], compute: Callable[[], Result]
) -> Result:
    """The result for these; computed where it is not known. It must not be changed by whoever gets it.

    model: as ONNX, or the bytes of a file.
    """
    key = _key(what, model, feeds)
    if key not in _known:
        _known[key] = compute()
        while len(_known) > MOST:
            _known.popitem(last=False)
    _known.move_to_end(key)
    found: Result = _known[key]
    return found


def _key(what: Sequence[object], model: ModelProto | bytes, feeds: Sequence[Feed]) -> str:
    found = hashlib.sha256(repr(what).encode())
    found.update(model if isinstance(model, bytes) else model.SerializeToString(deterministic=True))
    for feed in feeds:
        for name, array in feed.items():
            found.update(f"{name} {array.dtype} {array.shape}".encode())
            found.update(
                np.ascontiguousarray(array).tobytes() if array.dtype != object else repr(array).encode()
            )
    return found.hexdigest()
