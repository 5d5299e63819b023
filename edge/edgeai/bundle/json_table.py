"""A manifest's objects, read key by key; what is wrong is said in JSON's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ..errors import EdgeError, ManifestError
from ..table import Table

NAME = r"[A-Za-z_][A-Za-z0-9_.-]*"
"""What models, values and variants are called."""


class JsonTable(Table):
    """An object of a manifest; see `Table`."""

    error: ClassVar[type[EdgeError]] = ManifestError
    kinds: ClassVar[Mapping[str, str]] = {**Table.kinds, "dict": "an object", "NoneType": "null"}


def one_of(table: JsonTable, key: str, known: Mapping[str, object]) -> str:
    """The text of a key, which has to be one of the names that are known."""
    name = table.text(key)
    if name not in known:
        table.fail(key, f"is {name!r}; give one of: {', '.join(known) or '(the model declares none)'}")
    return name
