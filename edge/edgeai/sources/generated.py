"""A source whose items a generator makes; what the generator holds open is closed with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType

    from . import Item


class Generated:
    """See `edgeai.sources.Source`. Not live: what it reads from waits for its reader."""

    is_live = False

    def __init__(self, kind: str, items: Generator[Item, None, None]) -> None:
        self.kind = kind
        self._items = items

    def close(self) -> None:
        """End the generator, which closes what it has open."""
        self._items.close()

    def __next__(self) -> Item:
        return next(self._items)

    def __iter__(self) -> Generated:
        return self

    def __enter__(self) -> Generated:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
