"""Processes that work on a store, and what a store then holds."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from edgeai.bundle.canonical import identity
from edgeai.store import Store
from tests.tiny_bundles import manifest_of

PRELUDE = """
import os, sys, time
from pathlib import Path
from edgeai.errors import EdgeError
from edgeai.store import Store
store, packed = Store(Path(sys.argv[1])), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
"""

ADD = """
try:
    store.add(packed)
except EdgeError as error:
    print(type(error).__name__, error, sep=": ")
"""


def start(code: str, home: Path, packed: Path, *words: str, waiting: bool = False) -> subprocess.Popen[str]:
    """A process that has imported what it needs and runs the code; if it is `waiting`, only after `go`."""
    child = subprocess.Popen(
        [sys.executable, "-B", "-c", PRELUDE + code, str(home), str(packed), *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n", child.communicate()[1]
    if not waiting:
        go(child)
    return child


def go(child: subprocess.Popen[str]) -> None:
    """Let a process run its code. It prints nothing before, so that `communicate` misses nothing."""
    assert child.stdin is not None
    child.stdin.write("go\n")
    child.stdin.flush()


def names_in(store: Store) -> list[str]:
    """What lies in the folder of the bundles."""
    return sorted(path.name for path in store.folder.iterdir()) if store.folder.exists() else []


def is_whole(folder: Path, files: dict[str, bytes]) -> bool:
    """Whether a folder holds exactly this bundle, by content."""
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    manifest = found.pop("manifest.json", None)
    found.pop("manifest.sig", None)
    return (
        manifest is not None
        and hashlib.sha256(manifest.read_bytes()).hexdigest() == identity(manifest_of(files)) == folder.name
        and {name: path.read_bytes() for name, path in found.items()} == files
    )
