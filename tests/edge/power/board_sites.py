"""Boards' trees as sites: as they are, or as a copy that a test may change."""

from __future__ import annotations

import shutil
from pathlib import Path

from edgeai.device import detect
from edgeai.power import Site
from edgeai.sysroot import SysRoot

BOARDS = Path(__file__).parents[2] / "boards"


def site(board: str, address: str | None = None) -> Site:
    """The board's tree itself."""
    return site_at(BOARDS / board, address)


def site_at(folder: Path, address: str | None = None) -> Site:
    """Any tree."""
    root = SysRoot(folder)
    return Site(root, detect(root), address)


def copied(board: str, folder: Path) -> Path:
    """A copy of a board's tree; its links stay links, and most of its CPUs' files stay behind."""
    target = folder / board
    ignore = shutil.ignore_patterns("cpufreq", "topology", "thermal_throttle")
    shutil.copytree(BOARDS / board, target, symlinks=True, ignore=ignore)
    return target


def write(folder: Path, path: str, text: object) -> None:
    """Write a file of a tree as the kernel does, with a line's end."""
    file = folder / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{text}\n")
