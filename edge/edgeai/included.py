"""Models that come with edgeai and answer to their bare names: `edgeai.load("digits")`."""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path

from . import datafiles
from .errors import ModelNotFound, one_line

_BARE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")  # neither a folder nor an ending


class IncludedShadowed(UserWarning):
    """A warning, no error: a file of the working directory is taken instead of an included model."""


def included_names() -> tuple[str, ...]:
    """Names of the models that come with edgeai, sorted."""
    return tuple(sorted(path.stem for path in _folder().glob("*.edge")))


def included_path(name: str) -> Path:
    """Where an included model lies."""
    return _folder() / f"{name}.edge"


def find_model(path: str | os.PathLike[str]) -> Path:
    """Where the model lies that a user calls so: a path stays what it is, a bare name is an included model.

    A file or folder of that name in the working directory wins, with the warning IncludedShadowed; its path
    is then absolute, so that it is asked for once. Raises ModelNotFound for a bare name that is neither.
    """
    file = Path(path)
    names = included_names() if _BARE_NAME.fullmatch(str(file)) else ()
    if not names or (file.name not in names and os.path.lexists(file)):
        return file
    if str(path) != str(file):  # `./digits`, which must not become a bare name further on
        return file.absolute()
    if file.name not in names:
        raise ModelNotFound(
            f"{one_line(path)}: no such file, and no included model of that name; included are: "
            f"{', '.join(names)}"
        )
    if not os.path.lexists(file):
        return included_path(file.name)
    there = file.absolute()
    warnings.warn(
        f"{one_line(there)} is taken, not the included model {file.name}; rename it, or move elsewhere",
        IncludedShadowed,
        stacklevel=2,
    )
    return there


def _folder() -> Path:
    return datafiles.data_folder(datafiles.__file__, "models", "../../benchmarks/models")
