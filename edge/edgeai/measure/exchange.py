"""Arrays that the probe leaves in a folder for the measuring processes: inputs, and the outputs to expect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import WorkerError

if TYPE_CHECKING:
    from ..backends import Array


def save(folder: Path, name: str, arrays: dict[str, Array]) -> None:
    """Keep arrays under a name. Raises WorkerError where there is no room."""
    names = list(arrays)
    try:
        (folder / f"{name}.json").write_text(json.dumps(names))
        for index, key in enumerate(names):
            # Strings are saved as fixed-width text, because pickles are never loaded.
            array = arrays[key].astype(str) if arrays[key].dtype == object else arrays[key]
            np.save(folder / f"{name}-{index}.npy", array)
    except OSError as error:  # numpy's own says nothing but how many bytes it could write
        size = sum(array.nbytes for array in arrays.values())
        raise WorkerError(
            f"{folder.parent} cannot hold the {name} of the model ({size} bytes): {error.strerror or error}; "
            "free space there, or set TMPDIR to another folder"
        ) from error


def read(folder: Path, name: str, *, mapped: bool = False) -> dict[str, Array]:
    """What `save` kept: in memory, or mapped, which takes none until it is looked at."""
    arrays: dict[str, Array] = {}
    for index, key in enumerate(json.loads((folder / f"{name}.json").read_text())):
        file = folder / f"{name}-{index}.npy"
        array: Array = np.load(file)[...] if not mapped else _map(file)
        arrays[key] = array.astype(object) if array.dtype.kind == "U" else array
    return arrays


def _map(file: Path) -> Array:
    """The array where it lies; one that is empty cannot be mapped."""
    try:
        array: Array = np.load(file, mmap_mode="r")
    except ValueError:
        array = np.load(file)
    return array
