"""The command that gives the same export again, made of the request's fields."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edgeai.errors import one_line

from ..outcome import Outcome
from ..request import Request

# Field of the request: option that it is given by. `source` is the argument; `report`, `work` and `force` do
# not change what comes out.
OPTIONS = {
    "via": "--via",
    "task": "--task",
    "shapes": "--shape",
    "dims": "--dim",
    "example": "--example",
    "opset": "--opset",
    "formats": "--format",
    "schemes": "--scheme",
    "data": "--data",
    "labels": "--labels",
    "calibrate": "--calibrate",
    "evaluate": "--evaluate",
    "limit": "--samples",
    "random": "--random-calibration",
    "steps": "--steps",
    "metric": "--metric",
    "max_drop": "--max-drop",
    "min_cosine": "--min-cosine",
    "allow_drop": "--allow-drop",
    "prefer": "--prefer",
    "target": "--target",
    "measure_on": "--measure-on",
    "resize_batch": "--resize-batch",
    "seed": "--seed",
    "id": "--id",
    "version": "--bundle-version",
    "licence": "--licence",
    "out": "-o",
}


def command(outcome: Outcome) -> str | None:
    """On one line, quoted for a shell; what is at its default is left out. None where it is not known."""
    settings = outcome.settings
    given = settings.get("command")
    if isinstance(given, str):
        return one_line(given, 20_000)
    if isinstance(given, Sequence):
        return shlex.join(map(str, given))
    if not settings.get("source"):
        return None
    return shlex.join(["edgeai", "export", str(settings["source"]), *_words(settings)])


def _words(settings: Mapping[str, Any]) -> Iterator[str]:
    for name, option in OPTIONS.items():
        value = settings.get(name)
        if value is None or value is False or value == getattr(Request, name, None):
            continue
        if value is True:
            yield option
        elif isinstance(value, Mapping):
            for key, each in value.items():
                yield from (option, _entry(name, key, each))
        elif isinstance(value, Sequence) and not isinstance(value, str):
            if value:
                yield from (option, ",".join(map(str, value)))
        else:
            yield from (option, str(value))


def _entry(name: str, key: str, value: Sequence[Any]) -> str:
    """`x:1x3x96x96` of shapes, `batch=1..64` of dims."""
    if name == "dims":
        return f"{key}={'..'.join(map(str, value))}"
    sizes = "x".join(map(str, value))
    return f"{key}:{sizes}" if key else sizes
