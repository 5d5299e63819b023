"""Changes of an ONNX model, one file each: `(model) -> PassResult(model, modified)`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from onnx import ModelProto


@dataclass(frozen=True)
class PassResult:
    """The model after a pass, and whether anything is different. The model that went in is left as it was."""

    model: ModelProto
    modified: bool


Pass: TypeAlias = "Callable[[ModelProto], PassResult]"

# In the order in which `clean` runs them. A pass is one file and a line here.
PASSES: dict[str, str] = {}
