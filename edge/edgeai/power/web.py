"""JSON over HTTP from a smart plug in the local network: one connection that is kept open."""

from __future__ import annotations

import base64
import http.client
import io
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from ..errors import UsageError, one_line
from .meter import ReadFailed

if TYPE_CHECKING:
    import socket

# A plug answers within tens of milliseconds; one with a weak radio link now and then within a second.
TIMEOUT_S = 2.0
_MOST_BYTES = 256 * 1024


@dataclass(frozen=True)
class Address:
    """Where a plug is. channel: of a plug with several outlets, from 0 on; user, password: None without."""

    host: str
    port: int
    channel: int = 0
    user: str | None = None
    password: str | None = None

    @property
    def url(self) -> str:
        """As a report shows it: without the password."""
        port = "" if self.port == http.client.HTTP_PORT else f":{self.port}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}{port}" + (f"/?id={self.channel}" if self.channel else "")


def parse_address(kind: str, text: str) -> Address:
    """`http://10.0.0.7`, `10.0.0.7:8080`, `http://admin:PASSWORD@plug.local/?id=1`.

    kind: the meter's name, for the message. Raises UsageError for anything else.
    """
    what = UsageError(
        f"--meter {kind}={one_line(_without_password(text))}: not an address of a plug; "
        f"for example {kind}=http://10.0.0.7, and http://10.0.0.7/?id=1 for its second outlet"
    )
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port
        query = parse_qs(parts.query, strict_parsing=bool(parts.query))
        channel = int(query.pop("id", ["0"])[0])
    except ValueError:
        raise what from None
    if parts.scheme != "http" or not parts.hostname or parts.path not in ("", "/") or query or channel < 0:
        raise what
    user, password = parts.username, parts.password
    return Address(
        parts.hostname,
        port or http.client.HTTP_PORT,
        channel,
        None if user is None else unquote(user),
        None if password is None else unquote(password),
    )


class WebError(ReadFailed):
    """A request that gave nothing. status: of HTTP, None where the plug did not get that far."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class _Prompt(io.RawIOBase):
    """What a socket receives within its timeout, all waits together."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket, self._raw = connected, connected.makefile("rb", buffering=0)
        self._until_s = time.monotonic() + (connected.gettimeout() or TIMEOUT_S)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(left_s)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """Also headers that come drop by drop end at the timeout, which is of a single wait otherwise."""

    def __init__(self, sock: socket.socket, *words: Any, **options: Any) -> None:
        super().__init__(sock, *words, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_Prompt(sock))


class Plug:
    """Asks for JSON, over one connection that is opened at the first question and again where it broke."""

    def __init__(self, address: Address, timeout_s: float = TIMEOUT_S) -> None:
        self.address = address
        self._connection = http.client.HTTPConnection(address.host, address.port, timeout=timeout_s)
        self._connection.response_class = _Response
        self._timeout_s = timeout_s
        self._headers = {"Accept": "application/json"}

    def sign_in(self) -> None:
        """Send the address's user and password with each request (HTTP Basic)."""
        pair = f"{self.address.user or ''}:{self.address.password or ''}"
        self._headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()

    def get(self, path: str) -> dict[str, Any]:
        """The JSON object at a path. Raises WebError, whatever went wrong."""
        status, content = self._fetch(path)
        if status != http.HTTPStatus.OK:
            raise WebError(f"{self.address.url} answered with HTTP {status}", status)
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise WebError(f"{self.address.url} did not answer with a JSON object: {one_line(content[:60])}")
        return answer

    def close(self) -> None:
        """Close the connection; a second time does nothing."""
        self._connection.close()

    def _fetch(self, path: str) -> tuple[int, bytes]:
        kept = self._connection.sock is not None
        try:
            return self._exchange(path)
        except (http.client.HTTPException, ConnectionError) as error:
            self._connection.close()
            if not kept:
                raise self._failure(error) from error
        except OSError as error:  # also a timeout: what comes late must not be taken for the next answer
            self._connection.close()
            raise self._failure(error) from error
        try:  # a plug closes a connection that was idle for a while
            return self._exchange(path)
        except (http.client.HTTPException, OSError) as error:
            self._connection.close()
            raise self._failure(error) from error

    def _exchange(self, path: str) -> tuple[int, bytes]:
        if self._connection.sock is not None:  # kept, with what the answer before left of its time
            self._connection.sock.settimeout(self._timeout_s)
        self._connection.request("GET", path, headers=self._headers)
        response = self._connection.getresponse()
        content = b""
        while len(content) <= _MOST_BYTES and (part := response.read1(_MOST_BYTES)):
            content += part
        if len(content) > _MOST_BYTES:
            raise http.client.HTTPException(f"more than {_MOST_BYTES} bytes")
        response.read()  # nothing is left; this ends the response, so that the connection can be used again
        return response.status, content

    def _failure(self, error: Exception) -> WebError:
        if isinstance(error, TimeoutError):
            return WebError(f"{self.address.url} did not answer within {self._timeout_s:g} s")
        return WebError(f"{self.address.url} cannot be read: {one_line(error, 80) or type(error).__name__}")


def number(answer: dict[str, Any], *keys: str | int) -> float | None:
    """The number at a path of keys and indices; None where it is not there or is no number."""
    value: Any = answer
    try:
        for key in keys:
            value = value[key]
    except (KeyError, IndexError, TypeError):
        return None
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _without_password(text: str) -> str:
    before, at, behind = text.rpartition("@")
    return (
        f"{before.split('://')[0]}://...@{behind}"
        if at and "://" in before
        else f"...@{behind}"
        if at
        else text
    )
