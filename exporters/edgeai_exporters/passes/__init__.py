"""Changes of an ONNX model, one file each: `(model) -> PassResult(model, modified)`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from onnx import ModelProto


@dataclass(frozen=True)
class PassResult:
    """The model after a pass, and whether anything is different. The model that went in is left as it was."""

    model: ModelProto
    modified: bool


Pass: TypeAlias = "Callable[[ModelProto], PassResult]"  # noqa: S105 - no password

_HERE = "edgeai_exporters.passes"

# What any runtime and the TFLite writer can take, in the order in which `run` runs them. A pass is one file
# and a line.
PASSES: dict[str, str] = {
    "name_nodes": f"{_HERE}.name_nodes:name_nodes",
    "simplify": f"{_HERE}.simplify:simplify",
}

# For ONNX Runtime alone; the schemes that gain by it run them, so nothing else need.
RUNTIME_PASSES: dict[str, str] = {
    "fuse_attention": f"{_HERE}.fuse_attention:fuse_attention",
    "sum_before_norm": f"{_HERE}.sum_before_norm:sum_before_norm",
}


def run(model: ModelProto, passes: Mapping[str, str]) -> PassResult:
    """Run all passes of a table, one after the other."""
    modified = False
    for target in passes.values():
        module, _, function = target.partition(":")
        result = getattr(importlib.import_module(module), function)(model)
        model, modified = result.model, modified or result.modified
    return PassResult(model, modified)
