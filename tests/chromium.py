"""Opens a page in headless Chromium and tells what is on it, what it fetched and what it complained of.

Speaks the DevTools protocol over the browser's own pipe (file descriptors 3 and 4, JSON ended by a NUL), so
that no driver is needed. https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(PROGRAM is None, reason="no chromium here: apt-get install chromium")


@dataclass
class Opened:
    """A page that was loaded.

    requests: every URL that it asked for, its own first. complaints: of the console and of the browser.
    answer: what the script came to.
    """

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    answer: Any = None


class Chromium:
    """A browser for a `with`; its profile lies in `folder`. Without a sandbox, which root cannot have."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._rest = b""

    def __enter__(self) -> Chromium:
        """Start it."""
        assert PROGRAM is not None
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        # The shell puts the pipes where the browser looks for them. Of numbers from 10 on only bash knows.
        script = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        flags += ["--remote-debugging-pipe", f"--user-data-dir={self._folder}"]
        self._process = subprocess.Popen(
            ["bash", "-c", script, "bash", PROGRAM, *flags],
            pass_fds=(to_browser, from_browser),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it, and wait for its end."""
        os.close(self._write)  # it exits when its pipe is closed
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._read)

    def open(
        self,
        url: str,
        *,
        width: int,
        script: str = "null",
        dark: bool = False,
        media: str = "screen",
        picture: Path | None = None,
        paper: Path | None = None,
    ) -> Opened:
        """Load a page in a window of so many CSS pixels, a phone's up to 600.

        script: an expression whose value is the answer. picture, paper: where the whole page as PNG and its
        print as PDF are to be written.
        """
        opened = Opened()
        target = self._ask(opened, "Target.createTarget", {"url": "about:blank"})["targetId"]
        attach = {"targetId": target, "flatten": True}
        session = self._ask(opened, "Target.attachToTarget", attach)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._ask(opened, f"{domain}.enable", {}, session)
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width <= 600}
        self._ask(opened, "Emulation.setDeviceMetricsOverride", size, session)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask(opened, "Emulation.setEmulatedMedia", {"media": media, "features": [scheme]}, session)
        self._ask(opened, "Page.navigate", {"url": url}, session, until="Page.loadEventFired")
        told = self._ask(opened, "Runtime.evaluate", {"expression": script, "returnByValue": True}, session)
        assert "exceptionDetails" not in told, told
        opened.answer = told["result"].get("value")
        if picture is not None:
            shot = {"captureBeyondViewport": True}
            drawn = self._ask(opened, "Page.captureScreenshot", shot, session)["data"]
            picture.write_bytes(base64.b64decode(drawn))
        if paper is not None:
            printed = self._ask(opened, "Page.printToPDF", {"preferCSSPageSize": True}, session)["data"]
            paper.write_bytes(base64.b64decode(printed))
        self._ask(opened, "Target.closeTarget", {"targetId": target})
        return opened

    def _ask(
        self,
        opened: Opened,
        method: str,
        parameters: dict[str, Any],
        session: str | None = None,
        until: str | None = None,
    ) -> dict[str, Any]:
        """Send a command and take its answer; what happens meanwhile is noted down. until: an event."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            command["sessionId"] = session
        os.write(self._write, json.dumps(command).encode() + b"\0")
        result: dict[str, Any] | None = None
        while result is None or until is not None:
            message = self._message()
            if message.get("id") == self._number:
                assert "error" not in message, message
                result = message["result"]
            elif message.get("method") == until:
                until = None
            else:
                _note(opened, message)
        return result

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._read, 1 << 20)
            assert part, "chromium has ended"
            self._rest += part
        text, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message


def _note(opened: Opened, message: dict[str, Any]) -> None:
    told = message.get("params", {})
    match message.get("method"):
        case "Network.requestWillBeSent":
            opened.requests.append(told["request"]["url"])
        case "Runtime.exceptionThrown":
            opened.complaints.append(told["exceptionDetails"]["text"])
        case "Runtime.consoleAPICalled":
            opened.complaints.append(f"console.{told['type']}: {told['args']}")
        case "Log.entryAdded":
            opened.complaints.append(told["entry"]["text"])
