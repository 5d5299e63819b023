"""What a user's words stand for, one source each: of a folder or a pattern each of its files.

A file that is damaged then ends its own source and no other, and who waits can be told how many there are.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import SOURCES, find_opener
from .files import find_files

_FILE = "file:"


def list_sources(texts: Sequence[str], kind: str) -> list[str]:
    """Texts for `open_source`, each of which gives one file or one stream.

    kind: as of `open_source`. Raises InputError for what is not there or holds nothing, before anything runs.
    """
    listed: list[str] = []
    for text in texts:
        target, address = find_opener(text)
        if target == SOURCES["file"]:
            listed += [f"{_FILE}{path}" for path in find_files(address, kind)]
        else:
            listed.append(text)
    return listed


def shown_source(text: str) -> str:
    """A listed source as its items are named."""
    return text.removeprefix(_FILE)
