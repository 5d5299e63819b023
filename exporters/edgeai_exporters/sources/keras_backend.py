"""Keras on PyTorch, without a setting of the user's."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def keras_on_torch() -> Iterator[None]:
    """Whatever imports Keras in this block gets it on PyTorch, unless the user set KERAS_BACKEND.

    Keras reads the variable when it is imported, and by itself takes TensorFlow, which is not here.
    """
    if "keras" in sys.modules or "KERAS_BACKEND" in os.environ:
        yield
        return
    os.environ["KERAS_BACKEND"] = "torch"
    try:
        yield
    finally:
        os.environ.pop("KERAS_BACKEND", None)
