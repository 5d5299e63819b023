"""Which names the files of a bundle may have: those that FAT, ext4, Windows and macOS all keep as they are.

A name is `folder/file`, of components that start with a letter, digit or `_` and go on with these and
`. + @ = , -`. None ends with a dot or is a Windows device (`con`, `nul.onnx`); none may differ from
another by case alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..errors import one_line

NAME_LIMIT = 240
"""Letters of a whole name: FAT's long names end at 255, and `NAME_MAX` of Linux's file systems does."""

DEPTH_LIMIT = 16
"""Components of a name."""

_COMPONENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@=,-]*(?<!\.)")

# https://learn.microsoft.com/windows/win32/fileio/naming-a-file: with any extension, in any case.
_WINDOWS_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def name_problem(name: str) -> str | None:
    """Why a bundle cannot hold a file of this name; None if it can."""
    if len(name) > NAME_LIMIT:
        return f"is longer than {NAME_LIMIT} letters"
    if name.startswith("/"):
        return "is an absolute path"
    parts = name.split("/")
    if len(parts) > DEPTH_LIMIT:
        return f"lies deeper than {DEPTH_LIMIT} folders"
    return next((problem for part in parts if (problem := _component_problem(part))), None)


def clash(names: Iterable[str]) -> str | None:
    """Why these files cannot lie in one folder on every file system; None if they can."""
    spelt: dict[str, str] = {}
    files: set[str] = set()
    for name in names:
        folded = name.lower()
        if folded in files:
            return f"{_quoted(name)} is there twice, or differs from another by case alone"
        files.add(folded)
        parts = name.split("/")
        for count in range(1, len(parts)):
            folder = "/".join(parts[:count])
            if spelt.setdefault(folder.lower(), folder) != folder:
                return f"the folder {_quoted(folder)} differs from another by case alone"
    both = files & spelt.keys()
    return f"{_quoted(min(both))} is a file and a folder" if both else None


def _component_problem(part: str) -> str | None:
    if part in {".", ".."}:
        return "leads out of its folder"
    if not part:
        return "has an empty component"
    if not _COMPONENT.fullmatch(part):
        return (
            "is not portable: use letters, digits and _ . + @ = , - (beginning with a letter, digit or _, "
            "and no dot at the end)"
        )
    return "is the name of a device on Windows" if _WINDOWS_DEVICE.fullmatch(part) else None


def _quoted(name: str) -> str:
    return repr(one_line(name, 120))
