"""The Otii application's TCP server, as its client's docstrings describe it: JSON objects, one a line."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class FakeOtii:
    """devices: names. values: of each channel; one that is not there is not valid for the device."""

    devices: list[str] = field(default_factory=lambda: ["Arc"])
    values: dict[str, float] = field(default_factory=lambda: {"mp": 4.25, "mc": 0.85, "mv": 5.0})
    licences: int = 1
    reserved_to: str = ""
    logged_in: bool = True
    delay_s: float = 0.0
    port: int = 0
    asked: list[str] = field(default_factory=list)
    connections: int = 0

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        command, data = request["cmd"], request.get("data", {})
        reply = {"type": "response", "cmd": command, "trans_id": request["trans_id"]}
        free = {
            "id": 7,
            "type": "Automation",
            "available": True,
            "reserved_to": self.reserved_to,
            "hostname": "",
        }
        known: dict[str, Any] = {
            "otii_is_logged_in": {"logged_in": self.logged_in},
            "otii_get_licenses": {"licenses": [free] * self.licences},
            "otii_reserve_license": {},
            "otii_return_license": {},
            "otii_get_devices": {
                "devices": [{"device_id": f"id-{name}", "name": name, "type": "Arc"} for name in self.devices]
            },
        }
        if command == "arc_get_value":
            if data["channel"] in self.values:
                return reply | {"data": {"value": self.values[data["channel"]]}}
            return reply | {"type": "error", "errorcode": "Command not valid for device type", "data": {}}
        return reply | {"data": known[command]}


@contextmanager
def serving(otii: FakeOtii) -> Iterator[FakeOtii]:
    """Serve on loopback until the end of the block."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            otii.connections += 1
            with suppress(ConnectionError):
                self.say({"type": "information", "info": "connected", "data": {"otii_version": "3.5.5"}})
                for line in self.rfile:
                    request = json.loads(line)
                    otii.asked.append(request["cmd"])
                    time.sleep(otii.delay_s)
                    self.say(otii.answer(request))

        def say(self, message: dict[str, Any]) -> None:
            self.wfile.write(json.dumps(message).encode() + b"\r\n")

        def finish(self) -> None:
            with suppress(ConnectionError):
                super().finish()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    otii.port = server.server_address[1]
    try:
        yield otii
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
