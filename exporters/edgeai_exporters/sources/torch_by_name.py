"""A PyTorch module around another one, whose inputs have the names that they are wanted by."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch


class Named(torch.nn.Module):  # type: ignore[misc,unused-ignore]  # torch is Any here
    """Calls `call` with the inputs by their names. model: whose weights it has."""

    def __init__(self, model: Any, names: Sequence[str], call: Callable[..., Any]) -> None:
        super().__init__()
        self.model = model

        def forward(**inputs: Any) -> Any:
            return call(**inputs)

        # torch.export reads the names of inputs off the signature, and each model has its own.
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        forward.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(name, kind) for name in names]
        )
        self.forward = forward
