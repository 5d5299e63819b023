"""The only reader of /proc, /sys and /etc, so that a board's captured tree can stand in for a real board."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


def whole_number(text: str) -> int | None:
    """A number from 0 as a kernel writes it; None for anything else, and for what 64 bits could not hold."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None


@dataclass(frozen=True)
class SysRoot:
    """A file system root to read system facts from.

    `SysRoot()` is this machine; `SysRoot(Path("tests/boards/raspberry-pi-5"))` is a captured board.
    Paths are given as on the device (`/proc/meminfo`). What cannot be read is None: containers hide
    files, boards lack sensors, and permissions differ.
    """

    path: Path = Path("/")

    def at(self, path: str) -> Path:
        """Where a device path lies under this root."""
        return self.path / path.lstrip("/")

    def read_bytes(self, path: str) -> bytes | None:
        """The file's bytes, or None where it cannot be read."""
        try:
            return self.at(path).read_bytes()
        except OSError:
            return None

    def read_text(self, path: str) -> str | None:
        """The file's text without trailing white space and NUL, or None where it cannot be read."""
        raw = self.read_bytes(path)
        return None if raw is None else raw.decode("utf-8", "replace").rstrip("\0 \t\r\n")

    def read_int(self, path: str) -> int | None:
        """The file's text as a decimal integer, or None where it is absent or no integer."""
        text = (self.read_text(path) or "").strip()
        number = whole_number(text.removeprefix("-"))
        return number if number is None or not text.startswith("-") else -number

    def read_strings(self, path: str) -> tuple[str, ...]:
        """A NUL-separated list, as the device tree's `compatible` is; empty where it cannot be read."""
        raw = self.read_bytes(path) or b""
        return tuple(part.decode("utf-8", "replace") for part in raw.split(b"\0") if part)

    def read_fields(self, path: str) -> dict[str, str]:
        """`Key: value` lines, as /proc/meminfo and /proc/self/status have; of a repeated key the first."""
        fields: dict[str, str] = {}
        for line in (self.read_text(path) or "").splitlines():
            key, colon, value = line.partition(":")
            if colon:
                fields.setdefault(key.strip(), value.strip())
        return fields

    def glob(self, pattern: str) -> tuple[str, ...]:
        """Device paths that match, sorted; empty where the folder cannot be read."""
        try:
            found = sorted(self.path.glob(pattern.lstrip("/")))
        except OSError:
            return ()
        return tuple("/" + str(path.relative_to(self.path)) for path in found)

    def exists(self, path: str) -> bool:
        """Whether something is at the path."""
        try:
            return self.at(path).exists()
        except OSError:
            return False

    def write_text(self, path: str, text: str) -> bool:
        """Write to a control file such as /proc/self/clear_refs; False where that is refused."""
        try:
            self.at(path).write_text(text)
        except OSError:
            return False
        return True
