"""A model that the user's own code builds: `file.py:factory` or `module:factory`."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeai.errors import ExportError, one_line

from ..exported import Exported
from ..hashing import sha256_of
from ..own_code import load_function
from .keras_backend import keras_on_torch
from .options import SourceOptions
from .writing import model_name


@dataclass(frozen=True)
class Built:
    """What a factory gave. kind: `torch` or `keras`. examples: None where none came with it."""

    name: str
    kind: str
    model: Any
    examples: Any
    provenance: dict[str, Any]


def open_factory(spec: str, folder: Path, options: SourceOptions) -> Exported:
    """Export what the factory returns: a `torch.nn.Module`, a `keras.Model`, or (module, example inputs).

    Example inputs are arrays or tensors: one, a tuple in the order of `forward`, or a dict by its parameters.
    Where the factory gives none, the module's attribute or method `example_inputs` is taken, then that of the
    file. Raises ExportError saying where in the user's file it failed.
    """
    with keras_on_torch():
        built = build(spec)
        if built.kind == "keras":
            from .keras_model import export_keras

            return export_keras(built.model, built.name, folder, options, built.provenance)
        from .torch_module import export_torch

        return export_torch(built.model, built.examples, built.name, folder, options, built.provenance)


def build(spec: str) -> Built:
    """Call the factory. Raises ExportError, as `open_factory` does."""
    factory = _load(spec)
    made = _call(factory, spec)
    model, examples = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    kind = _kind(model)
    if kind is None:
        raise ExportError(
            f"{one_line(spec)} returned {_described(made)}; return a torch.nn.Module, a keras.Model, or "
            "(module, example_inputs)"
        )
    name = model_name(spec.rpartition(":")[2] if ".py:" not in spec else Path(spec.rpartition(":")[0]).stem)
    if kind == "torch" and examples is None:
        examples = _examples(model, factory, spec)
    return Built(name, kind, model, examples, _provenance(spec, factory))


def _load(spec: str) -> Callable[..., Any]:
    try:
        return load_function(spec, "a model")
    except ExportError as error:
        where = _where(error.__cause__, spec)
        raise ExportError(f"{error}{where}") from error


def _call(function: Callable[..., Any], spec: str) -> Any:
    try:
        return function()
    except Exception as error:
        kind = type(error).__name__
        raise ExportError(
            f"{one_line(spec)} failed: {one_line(error)} ({kind}){_where(error, spec)}"
        ) from error


def _where(error: BaseException | None, spec: str) -> str:
    """The last line of the user's own file that an error went through, as ` at net.py:12`."""
    place = spec.rpartition(":")[0]
    file = (
        Path(place).resolve() if place.endswith(".py") else getattr(sys.modules.get(place), "__file__", None)
    )
    if isinstance(error, SyntaxError) and error.lineno:
        return f" at {one_line(Path(error.filename or place).name)}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__) if error is not None else []
    own = [frame for frame in frames if file is not None and Path(frame.filename).resolve() == Path(file)]
    return f" at {one_line(Path(own[-1].filename).name)}:{own[-1].lineno}" if own else ""


def _kind(model: object) -> str | None:
    """By the names of its classes, so that neither library is imported for the other's sake. A Keras model
    on torch is a torch module, too."""
    names = [f"{each.__module__}.{each.__name__}" for each in type(model).__mro__]
    if any(name.startswith("keras.") and name.endswith(".Model") for name in names):
        return "keras"
    return "torch" if "torch.nn.modules.module.Module" in names else None


def _described(made: object) -> str:
    if isinstance(made, type):
        return f"the class {made.__name__} itself and no instance of it"
    if made is None:
        return "nothing"
    if isinstance(made, dict):
        return "a dict, perhaps of weights (load them into the module with load_state_dict)"
    return f"a {type(made).__name__}"


def _examples(model: Any, factory: Callable[..., Any], spec: str) -> Any:
    found = getattr(model, "example_inputs", None)
    if found is None:
        found = getattr(sys.modules.get(factory.__module__), "example_inputs", None)
    return _call(found, f"{spec.rpartition(':')[0]}:example_inputs") if callable(found) else found


def _provenance(spec: str, factory: Callable[..., Any]) -> dict[str, Any]:
    file = getattr(sys.modules.get(factory.__module__), "__file__", None)
    told: dict[str, Any] = {
        "source": "python",
        "factory": f"{Path(spec.rpartition(':')[0]).name}:{factory.__name__}",
    }
    if file is not None and Path(file).is_file():
        told["sha256"] = sha256_of(Path(file))
    return told
