"""How the exporters' options are read, and what tab completion offers for them."""

from __future__ import annotations

import re

import click

from edgeai.errors import UsageError

from ..request import FORMATS

_SHAPE = re.compile(r"(?:(?P<name>.+):)?(?P<sizes>\d+(?:x\d+)*)")
_DIM = re.compile(r"(?P<name>\w+)(?:=(?P<low>\d+)\.\.(?P<high>\d+))?")
_DROP = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<percent>\s*%)?")
_ANY_SIZE = (1, 1 << 20)


def shapes(texts: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """`x:1x3x224x224` by input name; a name that is left out is `""`. Raises UsageError."""
    found = {}
    for text in texts:
        match = _SHAPE.fullmatch(text)
        if match is None:
            raise UsageError(f"--shape {text!r} is no shape; give [NAME:]SIZExSIZE..., such as x:1x3x224x224")
        found[match["name"] or ""] = tuple(int(size) for size in match["sizes"].split("x"))
    return found


def dims(texts: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    """`batch=1..64` or `batch`, by name. Raises UsageError."""
    found = {}
    for text in texts:
        match = _DIM.fullmatch(text)
        if match is None:
            raise UsageError(
                f"--dim {text!r} is no dimension; give NAME or NAME=MIN..MAX, such as batch=1..64"
            )
        low, high = (int(match["low"]), int(match["high"])) if match["low"] else _ANY_SIZE
        if not 1 <= low <= high:
            raise UsageError(f"--dim {text!r}: {low} to {high} is no range of sizes")
        found[match["name"]] = (low, high)
    return found


def drop(text: str | None) -> float | None:
    """`0.5%` is 0.005, `0.005` too. Raises UsageError."""
    if text is None:
        return None
    match = _DROP.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"--max-drop {text!r} is no number; give 0.5% (points of a share) or a plain number")
    return float(match["number"]) / (100 if match["percent"] else 1)


def words(text: str | None) -> tuple[str, ...]:
    """`onnx,tflite` as a tuple."""
    return tuple(part for part in re.split(r"[,\s]+", text or "") if part)


def formats(text: str | None) -> tuple[str, ...]:
    """Raises UsageError for what no format is called."""
    found = words(text)
    for name in found:
        if name not in FORMATS:
            raise UsageError(f"--format {name!r} is unknown; known: {', '.join(FORMATS)}")
    return found


def _last_word(known: list[str], incomplete: str) -> list[str]:
    """Of a list with commas only the last word is being typed."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in known if name.startswith(last)]


def complete_formats(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Formats."""
    return _last_word(list(FORMATS), incomplete)


def complete_schemes(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Rows of the table of schemes."""
    from ..schemes import SCHEMES

    return _last_word([scheme.name for scheme in SCHEMES], incomplete)


def complete_metrics(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Rows of the table of metrics."""
    from ..metrics import METRICS

    return [name for name in METRICS if name.startswith(incomplete)]


def complete_sources(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Rows of the table of sources."""
    from ..sources import SOURCES

    return [name for name in SOURCES if name.startswith(incomplete)]
