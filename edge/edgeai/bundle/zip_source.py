"""The bytes of an archive, read only where there are some, and what is said when they are wrong."""

from __future__ import annotations

import os
from typing import NoReturn

from ..errors import BundleDamaged, BundleUnsafe, one_line


class Source:
    """An open file by its descriptor. shown: what errors call it."""

    def __init__(self, descriptor: int, shown: str) -> None:
        self._descriptor = descriptor
        self._shown = shown
        self.size_bytes = os.fstat(descriptor).st_size

    def read(self, offset: int, count: int) -> bytes:
        """Exactly `count` bytes; takes no memory for bytes that are not there. Raises BundleDamaged."""
        if offset + count > self.size_bytes:
            self.damaged("a record points behind the end of the file, which is cut short")
        parts: list[bytes] = []
        while count:
            try:
                part = os.pread(self._descriptor, count, offset)
            except OSError as error:
                self.damaged(f"it cannot be read at byte {offset:,}: {error.strerror}")
            if not part:
                self.damaged("it became shorter while it was read")
            parts.append(part)
            offset += len(part)
            count -= len(part)
        return b"".join(parts)

    def damaged(self, what: str) -> NoReturn:
        """Raise the error for a file that was cut short or changed."""
        raise BundleDamaged(f"{self._shown} is damaged: {what}; fetch or pack it again")

    def unsafe(self, what: str) -> NoReturn:
        """Raise the error for what an honest bundle never holds."""
        raise BundleUnsafe(f"{self._shown} is refused: {what}; pack it with `edgeai bundle`")


def quoted(name: str) -> str:
    """A member's name as errors show it."""
    return repr(one_line(name, 120))
