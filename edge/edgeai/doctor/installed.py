"""Installed Python distributions, read from their `dist-info` and `egg-info`.

By hand, since `importlib.metadata` takes 25 to 120 ms to import, and since captured trees and tests have
folders of their own.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..sysroot import SysRoot

# Where systems and environments keep packages in a captured tree.
_IN_TREES = (
    "usr/local/lib/python3*/*-packages",
    "usr/lib/python3*/dist-packages",
    "opt/*/lib/python3*/site-packages",
    "home/*/*/lib/python3*/site-packages",
)
_LARGEST_BYTES = 1 << 20
"""Of METADATA that is read: a description may be long, and only the lines before it matter."""


@dataclass(frozen=True)
class Distribution:
    """One installed distribution.

    name: as normalised by PEP 503 (lower case, hyphens). requires: `Requires-Dist` lines as written.
    info: its dist-info or egg-info.
    """

    name: str
    version: str
    requires: tuple[str, ...]
    info: Path

    @property
    def folder(self) -> Path:
        """The folder on `sys.path` that it lies in."""
        return self.info.parent

    @property
    def is_from_apt(self) -> bool:
        """Debian's packages lie in a folder of their own, which pip does not write to."""
        return self.folder.parts[-4:] == ("usr", "lib", "python3", "dist-packages")

    @cached_property
    def top_level(self) -> frozenset[str]:
        """Modules at its top, as its `top_level.txt` or else its RECORD says."""
        text = _text(self.info / "top_level.txt")
        if text.strip():
            return frozenset(text.split())
        lines = _text(self.info / "RECORD", None).splitlines()
        return frozenset(line.split("/", 1)[0] for line in lines if "/__init__.py," in line)


def distributions_here() -> tuple[Distribution, ...]:
    """What this Python imports from, in the order in which it looks."""
    return read_distributions(Path(entry or ".") for entry in sys.path)


def distributions_of_tree(root: SysRoot) -> tuple[Distribution, ...] | None:
    """Those of a captured tree; None where it holds no folder of packages."""
    folders = [root.at(path) for pattern in _IN_TREES for path in root.glob(pattern)]
    return read_distributions(folders) if folders else None


def read_distributions(folders: Iterable[Path]) -> tuple[Distribution, ...]:
    """All distributions of folders, in order; of one folder by name. What cannot be read is passed over."""
    found: list[Distribution] = []
    for folder in dict.fromkeys(folders):
        try:
            entries = sorted(
                entry for entry in folder.iterdir() if entry.suffix in (".dist-info", ".egg-info")
            )
        except OSError:  # a zip file, or a folder that is not there
            continue
        found += filter(None, map(_distribution, entries))
    return tuple(found)


def first_of_each(found: Iterable[Distribution]) -> dict[str, Distribution]:
    """What an import gets, by name: the first on the path."""
    chosen: dict[str, Distribution] = {}
    for each in found:
        chosen.setdefault(each.name, each)
    return chosen


def normalised(name: str) -> str:
    """PEP 503: `Foo_Bar.baz` is `foo-bar-baz`."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _distribution(info: Path) -> Distribution | None:
    text = _text(info / "METADATA") or _text(info / "PKG-INFO") or _text(info)
    name, version, requires = "", "", []
    for line in text.splitlines():
        if not line:  # the description begins
            break
        key, _, value = line.partition(": ")
        if key == "Name":
            name = normalised(value)
        elif key == "Version":
            version = value.strip()
        elif key == "Requires-Dist":
            requires.append(value.strip())
    return Distribution(name, version, tuple(requires), info) if name and version else None


def _text(file: Path, limit: int | None = _LARGEST_BYTES) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(limit).decode("utf-8", "replace")
    except OSError:
        return ""
