"""Reads a table of a file key by key, so that every mistake is reported with the file and the dotted key.

`toml_table` opens TOML with it, `bundle.manifest` reads JSON; what is wrong is said in the file's own words.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, ClassVar, NoReturn

from .errors import ConfigError, EdgeError, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from typing_extensions import Self


class Table:
    """One table. Each getter takes its key; `done()` refuses the keys that nobody took."""

    error: ClassVar[type[EdgeError]] = ConfigError
    kinds: ClassVar[Mapping[str, str]] = {
        "str": "a text",
        "int": "a whole number",
        "float": "a number",
        "bool": "true or false",
        "list": "a list",
        "dict": "a table",
    }
    """What the file's format calls a value of a Python type."""

    def __init__(self, file: Path, values: Mapping[str, object], key: str = "") -> None:
        self.file = file
        self.key = key
        """The dotted key of this table itself; empty for the whole file."""
        self._left = dict(values)

    def fail(self, key: str, what: str) -> NoReturn:
        """Raise the error for a key of this table, or for the table itself with an empty key."""
        dotted = ".".join(part for part in (self.key, key) if part)
        where = f"{dotted}: " if dotted else ""
        raise self.error(one_line(f"{self.file}: {where}{what}", 600))

    def names(self) -> tuple[str, ...]:
        """The keys not taken yet, for a table whose keys are the user's own."""
        return tuple(self._left)

    def has(self, key: str) -> bool:
        """Whether an optional key is there and not taken yet."""
        return key in self._left

    def text(self, key: str) -> str:
        """A text that is not empty."""
        value = self._take(key)
        if not isinstance(value, str):
            self._wrong_type(key, "a text", value)
        if not value.strip():
            self.fail(key, "is empty; give a text")
        return value

    def optional_text(self, key: str) -> str | None:
        """A text, or None where the key is absent."""
        return self.text(key) if self.has(key) else None

    def matching(self, key: str, pattern: str, wanted: str) -> str:
        """A text that a regular expression fits as a whole; `wanted` says it in words."""
        value = self.text(key)
        if not re.fullmatch(pattern, value):
            self.fail(key, f"is {value!r}; give {wanted}")
        return value

    def choice(self, key: str, known: tuple[str, ...]) -> str:
        """One of the known words."""
        value = self.text(key)
        if value not in known:
            self.fail(key, f"is {value!r}; give one of: {', '.join(known)}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty where the key is absent."""
        values = self._list(key)
        for index, value in enumerate(values):
            if not isinstance(value, str):
                self._wrong_type(f"{key}[{index}]", "a text", value)
        return tuple(str(value) for value in values)

    def count(self, key: str) -> int:
        """A whole number from 1."""
        return self._positive_int(key, self._take(key))

    def counts(self, key: str) -> tuple[int, ...]:
        """A list of whole numbers from 1; empty where the key is absent."""
        return tuple(
            self._positive_int(f"{key}[{index}]", value) for index, value in enumerate(self._list(key))
        )

    def whole(self, key: str, default: int | None = None) -> int:
        """A whole number from 0; the default where the key is absent."""
        if default is not None and not self.has(key):
            return default
        value = self._take(key)
        if isinstance(value, bool) or not isinstance(value, int):
            self._wrong_type(key, "a whole number", value)
        if value < 0:
            self.fail(key, f"is {value}; give a whole number from 0")
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """true or false; the default where the key is absent."""
        value = self._left.pop(key, default)
        if not isinstance(value, bool):
            self._wrong_type(key, "true or false", value)
        return value

    def any(self, key: str) -> object:
        """Whatever the key holds; None where it is absent."""
        return self._left.pop(key, None)

    def number(self, key: str) -> float | int:
        """Any number that is finite."""
        value = self._take(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self._wrong_type(key, "a number", value)
        if not math.isfinite(value):
            self.fail(key, f"is {value}; give a finite number")
        return value

    def positive(self, key: str) -> float:
        """A number above 0."""
        value = self._take(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self._wrong_type(key, "a number", value)
        if not 0 < value < math.inf:
            self.fail(key, f"is {value}; give a number above 0")
        return float(value)

    def table(self, key: str) -> Self:
        """A table; an empty one where the key is absent, so that its own keys say what is missing."""
        return self._as_table(key, self._left.pop(key, {}))

    def tables(self, key: str) -> tuple[Self, ...]:
        """A list of tables; empty where the key is absent."""
        return tuple(self._as_table(f"{key}[{index}]", value) for index, value in enumerate(self._list(key)))

    def done(self) -> None:
        """Refuse what is left: a key that nobody reads is a misspelt one."""
        for key in self._left:
            self.fail(key, "is not a key that is read here; correct the spelling or remove it")

    def _take(self, key: str) -> object:
        if key not in self._left:
            self.fail(key, "is missing")
        return self._left.pop(key)

    def _list(self, key: str) -> list[object]:
        value = self._left.pop(key, [])
        if not isinstance(value, list):
            self._wrong_type(key, "a list", value)
        return value

    def _as_table(self, key: str, value: object) -> Self:
        if not isinstance(value, dict):
            self._wrong_type(key, self.kinds["dict"], value)
        dotted = ".".join(part for part in (self.key, key) if part)
        return type(self)(self.file, value, dotted)

    def _positive_int(self, key: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            self._wrong_type(key, "a whole number", value)
        if value < 1:
            self.fail(key, f"is {value}; give a whole number from 1")
        return value

    def _wrong_type(self, key: str, wanted: str, value: object) -> NoReturn:
        kind = type(value).__name__
        self.fail(key, f"is {self.kinds.get(kind, kind)}, {value!r}; give {wanted}")
