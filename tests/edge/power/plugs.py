"""Plugs for tests: a real HTTP server on loopback that answers as plugs do, or misbehaves."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class FakePlug:
    """answers: of each path the JSON object, or (status, bytes). delay_s: before each answer."""

    answers: dict[str, Any]
    url: str = ""
    delay_s: float = 0.0
    hang_up_after_each: bool = False
    drop_by_drop: bool = False
    asked: list[str] = field(default_factory=list)
    signed_in: list[str | None] = field(default_factory=list)
    connections: int = 0


def _handler(plug: FakePlug) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            plug.connections += 1

        def do_GET(self) -> None:
            plug.asked.append(self.path)
            plug.signed_in.append(self.headers.get("Authorization"))
            time.sleep(plug.delay_s)
            answer = plug.answers.get(self.path, (404, b'{"code":404,"message":"No handler"}'))
            status, content = answer if isinstance(answer, tuple) else (200, json.dumps(answer).encode())
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if plug.drop_by_drop:
                for byte in content:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(0.02)
            else:
                self.wfile.write(content)
            if plug.hang_up_after_each:  # without saying so, as small devices do
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:  # the client gave up
                self.close_connection = True

        def finish(self) -> None:
            with suppress(ConnectionError):
                super().finish()

    return Handler


@contextmanager
def serving(plug: FakePlug) -> Iterator[FakePlug]:
    """Serve until the end of the block; `plug.url` says where."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(plug))
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    plug.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield plug
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
