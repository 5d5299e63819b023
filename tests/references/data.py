"""How the scripts in this folder write what they found, and how tests read it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDER = Path(__file__).parent


def read(name: str) -> Any:
    """A reference by its file's name."""
    return json.loads((FOLDER / name).read_text())


def write(name: str, content: Any) -> None:
    """Write JSON with a line for each thing that holds no further objects, so that a change shows."""
    (FOLDER / name).write_text(_lines(content, "") + "\n")


def _lines(content: Any, indent: str) -> str:
    if not _holds_objects(content):
        return json.dumps(content, ensure_ascii=False)
    inner = indent + " "
    if isinstance(content, dict):
        parts = [f"{inner}{json.dumps(key)}: {_lines(value, inner)}" for key, value in content.items()]
        return "{\n" + ",\n".join(parts) + "\n" + indent + "}"
    return "[\n" + ",\n".join(inner + _lines(value, inner) for value in content) + "\n" + indent + "]"


def _holds_objects(content: Any) -> bool:
    if isinstance(content, dict):
        return True
    return isinstance(content, list) and any(_holds_objects(value) for value in content)


def float32s(values: NDArray[np.floating[Any]]) -> list[float]:
    """The shortest decimals that read back as the same float32."""
    return [float(str(value)) for value in np.asarray(values, np.float32).ravel()]


def file_digest(path: Path) -> str:
    """sha256 of a file in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
