"""Command-line values of the bench: lists, rates, durations, shapes, and what tab completion offers."""

from __future__ import annotations

import re
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from edgeai.cli.options import SECONDS, ModelPath, duration, is_whole, parse_shapes
from edgeai.errors import one_line

__all__ = ["FILE", "MODEL", "complete_suites", "duration", "names", "numbers", "parse_shapes", "rate"]

# As many digits as have a meaning: Python itself refuses to read a number of thousands of them.
_RATE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(?:/(s|m|h)|\s*hz)?", re.IGNORECASE)


def names(text: str) -> tuple[str, ...]:
    """`a,b` as names."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def numbers(text: str) -> tuple[int, ...]:
    """`1,2,4` as whole numbers from 1."""
    parts = [part.strip() for part in text.split(",")]
    if not all(is_whole(part) for part in parts):
        raise click.BadParameter(f"{one_line(text)!r} is no list of whole numbers from 1, like 1,2,4")
    return tuple(int(part) for part in parts)


def rate(text: str) -> float:
    """`10/s`, `6/m` or `10 Hz` in calls a second."""
    found = _RATE.fullmatch(text.strip())
    if found is None or float(found[1]) == 0:
        raise click.BadParameter(f"{one_line(text)!r} is no rate like 10/s or 6/m")
    return float(found[1]) / SECONDS[(found[2] or "s").lower()]


# Whether a file can be read is said where it is read, in the same words for every way there.
FILE = click.Path(path_type=Path, readable=False)
MODEL = ModelPath(path_type=Path, readable=False)


def complete_suites(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Suites that ship, and files."""
    from .suites import suite_names

    names = [CompletionItem(name) for name in suite_names() if name.startswith(incomplete)]
    return names or [CompletionItem(incomplete, type="file")]
