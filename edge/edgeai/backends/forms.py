"""The table of forms: files that a backend can make out of a model file for this device.

To add one: a function in a file of its own beside this one, and one line in FORMS. `tests/edge/backends/
test_forms.py` picks it up from the table.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from ..bundle import Variant
    from . import RunOptions


@dataclass(frozen=True)
class FormEntry:
    """One line of the table.

    target: `module:function`, called as `(variant, options, folder) -> main`, which writes its files into the
        folder and returns the one to open. Raises ModelError where the backend cannot make it.
    is_model: whether what it returns is opened instead of the model file; else it is the backend's cache.
    """

    backend: str
    target: str
    is_model: bool
    help: str


FORMS: dict[str, FormEntry] = {
    "optimized": FormEntry(
        "onnxruntime",
        "edgeai.backends.onnxruntime_forms:make_optimized",
        True,
        "the graph as ONNX Runtime runs it here, with weights in a file that is mapped",
    ),
    "prepacked": FormEntry(
        "onnxruntime",
        "edgeai.backends.onnxruntime_forms:make_prepacked",
        True,
        "the same with weights in the layout that this CPU's kernels want",
    ),
    "openvino-blob": FormEntry(
        "openvino",
        "edgeai.backends.openvino_forms:make_blob",
        False,
        "the model as OpenVINO has compiled it for this CPU, in a file that is mapped",
    ),
}


def make_form(kind: str, variant: Variant, options: RunOptions, folder: Path) -> Path:
    """Make a form of a variant, in this process; what makes it may crash, so the caller is a child."""
    if kind not in FORMS:
        raise InputError(f"no form is called {kind!r}; known: {', '.join(FORMS) or 'none'}")
    module, _, function = FORMS[kind].target.partition(":")
    make: Callable[..., Path] = getattr(importlib.import_module(module), function)
    return make(variant, options, folder)
