"""Addresses of boards: `ssh://user@host:port/path`."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from ..errors import RemoteError, one_line


@dataclass(frozen=True)
class Address:
    """host: `user@host`, as ssh takes it. port: None for what the ssh config says. path: behind the host."""

    host: str
    port: int | None = None
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Raises RemoteError, which says what to write."""
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise RemoteError(
                f"{one_line(text)} is no address ({error}); write ssh://user@host:port"
            ) from error
        plain = not (parts.query or parts.fragment or parts.password)
        if parts.scheme != "ssh" or not parts.hostname or not plain or not text.isprintable():
            raise RemoteError(
                f"{one_line(text)} is no address of a board; write ssh://user@host or ssh://user@host:port"
            )
        host = parts.hostname if parts.username is None else f"{parts.username}@{parts.hostname}"
        if host.startswith("-"):  # ssh would take it for an option
            raise RemoteError(f"{one_line(text)} has no host; write ssh://user@host")
        return cls(host, port, unquote(parts.path) if parts.path.strip("/") else "")

    def __str__(self) -> str:
        """`user@host:port`, which tells a board from others."""
        user, at, host = self.host.rpartition("@")
        bracketed = f"[{host}]" if ":" in host and self.port is not None else host
        return f"{user}{at}{bracketed}" + ("" if self.port is None else f":{self.port}")
