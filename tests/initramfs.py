"""An initramfs whose only program is a Python file, run by the Python that runs this."""

from __future__ import annotations

import io
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

# What no guest's program imports; the rest of the standard library is 60 MB.
_LEFT_OUT = {"test", "tests", "site-packages", "dist-packages"}
_LEFT_OUT |= {"idlelib", "tkinter", "ensurepip", "lib2to3", "turtledemo"}


class Initramfs:
    """Writes a `newc` archive: linux/Documentation/driver-api/early-userspace/buffer-format.rst."""

    def __init__(self, file: io.BufferedWriter) -> None:
        self._file, self._inode, self._folders = file, 0, {"."}

    def add_file(self, name: str, source: Path) -> None:
        """A file, and the folders above it. A link's target is taken, under the link's name."""
        state = source.stat()
        self.add(name, source.read_bytes(), stat.S_IMODE(state.st_mode), int(state.st_mtime))

    def add(self, name: str, data: bytes, mode: int = 0o644, modified: int = 0) -> None:
        for parent in reversed(Path(name).parents):
            if str(parent) not in self._folders:
                self._folders.add(str(parent))
                self._entry(str(parent), b"", stat.S_IFDIR | 0o755, 0)
        self._entry(name, data, stat.S_IFREG | mode, modified)

    def end(self) -> None:
        """The last entry, which says so."""
        self._entry("TRAILER!!!", b"", 0, 0)

    def _entry(self, name: str, data: bytes, mode: int, modified: int) -> None:
        self._inode += 1
        fields = [self._inode, mode, 0, 0, 1, modified, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        header = "070701" + "".join(f"{field:08x}" for field in fields)
        self._padded(header.encode() + name.encode() + b"\0")
        self._padded(data)

    def _padded(self, data: bytes) -> None:
        self._file.write(data + b"\0" * (-len(data) % 4))


def python_files() -> list[Path]:
    """The interpreter that runs this, its standard library, and the shared libraries that those want."""
    program = Path(sys.base_prefix, "bin/python3")
    library = Path(os.__file__).parent
    files = [program]
    for folder, folders, names in os.walk(library):
        folders[:] = [each for each in folders if each not in _LEFT_OUT and not each.startswith("config-")]
        files += [Path(folder, name) for name in names if not re.search(r"\.opt-\d\.pyc$|\.a$", name)]
    native = [program, *(each for each in files if each.suffix == ".so")]
    linked = subprocess.run(["ldd", *native], capture_output=True, text=True, check=False).stdout
    libraries = set(re.findall(r"(?:=> |^\s+)(/\S+) \(0x", linked, re.MULTILINE))
    return files + [Path(each) for each in sorted(libraries)]
