"""Who teaches: a torch module with weights or trained here, or any source of `edgeai export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import edgeai
from edgeai.errors import EdgeError, ExportError, one_line

from ..own_code import load_function
from ..sources import open_source
from .teaching import Teacher

# After the modules that say what to install.
import torch  # isort: skip


def build(spec: str, what: str) -> Any:
    """The module of a factory. Raises ExportError."""
    factory = load_function(spec, what)
    try:
        module = factory()
    except Exception as error:
        kind = type(error).__name__
        raise ExportError(f"{one_line(spec)} failed: {one_line(error)} ({kind})") from error
    if not isinstance(module, torch.nn.Module):
        raise ExportError(
            f"{one_line(spec)} returned a {type(module).__name__}; {what} must be a torch.nn.Module"
        )
    return module


def load_weights(module: Any, file: Path) -> None:
    """Raises ExportError where the file is none of torch, or of another module."""
    try:
        module.load_state_dict(torch.load(file, weights_only=True))
    except OSError as error:
        raise ExportError(f"{one_line(file)} cannot be read: {error.strerror}; check the path") from None
    except Exception as error:  # pickle's and torch's own kinds, by what is wrong
        raise ExportError(
            f"{one_line(file)} does not fit the teacher: {one_line(error)}; save its state_dict()"
        ) from error


def of_module(module: Any) -> Teacher:
    """In inference, and without gradients."""
    module.eval().requires_grad_(False)

    def logits(batch: Any) -> Any:
        with torch.no_grad():
            return module(batch)

    return Teacher(logits, module, parameters(module))


def of_source(spec: str, folder: Path) -> Teacher:
    """Runs the file that a source gives; its first input takes a batch, its first output is logits."""
    session = edgeai.load(open_source(spec, folder).path, prepared=False)
    name, output = session.inputs[0].name, session.outputs[0].name
    single = session.inputs[0].shape[0] == 1

    def run(rows: Any) -> Any:
        try:
            return session.run({name: rows})[output]
        except EdgeError as error:
            raise ExportError(f"the teacher {one_line(spec)} does not take the samples: {error}") from error

    def logits(batch: Any) -> Any:
        rows = batch.numpy()
        parts = [run(rows[row : row + 1]) for row in range(len(rows))] if single else [run(rows)]
        return torch.from_numpy(np.array(np.concatenate(parts), np.float32))

    return Teacher(logits, None, None)


def parameters(module: Any) -> int:
    """How many numbers learn or were learnt."""
    return sum(each.numel() for each in module.parameters())
