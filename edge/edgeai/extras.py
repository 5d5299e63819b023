"""Optional libraries: imported where they are used, and a missing one says which extra brings it."""

from __future__ import annotations

import importlib
from types import ModuleType

from .errors import ExtraMissing, one_line


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import a module of an optional library.

    module: dotted name, such as `PIL.Image`. extra: what brings it: `pip install 'edgeai[EXTRA]'`.
    purpose: what it is needed for, as the error says it ("decoding images").
    Raises ExtraMissing where it is not installed or does not load.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ExtraMissing(
            f"{purpose} needs {module.partition('.')[0]}, which does not load here "
            f"({one_line(error)}); pip install 'edgeai[{extra}]'"
        ) from error
