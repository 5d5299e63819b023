"""Loads a function that a user names as `file.py:function` or `module:function`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from edgeai.errors import ExportError, one_line


def load_function(name: str, what: str) -> Callable[..., Any]:
    """The function of a name. Raises ExportError naming what is missing, or what failed in the user's file.

    what: what it is for, as an error calls it. A file's own folder can be imported from, as if it were run.
    """
    place, _, function = name.rpartition(":")
    module = _from_file(Path(place), what) if place.endswith(".py") else _from_name(place, what)
    found = getattr(module, function, None)
    if not callable(found):
        raise ExportError(
            f"{one_line(place)} has no function {one_line(function)!r} for {what}; check the name"
        )
    called: Callable[..., Any] = found
    return called


def _from_file(file: Path, what: str) -> ModuleType:
    if not file.is_file():
        raise ExportError(f"{one_line(file)}: no such file for {what}; check the path")
    spec = importlib.util.spec_from_file_location(f"edgeai_own_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    folder = str(file.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    sys.modules[spec.name] = module  # dataclasses and pickle look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise _failed(str(file), what, error) from error
    return module


def _from_name(name: str, what: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise _failed(name, what, error) from error


def _failed(shown: str, what: str, error: Exception) -> ExportError:
    kind = type(error).__name__
    return ExportError(f"{one_line(shown)} cannot be loaded for {what}: {one_line(error)} ({kind})")
