"""The export as one JSON document, `edgeai export --json`; `export.schema.json` beside this file says how."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence, Set
from typing import Any

from ..outcome import Outcome
from .figures import recommended

SCHEMA, KIND = 1, "edgeai.export"


def document(outcome: Outcome) -> dict[str, Any]:
    """All of the outcome as JSON types. Times are seconds, sizes bytes; what is unknown is null, never 0."""
    best = recommended(outcome)
    found: dict[str, Any] = plain(outcome)
    return {"schema": SCHEMA, "kind": KIND, "recommended": None if best is None else best.id, **found}


def plain(value: object) -> Any:
    """As JSON types: dataclasses and mappings are objects, paths are text, what is not finite is null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, Set):
        return sorted(map(plain, value), key=str)
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [plain(each) for each in value]
    return plain(value.tolist()) if hasattr(value, "tolist") else _single(value)  # of numpy


def _single(value: object) -> bool | int | float | str | None:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int)) else str(value)
