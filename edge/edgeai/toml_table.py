"""Reads a TOML file key by key, so that every mistake is reported with its file and its dotted key."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from .errors import ConfigError, one_line
from .table import Table

if TYPE_CHECKING:
    from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class TomlTable(Table):
    """A table of a TOML file; see `Table`."""

    @classmethod
    def open(cls, file: Path) -> TomlTable:
        """The whole file. Raises ConfigError where it cannot be read or is no TOML."""
        try:
            return cls(file, tomllib.loads(file.read_text("utf-8")))
        except OSError as error:
            raise ConfigError(f"{one_line(file)} cannot be read: {error.strerror}; check the path") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ConfigError(
                f"{one_line(file)} is not valid TOML: {one_line(error)}; correct the file"
            ) from None
