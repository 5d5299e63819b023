"""What has been tried, on disk: a killed search goes on where it was and gives the same result."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Journal:
    """Results by key, appended to a file of JSON lines and flushed to the disk one by one.

    A line that was cut short by a kill is dropped, and its candidate tried again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._results = self._read()

    def __len__(self) -> int:
        return len(self._results)

    def recall(self, key: str, compute: Callable[[], Any]) -> Any:
        """The result under a key; computed and written where there is none. It must be JSON."""
        if key not in self._results:
            result = compute()
            self._append(key, result)
            self._results[key] = result
        return self._results[key]

    def _read(self) -> dict[str, Any]:
        if not self._path.exists():
            return {}
        text = self._path.read_bytes()
        whole, _, torn = text.rpartition(b"\n")
        if torn:
            with self._path.open("r+b") as file:
                file.truncate(len(text) - len(torn))
        lines = (json.loads(line) for line in whole.splitlines())
        return {line["key"]: line["result"] for line in lines}

    def _append(self, key: str, result: Any) -> None:
        line = json.dumps({"key": key, "result": result}).encode() + b"\n"
        # One write of one line: what a kill leaves is whole lines, and at most the start of one more.
        with self._path.open("ab", buffering=0) as file:
            file.write(line)
            os.fsync(file.fileno())


def digest(*parts: Any) -> str:
    """A sha256 over JSON-able parts, as hexadecimal."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
